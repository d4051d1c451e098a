"""Every published landmark list, entry by entry, as CONVENTIONS.md A3, A6 and A9 print it."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.landmark_lists import BFM2009_53490, BFM2017_53149, TDDFA_53215, TDDFA_V2_38365
from synthgen.morphable.loaders.tddfa_v2_pickle import check_known_landmarks
from tests.morphable.loaders.bfm_fixtures import KEYPOINTS_RAW_0B, KEYPOINTS_TRIMMED_1B

# A6, 0-based.
WITHOUT_NECK = """
17440 17716 17222 16770 33981 34802 35355 35777 36091 36403 36806 37333 38086 29006 28546 28036 28276 29704 30401 30791
30996 31163 31902 32068 32276 32670 33376 8161 8177 8187 8192 6515 7243 8204 9163 9883 2215 3886 4920 5828 4801 3640
10455 11353 12383 14066 12653 11492 5522 6025 7495 8215 8935 10395 10795 9555 8836 8236 7636 6915 5909 7384 8223 9064
10537 8829 8229 7629
"""
# A9: iBUG's number from 1 -> vertex from 0.
EOS_2017 = """
9→47846, 31→8156, 37→2602, 40→5830, 43→10390, 46→13481, 49→5522, 50→6026, 51→7355, 52→8181, 53→9007, 54→10329, 55→10857,
56→9730, 57→8670, 58→8199, 59→7726, 60→6898, 61→6291, 62→7364, 63→8190, 64→9016, 65→10088, 66→8663, 67→8191, 68→7719
"""


def without_neck() -> np.ndarray:
    return np.array(WITHOUT_NECK.split(), np.int64)


def test_three_lists_of_68() -> None:
    np.testing.assert_array_equal(TDDFA_53215, KEYPOINTS_TRIMMED_1B - 1)
    np.testing.assert_array_equal(BFM2009_53490, KEYPOINTS_RAW_0B)
    np.testing.assert_array_equal(TDDFA_V2_38365, without_neck())


def test_eos_lists_26_points_of_2017() -> None:
    pairs = [entry.split("→") for entry in EOS_2017.replace(",", " ").split()]
    assert {int(point) - 1: int(vertex) for point, vertex in pairs} == BFM2017_53149
    assert len(pairs) == 26


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [(without_neck(), KEYPOINTS_TRIMMED_1B - 1), (KEYPOINTS_TRIMMED_1B - 1, KEYPOINTS_RAW_0B)],
)
def test_a_mesh_that_only_lost_vertices_keeps_their_order(smaller: np.ndarray, larger: np.ndarray) -> None:
    """M2: both are the same points, and what was removed below a vertex can only grow along the list."""
    order = np.argsort(larger)
    removed = (larger - smaller)[order]
    assert removed[0] >= 0 and (np.diff(removed) >= 0).all() and (np.diff(smaller[order]) > 0).all()


def test_an_index_list_must_lead_to_the_points_with_neck() -> None:
    """M2: indices[landmark without neck] is the landmark with neck, for all 68."""
    indices = np.full(38365, -1)
    indices[without_neck()] = KEYPOINTS_TRIMMED_1B - 1
    check_known_landmarks(Path("indices.npy"), indices, without_neck())
    for point in range(68):
        wrong = indices.copy()
        wrong[without_neck()[point]] += 1
        with pytest.raises(ModelError, match=rf"indices\.npy: leads landmark {point} .0-based. to vertex"):
            check_known_landmarks(Path("indices.npy"), wrong, without_neck())
