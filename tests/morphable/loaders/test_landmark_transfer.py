"""Completing 68 landmarks: hidden points of ICT-FaceKit are found again, and how far off they are."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import landmark_lists
from synthgen.morphable.loaders.landmark_transfer import complete_landmarks
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from tests.morphable.loaders.bfm_fixtures import KEYPOINTS_RAW_0B, KEYPOINTS_TRIMMED_1B

# eos's Surrey list has no entry for these (0-based): the jaw beside the chin, and the inner mouth corners.
SURREY_MISSING = (*range(8), *range(9, 17), 60, 64)


@pytest.fixture(scope="module")
def ict(ict_model_path: Path) -> MorphableModel:
    return load_model(ict_model_path)


def own_landmarks(model: MorphableModel) -> np.ndarray:
    points = model.template.landmarks["ibug68"]
    return model.template.triangles[points.triangle][np.arange(68), points.barycentric.argmax(axis=1)]


@pytest.mark.parametrize(
    ("known", "mean_mm", "most_mm"),
    [
        (tuple(landmark_lists.BFM2017_53149), 4.1, 8.0),  # measured: 4.0 and 7.9
        (tuple(point for point in range(68) if point not in SURREY_MISSING), 4.5, 7.0),  # measured: 4.4 and 6.9
    ],
)
def test_hidden_landmarks_are_found_again(
    ict: MorphableModel, known: tuple[int, ...], mean_mm: float, most_mm: float
) -> None:
    truth = own_landmarks(ict)
    found = complete_landmarks(ict.mean, ict.template.triangles, {point: int(truth[point]) for point in known})
    np.testing.assert_array_equal(found[list(known)], truth[list(known)])
    hidden = np.setdiff1d(np.arange(68), known)
    apart = np.linalg.norm(ict.mean[found[hidden]] - ict.mean[truth[hidden]], axis=1)
    assert apart.mean() < mean_mm
    assert apart.max() < most_mm


def test_the_built_in_head_gives_its_own_points_back() -> None:
    from synthgen.morphable.procedural.build import build_procedural_model

    model = build_procedural_model("base")
    truth = own_landmarks(model)
    known = {point: int(truth[point]) for point in range(68) if point % 3}
    found = complete_landmarks(model.mean, model.template.triangles, known)
    # Its points lie inside triangles; vertices are up to an edge away, which at the ears is 5 mm long.
    apart = np.linalg.norm(model.mean[found] - model.mean[truth], axis=1)
    assert apart.max() < 5.0
    assert np.median(apart[::3]) < 1.0


def test_too_few_or_impossible_points_are_refused(ict: MorphableModel) -> None:
    triangles = ict.template.triangles
    with pytest.raises(ModelError, match="19 of the 68 .* needs 20"):
        complete_landmarks(ict.mean, triangles, {point: point for point in range(19)})
    with pytest.raises(ModelError, match="points 1 to 68"):
        complete_landmarks(ict.mean, triangles, {point: point for point in range(1, 69)})
    with pytest.raises(ModelError, match="vertices 0 to 99999999; expected .* vertices 0 to"):
        complete_landmarks(ict.mean, triangles, {point: 99999999 if point == 5 else point for point in range(30)})


def test_the_published_lists() -> None:
    np.testing.assert_array_equal(landmark_lists.TDDFA_53215, KEYPOINTS_TRIMMED_1B - 1)
    np.testing.assert_array_equal(landmark_lists.BFM2009_53490, KEYPOINTS_RAW_0B)
    assert landmark_lists.TDDFA_53215[0] == 21873  # known answer M1
    # Trimming only takes vertices away, in order.
    order = np.argsort(KEYPOINTS_RAW_0B)
    gone = (KEYPOINTS_RAW_0B - (KEYPOINTS_TRIMMED_1B - 1))[order]
    assert gone.min() >= 0 and gone.max() <= 275 and (np.diff(gone) >= 0).all()
    # The mesh without neck keeps the order, and the face's first vertices, too.
    noneck = np.array(landmark_lists.TDDFA_V2_38365)
    assert noneck.max() < 38365
    assert (np.argsort(noneck) == np.argsort(landmark_lists.TDDFA_53215)).all()
    assert len(landmark_lists.BFM2017_53149) == 26
    assert landmark_lists.BFM2017_53149[8] == 47846
    assert max(landmark_lists.BFM2017_53149.values()) < 53149
