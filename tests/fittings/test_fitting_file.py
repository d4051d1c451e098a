import json
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import ARRAYS, load_fittings, save_fittings
from synthgen.fittings.read_fittings import read_fittings
from synthgen.geometry.rotation import rotation_from_euler
from tests.fittings.tddfa_fixtures import small_model

MODEL = small_model(5, 3)


def fitting_set(perspective: bool = False) -> FittingSet:
    random = np.random.default_rng(8)
    landmarks = random.uniform(10, 90, (3, 68, 2))
    landmarks[1], landmarks[2, 7] = np.nan, np.nan
    return FittingSet(
        names=("set/a", "set/b#1", "ü"),
        photos=("set/a.jpg", "set/b.jpg", "ü.png"),
        sizes=np.array([[100, 120]] * 3, np.int32),
        perspective=perspective,
        rotation=rotation_from_euler(random.uniform(-0.5, 0.5, (3, 3))),
        translation=np.array([[1.0, 2.0, 600.0]] * 3) if perspective else np.zeros((3, 3)),
        focal=np.array([300.5, 310.1, 320.7]) if perspective else np.array([0.5, 0.6, 0.7]),
        principal=np.array([[60.0, 50.0], [61.1, 49.9], [59.3, 50.7]]),
        depth_shift=np.array([0.0, -66.7, 0.0]),
        identity=random.normal(size=(3, 5)),
        expression=random.normal(size=(3, 3)),
        landmarks=landmarks,
        boxes=np.array([[3.0, 4.5, 50.0, 90.0], [np.nan] * 4, [-5.0, 1.0, 99.0, 80.25]]),
        ignore_boxes=((), ((1.0, 2.0, 30.5, 40.0), (5.0, 6.0, 7.0, 8.0)), ()),
        ignore_masks=("", "masks/b.png", ""),
        model="small",
    )


def assert_equal(first: FittingSet, second: FittingSet) -> None:
    for entry in fields(FittingSet):
        ours, theirs = getattr(first, entry.name), getattr(second, entry.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, err_msg=entry.name)
            assert ours.dtype == theirs.dtype, entry.name
        else:
            assert ours == theirs, entry.name


@pytest.mark.parametrize("suffix", ["npz", "json"])
@pytest.mark.parametrize("perspective", [False, True])
def test_round_trip_is_exact_and_its_bytes_repeat(tmp_path: Path, suffix: str, perspective: bool) -> None:
    fittings = fitting_set(perspective)
    paths = [tmp_path / f"{name}.{suffix}" for name in ("first", "second")]
    for path in paths:
        save_fittings(fittings, path)
        assert_equal(load_fittings(path), fittings)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def minimal(**change: Any) -> dict[str, Any]:
    camera = {"kind": "perspective", "focal": 900, "principal": [60, 50], "euler_deg": [10, -20, 5],
              "translation": [0, 0, 700]}  # fmt: skip
    face = {"photo": "a.jpg", "camera": camera, "identity": [0.5, 0, 0, 0, 0], "expression": [0, 0, 0]}
    return {"format": "synthgen-fittings-1", "faces": [face | change]}


def test_json_by_hand(tmp_path: Path) -> None:
    Image.new("RGB", (120, 100)).save(tmp_path / "a.jpg")
    (tmp_path / "f.json").write_text(json.dumps(minimal()))
    fittings = load_fittings(tmp_path / "f.json")
    assert fittings.names == ("a",) and fittings.perspective and fittings.sizes.tolist() == [[100, 120]]
    pitch, yaw, roll = np.radians([10, -20, 5])
    x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    np.testing.assert_allclose(fittings.rotation[0], z @ y @ x, atol=1e-12)
    assert fittings.model == "" and np.isnan(fittings.landmarks).all() and fittings.focal.tolist() == [900.0]
    read = read_fittings(tmp_path / "f.json", MODEL)
    assert len(read.fittings) == 1 and read.fittings.model == "small"


def camera(**change: Any) -> dict[str, Any]:
    return {"camera": minimal()["faces"][0]["camera"] | change}


BAD_FACES: list[tuple[dict[str, Any], str]] = [
    ({"identiy": [1]}, r"faces\[0\]: unknown key 'identiy'; did you mean 'identity'"),
    ({"photo": "../secret.jpg"}, r"faces\[0\]\.photo: .*without '\.\.'"),
    ({"photo": "/etc/a.jpg"}, r"faces\[0\]\.photo"),
    ({"photo": 3}, r"faces\[0\]\.photo: expected a text"),
    ({"photo": "gone.jpg"}, r"gone\.jpg: the file does not exist"),
    ({"size": [100.5, 120]}, r"faces\[0\]\.size: expected \[height, width\]"),
    ({"identity": "0"}, r"faces\[0\]\.identity: expected a list of numbers"),
    ({"identity": [0, True]}, r"faces\[0\]\.identity\[1\]: expected a number"),
    ({"identity": [10**400]}, r"faces\[0\]\.identity\[0\]: .*too large"),
    ({"landmarks": [[1, 2]]}, r"faces\[0\]\.landmarks: 1 points, expected 68"),
    ({"landmarks": [[1, 2, 3]] * 68}, r"landmarks\[0\]: expected a list of 2"),
    ({"ignore_boxes": [[5, 5, 5, 9]]}, r"ignore_boxes\[0\] is .*left < right"),
    ({"camera": []}, r"faces\[0\]\.camera: expected an object"),
    (camera(kind="fisheye"), r"camera\.kind: expected orthographic or perspective, got 'fisheye'"),
    (camera(rotation=np.eye(3).tolist()), r"camera: expected one of rotation .* and euler_deg"),
    (camera(principal=[1]), r"camera\.principal: expected a list of 2 numbers"),
    (camera(kind="orthographic"), r"camera: a camera of kind orthographic has no translation"),
    (camera(focal=None), r"camera\.focal: expected a number, got None"),
]


@pytest.mark.parametrize(("change", "words"), BAD_FACES)
def test_bad_json_faces_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    Image.new("RGB", (120, 100)).save(tmp_path / "a.jpg")
    (tmp_path / "f.json").write_text(json.dumps(minimal(**change)))
    with pytest.raises(AssetError, match=words) as caught:
        load_fittings(tmp_path / "f.json")
    assert "f.json" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a valid JSON"),
        ("[]", "expected an object"),
        ('{"faces": []}', "'format' is missing"),
        ('{"format": "synthgen-fittings-9", "faces": []}', "expected 'synthgen-fittings-1'"),
        ('{"format": "synthgen-fittings-1", "faces": {}}', "faces: expected a list"),
        ('{"format": "synthgen-fittings-1", "faces": []}', "no usable item"),
        ('{"format": 1, "format": 2}', "'format' occurs twice"),
        ("[" * 100_000, "not a valid JSON"),
        (b"\xff\xfe\x00", "not a valid JSON"),
    ],
)
def test_bad_json_files_are_named(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(AssetError, match=words):
        load_fittings(path)


def test_faces_of_one_file_are_alike(tmp_path: Path) -> None:
    Image.new("RGB", (120, 100)).save(tmp_path / "a.jpg")
    first = minimal()["faces"][0]
    flat = {"kind": "orthographic", "focal": 1, "principal": [60, 50], "euler_deg": [0, 0, 0]}
    for change, words in [
        ({}, "'a' occurs twice"),
        ({"name": "b", "camera": flat}, "one kind of camera"),
        ({"name": "b", "identity": [1]}, "identity: 1 numbers, but the first face has 5"),
    ]:
        (tmp_path / "f.json").write_text(
            json.dumps({"format": "synthgen-fittings-1", "faces": [first, first | change]})
        )
        with pytest.raises(AssetError, match=rf"faces\[1\].*{words}"):
            load_fittings(tmp_path / "f.json")
        assert len(read_fittings(tmp_path / "f.json", MODEL, skip_bad=True).skipped) == 1


def rewritten(path: Path, key: str, array: Any, **options: Any) -> Path:
    """The npz with one array replaced, or left out for None."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    if array is None:
        del arrays[key]
    else:
        arrays[key] = array
    target = path.with_name("changed.npz")
    np.savez(target, allow_pickle=True, **arrays)
    return target


@pytest.mark.parametrize(
    ("key", "array", "words"),
    [
        ("focal", None, "'focal' is missing"),
        ("extra", np.zeros(3), "unknown array 'extra'"),
        ("focal", np.zeros(4), r"'\w+' has shape \(\d,.*as in the other arrays"),
        ("rotation", np.zeros((3, 3), np.float64), r"'rotation' has shape \(3, 3\), expected \(N, 3, 3\)"),
        ("focal", np.zeros(3, np.float32), "'focal' has type float32"),
        ("names", np.array([{}, 1, 2], object), "'names' has type object"),
        ("names", np.array(["a", "a", "b"]), "'a' of fitting 1 occurs twice"),
        ("photos", np.array(["a", "../b", "c"]), r"photo of fitting 1 .*without '\.\.'"),
        ("photos", np.array(["a", "", "c"]), "photo of fitting 1"),
        ("format", np.array("other"), "'format' is 'other'"),
        ("perspective", np.array(7, np.int32), "'perspective' is 7"),
        ("ignore_box_rows", np.array([1, 9], np.int32), "'ignore_box_rows' is not ascending from 0 to 2"),
        ("ignore_boxes", np.full((2, 4), np.nan), r"'ignore_boxes'\[0\] is"),
    ],
)
def test_bad_npz_arrays_are_named(tmp_path: Path, key: str, array: Any, words: str) -> None:
    save_fittings(fitting_set(), tmp_path / "f.npz")
    with pytest.raises(AssetError, match=rf"changed\.npz.*{words}"):
        load_fittings(rewritten(tmp_path / "f.npz", key, array))


def test_damaged_npz_files_are_named(tmp_path: Path) -> None:
    save_fittings(fitting_set(), tmp_path / "f.npz")
    whole = (tmp_path / "f.npz").read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(AssetError, match=r"bad\.npz: damaged"):
            load_fittings(tmp_path / "bad.npz")
    position = whole.index(b"landmarks.npy") + 1000
    (tmp_path / "bad.npz").write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
    with pytest.raises(AssetError, match=r"bad\.npz"):
        load_fittings(tmp_path / "bad.npz")
    with pytest.raises(AssetError, match=r"none\.npz: the file does not exist"):
        load_fittings(tmp_path / "none.npz")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    save_fittings(fitting_set(), tmp_path / "f.npz")
    with zipfile.ZipFile(tmp_path / "f.npz") as source, zipfile.ZipFile(tmp_path / "bomb.npz", "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == "identity.npy":
                data = data.replace(b"(3, 5)", b"(3, 9)")
            target.writestr(info.filename, data, zipfile.ZIP_DEFLATED if info.filename == "focal.npy" else None)
    with pytest.raises(AssetError, match="'focal' is compressed|declares"):
        load_fittings(tmp_path / "bomb.npz")


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_nothing_is_written_for_a_wrong_set(tmp_path: Path, suffix: str) -> None:
    good = fitting_set()
    path = tmp_path / f"f.{suffix}"
    wrong = [
        replace(good, focal=np.array([1.0, np.nan, 1.0])),
        replace(good, identity=good.identity[:2]),
        replace(good, names=("a", "a", "b")),
        replace(good, names=("a\0", "c", "b")),
        replace(good, ignore_boxes=((), ((3.0, 0.0, 1.0, 1.0),), ())),
    ]
    for bad in wrong:
        with pytest.raises(AssetError, match=f"f.{suffix}"):
            save_fittings(bad, path)
        assert not list(tmp_path.iterdir())
    with pytest.raises(AssetError, match="ends in .npz or .json"):
        save_fittings(good, tmp_path / "f.txt")
    with pytest.raises(AssetError, match="cannot be written"):
        save_fittings(good, tmp_path / "none" / f"f.{suffix}")


def test_the_documentation_lists_every_array() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "fittings.md").read_text()
    for key in ARRAYS:
        assert f"`{key}`" in text


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "fittings.md").read_text()
    (tmp_path / "f.json").write_text(text.split("```json\n")[1].split("```")[0])
    (tmp_path / "holiday").mkdir()
    Image.new("RGB", (2400, 1600)).save(tmp_path / "holiday" / "beach.jpg")
    fittings = load_fittings(tmp_path / "f.json")
    assert fittings.names == ("holiday/beach",) and fittings.sizes.tolist() == [[1600, 2400]]
    model = replace(small_model(3, 2), name="bfm-2009")
    assert len(read_fittings(tmp_path / "f.json", model).fittings) == 1
