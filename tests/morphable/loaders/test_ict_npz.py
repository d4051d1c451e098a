"""ICT-FaceKit packed as arrays: read as it is, and refused by array and reason when it is not the release."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_ICT_NPZ_BYTES
from synthgen.morphable.loaders.ict_arrays import IctArrays
from synthgen.morphable.loaders.ict_npz import is_ict_npz, read_ict_npz
from synthgen.morphable.loaders.ict_tables import POLYGON_COUNT, VERTEX_COUNT
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model_file import load_model


def packed() -> dict[str, Any]:
    """Arrays of the release's shapes: a ball the size of a head, one identity, two expressions."""
    random = np.random.default_rng(0)
    ball = random.normal(size=(VERTEX_COUNT, 3))
    polygons = random.integers(0, VERTEX_COUNT, (POLYGON_COUNT, 4))
    polygons[::50, 3] = -1
    return {
        "vertices": (12.0 * ball / np.linalg.norm(ball, axis=1, keepdims=True)).astype(np.float32),
        "id_deltas": np.zeros((1, VERTEX_COUNT, 3), np.float32),
        "ex_deltas": np.zeros((2, VERTEX_COUNT, 3), np.float32),
        "expression_names": np.array(["jawOpen", "browInnerUp_L"]),
        "faces_quad": polygons.astype(np.int32),
        "licence": np.array("anything else"),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_are(save: Any, tmp_path: Path) -> None:
    arrays = packed()
    save(tmp_path / "ict.npz", **arrays)
    assert is_ict_npz(tmp_path / "ict.npz")
    found = read_ict_npz(tmp_path / "ict.npz")
    np.testing.assert_array_equal(found.neutral, arrays["vertices"])
    np.testing.assert_array_equal(found.polygons, arrays["faces_quad"])
    assert found.expression_names == ("jawOpen", "browInnerUp_L")
    assert found.identity_deltas.shape[0] == 1 and found.expression_deltas.shape[0] == 2


def changed(**arrays: Any) -> dict[str, Any]:
    return packed() | arrays


def with_value(key: str, place: tuple[int, ...], value: float) -> dict[str, Any]:
    arrays = packed()
    arrays[key][place] = value
    return arrays


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        (changed(vertices=np.zeros((9409, 3), np.float32)), "'vertices' is float32 .*not the full ICT-FaceKit mesh"),
        (changed(vertices=np.zeros((VERTEX_COUNT, 3), np.int32)), "'vertices' is int32.*expected floats"),
        (changed(id_deltas=np.zeros((0, VERTEX_COUNT, 3), np.float32)), "'id_deltas'"),
        (changed(ex_deltas=np.zeros((2, VERTEX_COUNT, 2), np.float32)), "'ex_deltas'"),
        (changed(expression_names=np.array(["jawOpen"])), "2 distinct names"),
        (changed(expression_names=np.array(["jawOpen", "jawOpen"])), "2 distinct names"),
        (changed(expression_names=np.array(["jawOpen", "../x"])), "2 distinct names"),
        (changed(expression_names=np.array([1, 2])), "expected text"),
        (changed(faces_quad=np.zeros((52220, 3), np.int32)), "'faces_quad'"),
        (with_value("faces_quad", (7, 1), VERTEX_COUNT), "'faces_quad' holds indices .* expected 0 to 26718"),
        (with_value("faces_quad", (7, 0), -1), "'faces_quad' holds indices -1"),
        (with_value("faces_quad", (7, 3), -2), "'faces_quad' holds indices -2"),
        (with_value("ex_deltas", (1, 5, 2), np.nan), "'ex_deltas' holds a number that is not finite"),
        (changed(vertices=packed()["vertices"] * np.float32(10)), "another unit"),
    ],
)
def test_what_is_not_the_release_is_refused(arrays: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "ict.npz", **arrays)
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(tmp_path / "ict.npz")
    assert str(tmp_path / "ict.npz") in str(caught.value)


@pytest.mark.parametrize("key", ["vertices", "id_deltas", "ex_deltas", "expression_names", "faces_quad"])
def test_a_missing_array_is_named(key: str, tmp_path: Path) -> None:
    arrays = packed()
    del arrays[key]
    np.savez(tmp_path / "ict.npz", **arrays)
    assert not is_ict_npz(tmp_path / "ict.npz")
    with pytest.raises(ModelError, match=f"array '{key}' is missing"):
        import_model(tmp_path / "ict.npz", "ict-facekit")


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_nothing_in_it_is_executed(tmp_path: Path) -> None:
    canary = tmp_path / "touched"
    np.savez(tmp_path / "ict.npz", **changed(expression_names=np.array([Canary(canary), 1], object)))
    with pytest.raises(ModelError, match="expression_names"):
        import_model(tmp_path / "ict.npz")
    np.savez(tmp_path / "ict.npz", **changed(licence=np.array([Canary(canary)], object)))
    with pytest.raises(ModelError, match="expected plain numbers or text"):
        import_model(tmp_path / "ict.npz")
    assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()  # it would have been noticed


def test_more_than_the_release_can_need_is_refused_before_it_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "ict.npz", **changed(more=np.zeros(MOST_ICT_NPZ_BYTES, np.uint8)))
    assert (tmp_path / "ict.npz").stat().st_size < 10_000_000
    with pytest.raises(ModelError, match="that such a file can need"):
        import_model(tmp_path / "ict.npz")


def test_damaged_and_absent_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "ict.npz", **packed())
    content = (tmp_path / "ict.npz").read_bytes()
    (tmp_path / "ict.npz").write_bytes(content[: len(content) // 2])
    assert not is_ict_npz(tmp_path / "ict.npz")
    with pytest.raises(ModelError, match="not a whole npz"):
        import_model(tmp_path / "ict.npz", "ict-facekit")
    with pytest.raises(ModelError, match="not found"):
        import_model(tmp_path / "absent.npz", "ict-facekit")


def test_the_packed_release_gives_the_model(shared_data: Path, ict_arrays: IctArrays, ict_model_path: Path) -> None:
    """Recognised by its arrays; the same as NumPy reads."""
    assert is_ict_npz(shared_data / "ict_facekit.npz")
    assert not is_ict_npz(ict_model_path)
    with np.load(shared_data / "ict_facekit.npz", allow_pickle=False) as data:
        np.testing.assert_array_equal(ict_arrays.neutral, data["vertices"])
        np.testing.assert_array_equal(ict_arrays.expression_deltas, data["ex_deltas"])
        assert list(ict_arrays.expression_names) == data["expression_names"].tolist()
    model = load_model(ict_model_path)
    assert model.name == "ict-facekit" and model.identity_basis.shape[0] == 100
