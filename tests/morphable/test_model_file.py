"""Model files: what is written is read back; anything else is refused by file, array and expectation."""

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import ARRAYS, load_model, save_model
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import SurfacePoints, Template

V, T = 5, 3


def tiny_model() -> MorphableModel:
    """Two label-carrying triangles and one without, two identity and three expression components."""
    rng = np.random.default_rng(5)
    barycentric = rng.dirichlet([1, 1, 1], 68).astype(np.float32)
    template = Template(
        triangles=np.array([[0, 1, 2], [1, 0, 3], [0, 2, 4]], np.int32),
        label_count=2,
        uv=rng.random((T, 3, 2)).astype(np.float32),
        parts=np.array([8, 7, 0], np.uint8),
        pncc=rng.random((V, 3)).astype(np.float32),
        landmarks={
            "ibug68": SurfacePoints(rng.integers(0, 2, 68).astype(np.int32), barycentric),
            "aflw19": SurfacePoints(np.zeros(19, np.int32), barycentric[:19]),
        },
        contours=np.tile(np.array([0, 3, -1], np.int32), (17, 1)),
    )
    return MorphableModel(
        name="tiny",
        mean=np.array([[-50, 0, 0], [50, 0, 0], [0, 80, 0], [0, -80, 0], [0, 0, -90]], np.float32),
        identity_basis=rng.standard_normal((2, V, 3)).astype(np.float32),
        expression_basis=rng.standard_normal((3, V, 3)).astype(np.float32),
        expression_names=("jawOpen", "smile_L", "smile_R"),
        expression_unit="weight",
        expression_range=np.array([[0, 1], [0, 1], [-0.5, 1]], np.float32),
        expression_pca_mean=np.zeros(3, np.float32),
        expression_pca=rng.standard_normal((10, 3)).astype(np.float32),
        identity_stddev=rng.uniform(0.5, 2.0, 2).astype(np.float32),
        expression_stddev=rng.uniform(0.5, 2.0, 3).astype(np.float32),
        template=template,
        licence="CC0",
        source="made up",
    )


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.npz"
    save_model(tiny_model(), path)
    return path


def assert_same(a: Any, b: Any) -> None:
    """Equal records, field by field, bit by bit."""
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b
        assert type(a) is type(b)


def test_a_model_survives_the_file(model_file: Path) -> None:
    assert_same(load_model(model_file), tiny_model())


def test_equal_models_give_equal_bytes_and_no_other_file(tmp_path: Path, model_file: Path) -> None:
    again = tmp_path / "again.npz"
    save_model(tiny_model(), again)
    with zipfile.ZipFile(again) as a, zipfile.ZipFile(model_file) as b:
        assert {name: a.read(name) for name in a.namelist()} == {name: b.read(name) for name in b.namelist()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.npz", "tiny.npz"]


def test_the_file_holds_what_is_documented_and_no_pickle(model_file: Path) -> None:
    with np.load(model_file, allow_pickle=False) as data:
        assert {key for key in data.files if not key.startswith("landmarks/")} == set(ARRAYS)
        assert {key for key in data.files if key.startswith("landmarks/")} == {
            f"landmarks/{name}/{field}" for name in ("ibug68", "aflw19") for field in ("triangle", "barycentric")
        }
    assert all(spec.meaning for spec in ARRAYS.values())


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """The file with its arrays changed, written by NumPy alone."""
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files}
    change(arrays)
    np.savez(path, **arrays)


def put(key: str, place: tuple[int, ...], value: Any) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[key][place] = value

    return change


def replace(key: str, value: Any) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda arrays: arrays.update({key: np.asarray(value)})


DAMAGE = [
    ("mean is missing", lambda arrays: arrays.pop("mean"), ["'mean'", "missing"]),
    ("no points", lambda arrays: arrays.pop("landmarks/ibug68/triangle"), ["landmarks/ibug68/triangle", "missing"]),
    ("unknown array", replace("extra", 1.0), ["'extra'", "unknown"]),
    ("double mean", replace("mean", np.zeros((V, 3))), ["'mean'", "float64", "expected float32"]),
    ("2-D basis", replace("identity_basis", np.zeros((2, V), np.float32)), ["'identity_basis'", "(2, 5)", "I, V, 3"]),
    ("other V", replace("pncc", np.zeros((V + 1, 3), np.float32)), ["'pncc'", "(6, 3)", "(5, 3)"]),
    ("other E", replace("expression_pca", np.zeros((10, 2), np.float32)), ["'expression_pca'", "(10, 3)"]),
    ("9 rows", replace("expression_pca", np.zeros((9, 3), np.float32)), ["'expression_pca'", "(9, 3)", "10"]),
    ("NaN", put("identity_basis", (1, 3, 2), np.nan), ["'identity_basis'", "nan", "(1, 3, 2)"]),
    ("infinity", put("mean", (0, 1), np.inf), ["'mean'", "inf", "(0, 1)"]),
    ("vertex out of range", put("triangles", (2, 1), V), ["'triangles'", "5", "(2, 1)", "0 to 4"]),
    ("negative vertex", put("triangles", (0, 0), -1), ["'triangles'", "-1"]),
    ("label count", replace("label_count", np.int32(T + 1)), ["'label_count'", "4", "1 to 3"]),
    ("uv outside", put("uv", (0, 0, 1), 1.5), ["'uv'", "1.5"]),
    ("unknown part", put("parts", (0,), 9), ["'parts'", "9"]),
    ("part without label", put("parts", (2,), 8), ["'parts'", "label"]),
    ("label without part", put("parts", (1,), 0), ["'parts'", "(1,)", "1 to 8"]),
    ("metres", lambda arrays: arrays.update(mean=arrays["mean"] / 1000), ["'mean'", "0.16", "millimetres"]),
    ("overflow", lambda arrays: arrays.update(mean=arrays["mean"] * 1e36), ["'mean'", "beyond 1e+12"]),
    ("one point", lambda arrays: arrays.update(mean=arrays["mean"] * 0), ["'mean'", "millimetres"]),
    ("same names", replace("expression_names", ["a", "b", "a"]), ["'expression_names'", "'a' twice"]),
    ("contour vertex", put("contours", (0, 0), V), ["'contours'", "5"]),
    ("landmark triangle", put("landmarks/ibug68/triangle", (3,), T), ["landmarks/ibug68/triangle", "3"]),
    ("weights", put("landmarks/aflw19/barycentric", (0, 0), 3.0), ["landmarks/aflw19/barycentric", "sum to 1"]),
    ("67 points", lambda arrays: arrays.update({f"landmarks/ibug68/{field}": arrays[f"landmarks/ibug68/{field}"][:67]
                                               for field in ("triangle", "barycentric")}), ["ibug68", "67", "68"]),
    ("unit", replace("expression_unit", "metres"), ["'expression_unit'", "metres"]),
    ("range", put("expression_range", (0, 0), 2.0), ["'expression_range'"]),
    ("another format", replace("format", "synthgen-model-9"), ["'format'", "synthgen-model-9"]),
    ("text as number", replace("name", 7), ["'name'", "expected text"]),
    ("huge text", replace("name", "x" * 100_000), ["'name'", "larger"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_wrong_file_is_refused_by_name(model_file: Path, change: Callable[..., None], words: list[str]) -> None:
    rewrite(model_file, change)
    with pytest.raises(ModelError) as caught:
        load_model(model_file)
    for word in [str(model_file), *words]:
        assert word in str(caught.value)


def test_objects_are_never_unpickled(model_file: Path) -> None:
    with np.load(model_file) as data:
        arrays = {key: data[key] for key in data.files} | {"mean": np.array([print], object)}
    np.savez(model_file, allow_pickle=True, **arrays)
    with pytest.raises(ModelError, match="'mean'"):
        load_model(model_file)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(model_file: Path, share: float) -> None:
    whole = model_file.read_bytes()
    model_file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="not a whole model file") as caught:
        load_model(model_file)
    assert str(model_file) in str(caught.value)


def test_every_flipped_byte_is_noticed_or_harmless(model_file: Path) -> None:
    whole = model_file.read_bytes()
    expected = tiny_model()
    for place in np.random.default_rng(1).integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        model_file.write_bytes(bytes(damaged))
        try:
            model = load_model(model_file)
        except ModelError:
            continue
        # A byte of the zip's own bookkeeping (dates, attributes): the content is whole.
        assert_same(model, expected)


def test_a_header_that_declares_too_much_is_refused_before_allocation(model_file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)})
    replace_member(model_file, "mean.npy", header.getvalue(), zipfile.ZIP_STORED)
    with pytest.raises(ModelError, match="'mean'.*larger than any model"):
        load_model(model_file)


def test_an_array_shorter_than_its_header_is_refused(model_file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (100_000_000, 3)})
    replace_member(model_file, "mean.npy", header.getvalue() + bytes(12), zipfile.ZIP_STORED)
    with pytest.raises(ModelError, match="'mean' declares 1200000000 bytes"):
        load_model(model_file)


def test_a_compressed_file_is_refused(model_file: Path) -> None:
    replace_member(model_file, "mean.npy", bytes(50_000_000), zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="'mean' is compressed"):
        load_model(model_file)


def replace_member(path: Path, name: str, content: bytes, compression: int) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, old in members.items():
            new = member == name
            archive.writestr(member, content if new else old, compression if new else zipfile.ZIP_STORED)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no\.npz: model file not found.*model import"):
        load_model(tmp_path / "no.npz")
    with pytest.raises(ModelError, match="cannot read"):
        load_model(tmp_path)


def test_a_wrong_model_is_not_written(tmp_path: Path) -> None:
    wrong = dataclasses.replace(tiny_model(), mean=np.full((V, 3), np.nan, np.float32))
    with pytest.raises(ModelError, match="'mean' holds nan"):
        save_model(wrong, tmp_path / "wrong.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot write"):
        save_model(tiny_model(), tmp_path / "absent" / "tiny.npz")


@dataclasses.dataclass
class FileSection:
    path: str


@dataclasses.dataclass
class ProceduralSection:
    source: str = "procedural"
    resolution: str = "base"


def test_a_recipe_section_opens_its_model(model_file: Path) -> None:
    assert open_model(FileSection(str(model_file))).name == "tiny"
    assert open_model(ProceduralSection()).name.startswith("procedural")
