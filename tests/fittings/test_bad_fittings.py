import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import AssetError
from synthgen.fittings.coefficients import KeyNames, find_problems
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import save_fittings
from synthgen.fittings.read_fittings import read_fittings
from tests.fittings.tddfa_fixtures import random_face, small_model, variables, write_pair

MODEL = small_model()
Change = Callable[[dict[str, Any]], object]


def changed(key: str, index: Any, value: float) -> Change:
    def change(values: dict[str, Any]) -> None:
        values[key][index] = value

    return change


def reshaped(key: str, shape: tuple[int, ...], value: float = 0.0) -> Change:
    return lambda values: values.update({key: np.full(shape, value)})


# What is done to one of two files -> words of the message.
BAD_MATS: dict[str, tuple[Change, str]] = {
    "no pose": (lambda values: values.pop("Pose_Para"), r"the variable Pose_Para is missing"),
    "no shape": (lambda values: values.pop("Shape_Para"), r"the variable Shape_Para is missing"),
    "no expression": (lambda values: values.pop("Exp_Para"), r"the variable Exp_Para is missing"),
    "pose of six": (reshaped("Pose_Para", (1, 6)), r"Pose_Para has shape \(1, 6\), expected 7 numbers"),
    "square shape": (reshaped("Shape_Para", (199, 2)), r"Shape_Para has shape \(199, 2\), expected one row or column"),
    "short shape": (reshaped("Shape_Para", (80, 1)), "Shape_Para has 80 coefficients, model 'small' has 199"),
    "long expression": (reshaped("Exp_Para", (64, 1)), "Exp_Para has 64 coefficients, model 'small' has 29"),
    "points of 51": (reshaped("pt2d", (2, 51)), r"pt2d has shape \(2, 51\), expected \(2, 68\)"),
    "transposed points": (reshaped("pt3d_68", (68, 3)), r"pt3d_68 has shape \(68, 3\)"),
    "complex": (
        lambda values: values.update(Shape_Para=np.zeros((199, 1), complex)),
        "Shape_Para is complex, expected an array of real numbers",
    ),
    "text": (lambda values: values.update(Exp_Para="happy"), "Exp_Para is text, expected an array of real numbers"),
    "NaN coefficient": (changed("Shape_Para", (12, 0), np.nan), r"Shape_Para\[12\] = nan is not a finite number"),
    "infinite expression": (changed("Exp_Para", (3, 0), np.inf), r"Exp_Para\[3\] = inf is not a finite number"),
    "far coefficient": (
        changed("Shape_Para", (5, 0), 12.5 * float(MODEL.identity_stddev[5])),
        r"Shape_Para\[5\] = 12\.5 standard deviations, expected at most 10",
    ),
    "far expression": (
        changed("Exp_Para", (0, 0), -11.0 * float(MODEL.expression_stddev[0])),
        r"Exp_Para\[0\] = -11 standard deviations",
    ),
    "NaN pose": (changed("Pose_Para", (0, 3), np.nan), r"Pose_Para\[3:5\]\[0\] = nan"),
    "NaN angle": (changed("Pose_Para", (0, 1), np.nan), r"Pose_Para\[1\] = nan is no angle"),
    "degrees": (changed("Pose_Para", (0, 0), 31.0), r"Pose_Para\[0\] = 31 is no angle in radians"),
    "focal zero": (changed("Pose_Para", (0, 6), 0.0), r"Pose_Para\[6\] is 0, expected more than 0"),
    "focal negative": (changed("Pose_Para", (0, 6), -1e-3), r"Pose_Para\[6\] is -1, expected more than 0"),
    "tiny face": (changed("Pose_Para", (0, 6), 1e-6), r"Pose_Para\[6\] makes the face .* pixels large"),
    "far away": (changed("Pose_Para", (0, 3), 5000.0), r"Pose_Para\[3:5\] puts the centre .* far outside the photo"),
    "landmark outside": (
        changed("pt2d", (0, 9), 900.0),
        r"pt2d\[9\] lies at \(899\.5, .*outside the photo of 450 x 450",
    ),
    "infinite landmark": (changed("pt2d", (1, 0), np.inf), r"pt2d: point 0 is not finite"),
    "no landmark at all": (reshaped("pt2d", (2, 68), np.nan), r"pt2d: point 0 is not finite \(68 of 68 are not\)"),
    "NaN in pt3d_68": (reshaped("pt3d_68", (3, 68), np.nan), "pt3d_68: point 0 is not finite"),
}


def good_and_bad(folder: Path, change: Change) -> None:
    write_pair(folder, "good", variables(MODEL, random_face(1, MODEL)))
    values = variables(MODEL, random_face(2, MODEL))
    change(values)
    write_pair(folder, "bad", values)


@pytest.mark.parametrize("problem", BAD_MATS)
def test_bad_mat_is_named_or_skipped(tmp_path: Path, problem: str) -> None:
    change, words = BAD_MATS[problem]
    good_and_bad(tmp_path, change)
    with pytest.raises(AssetError, match=rf"(?s)1 of 2 items cannot be used.*bad\.mat.*{words}"):
        read_fittings(tmp_path, MODEL)
    read = read_fittings(tmp_path, MODEL, skip_bad=True)
    assert read.fittings.names == ("good",) and len(read.fittings.ignore_boxes) == 1
    assert [item.name for item in read.skipped] == ["bad"] and "bad.mat" in read.skipped[0].reason


def test_missing_partners_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_pair(tmp_path, f"HELEN/{name}", variables(MODEL, random_face(1, MODEL)))
    (tmp_path / "HELEN" / "a.jpg").unlink()
    (tmp_path / "HELEN" / "b.mat").unlink()
    with pytest.raises(
        AssetError, match=r"(?s)2 of 3 items.*a\.mat: its picture .*a\.jpg.*b\.jpg: its annotation HELEN/b"
    ):
        read_fittings(tmp_path, MODEL)
    read = read_fittings(tmp_path, MODEL, skip_bad=True)
    assert read.fittings.names == ("HELEN/c",)
    assert [item.name for item in read.skipped] == ["HELEN/a", "HELEN/b"]


def test_names_that_no_dataset_can_hold_are_named_on_one_line(tmp_path: Path) -> None:
    not_utf8 = os.fsdecode(b"AFW/\xff")
    for name in ("AFW/good", "AFW/we\\ird", "AFW/two\nlines", not_utf8):
        write_pair(tmp_path, name, variables(MODEL, random_face(1, MODEL)))
    with pytest.raises(AssetError, match=r"(?s)3 of 4 items.*no dataset can hold.*rename it"):
        read_fittings(tmp_path, MODEL)
    read = read_fittings(tmp_path, MODEL, skip_bad=True)
    assert read.fittings.names == ("AFW/good",)
    escaped = [r"AFW/\udcff", r"AFW/two\nlines", r"AFW/we\\ird"]
    assert [item.name for item in read.skipped] == escaped
    for item, file in zip(read.skipped, [f"{name}.mat" for name in escaped], strict=True):
        assert item.reason.startswith(f"{tmp_path}/{file}: ") and "\n" not in item.reason


def test_a_second_file_of_a_name_is_reported(tmp_path: Path) -> None:
    write_pair(tmp_path, "AFW/a", variables(MODEL, random_face(1, MODEL)))
    Image.new("RGB", (30, 20)).save(tmp_path / "AFW/a.png")
    (tmp_path / "AFW/a.MAT").write_bytes((tmp_path / "AFW/a.mat").read_bytes())
    read = read_fittings(tmp_path, MODEL)
    assert read.fittings.photos == ("AFW/a.jpg",) and read.fittings.sizes.tolist() == [[450, 450]]
    assert [item.name for item in read.skipped] == ["AFW/a.mat", "AFW/a.png"]
    assert "a.png: not used; AFW/a.jpg has the same name" in read.skipped[1].reason
    (tmp_path / "AFW/a.mat").unlink()  # then the other one is read, whatever the case of its ending
    assert len(read_fittings(tmp_path, MODEL).fittings) == 1


@pytest.mark.parametrize("content", [b"", b"nonsense" * 40, b"MATLAB 7.3 MAT-file" + bytes(600)])
def test_files_that_are_no_mat_are_named(tmp_path: Path, content: bytes) -> None:
    good_and_bad(tmp_path, lambda values: None)
    (tmp_path / "bad.mat").write_bytes(content)
    with pytest.raises(AssetError, match=r"bad\.mat: not a readable MATLAB 5 file"):
        read_fittings(tmp_path, MODEL)


def test_damaged_mats_never_end_in_a_traceback(tmp_path: Path) -> None:
    good_and_bad(tmp_path, lambda values: None)
    whole = (tmp_path / "bad.mat").read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole[: random.integers(100, len(whole))] if random.random() < 0.4 else whole)
        for place in random.integers(0, len(data), 6):
            data[place] ^= int(random.integers(1, 256))
        (tmp_path / "bad.mat").write_bytes(data)
        read = read_fittings(tmp_path, MODEL, skip_bad=True)
        outcomes.add(len(read.skipped))
    assert outcomes <= {0, 1} and 1 in outcomes


def test_an_oversized_mat_is_not_opened(tmp_path: Path) -> None:
    good_and_bad(tmp_path, lambda values: values.update(big=np.random.default_rng(0).random(200_000)))
    with pytest.raises(AssetError, match=r"bad\.mat: 1,\d+,\d+ bytes, more than the 1,048,576"):
        read_fittings(tmp_path, MODEL)


def test_bad_photos_are_named(tmp_path: Path) -> None:
    good_and_bad(tmp_path, lambda values: None)
    (tmp_path / "bad.jpg").write_bytes(b"")
    with pytest.raises(AssetError, match=r"bad\.jpg: the file is empty"):
        read_fittings(tmp_path, MODEL)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (450, 400)).save(tmp_path / "bad.jpg", exif=exif.tobytes())
    with pytest.raises(AssetError, match=r"bad\.jpg: the photo's EXIF orientation is 6.*--exif stored"):
        read_fittings(tmp_path, MODEL)
    assert read_fittings(tmp_path, MODEL, orientation="stored").fittings.sizes[0].tolist() == [400, 450]
    assert read_fittings(tmp_path, MODEL, orientation="upright").fittings.sizes[0].tolist() == [450, 400]


def test_damage_that_only_decoding_shows_is_found_before_it_ends_a_run(tmp_path: Path) -> None:
    good_and_bad(tmp_path, lambda values: None)
    pixels = np.random.default_rng(0).integers(0, 255, (450, 450, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "bad.jpg")
    data = (tmp_path / "bad.jpg").read_bytes()
    (tmp_path / "bad.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    read = read_fittings(tmp_path, MODEL, skip_bad=True)
    assert read.fittings.names == ("good",) and "damaged or truncated" in read.skipped[0].reason


def test_landmarks_are_sent_to_the_command_that_fits(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.pts").write_text("version: 1\n")
    (tmp_path / "list.txt").write_text("1 2 3\n")
    np.save(tmp_path / "table.npy", np.zeros((1, 2, 21)))
    (tmp_path / "plain.json").write_text('{"a.jpg": [[1, 2]]}')
    (tmp_path / "coco.json").write_text('{"images": [], "annotations": []}')
    for name in ("set", "list.txt", "table.npy", "plain.json", "coco.json"):
        with pytest.raises(AssetError, match=rf"{name}.*synthgen fit LANDMARKS"):
            read_fittings(tmp_path / name, MODEL)
    write_pair(tmp_path / "set", "b", variables(MODEL, random_face(1, MODEL)))  # .pts beside are nobody's business
    assert len(read_fittings(tmp_path / "set", MODEL).fittings) == 1


def test_nothing_left_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    write_pair(tmp_path, "bad", {"Pose_Para": np.zeros((1, 7))})
    with pytest.raises(AssetError, match="nothing is left to use"):
        read_fittings(tmp_path, MODEL, skip_bad=True)
    with pytest.raises(AssetError, match="no such file or folder"):
        read_fittings(tmp_path / "none", MODEL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssetError, match="no .mat file"):
        read_fittings(tmp_path / "empty", MODEL)
    (tmp_path / "one.csv").write_text("a,1")
    with pytest.raises(AssetError, match="no file of fittings"):
        read_fittings(tmp_path / "one.csv", MODEL)


def photographed(folder: Path, perspective: bool = True) -> FittingSet:
    """Two upright faces, 700 mm before a camera of 800 px, and their photos."""
    for name in ("a", "b"):
        Image.new("RGB", (320, 240)).save(folder / f"{name}.jpg")
    return FittingSet(
        names=("a", "b"),
        photos=("a.jpg", "b.jpg"),
        sizes=np.array([[240, 320]] * 2, np.int32),
        perspective=perspective,
        rotation=np.tile(np.eye(3), (2, 1, 1)),
        translation=np.array([[0.0, 0.0, 700.0 * perspective]] * 2),
        focal=np.array([800.0, 800.0]) if perspective else np.array([1.1, 1.1]),
        principal=np.array([[160.0, 120.0]] * 2),
        depth_shift=np.zeros(2),
        identity=np.zeros((2, 199)),
        expression=np.zeros((2, 29)),
        landmarks=np.full((2, 68, 2), np.nan),
        boxes=np.full((2, 4), np.nan),
        ignore_boxes=((), ()),
        ignore_masks=("", ""),
        model="small",
    )


def second(array: np.ndarray, value: Any) -> np.ndarray:
    copy = np.array(array)
    copy[1] = value
    return copy


BAD_SETS: dict[str, tuple[str, Any, str]] = {
    "behind": ("translation", [0, 0, -700.0], "camera.translation puts the face behind the camera"),
    "around the camera": ("translation", [0, 0, 20.0], "puts the face behind the camera"),
    # Its centre, about 45 mm before its origin, is 55 mm before the camera, and the face is larger than that.
    "too near": ("translation", [0, 0, 100.0], r"puts the face behind the camera \(its centre has depth [4-6]\d\."),
    "centre outside": ("translation", [900.0, 0, 700.0], "camera.principal puts the centre of the face at"),
    "no rotation": ("rotation", np.eye(3) * 1.1, "camera.rotation is no rotation"),
    "mirror": ("rotation", np.diag([1.0, 1.0, -1.0]), "camera.rotation is no rotation"),
    "focal": ("focal", 0.0, "camera.focal is 0, expected more than 0"),
    "size": ("sizes", [0, 320], r"size: .*b\.jpg has 320 x 240 pixels, the fitting says 320 x 0"),
    "other photo": ("sizes", [320, 240], r"size: .*b\.jpg has 320 x 240 pixels, the fitting says 240 x 320"),
    "far": ("identity", 10.5, r"identity\[0\] = 10\.5 standard deviations"),
    "box": ("boxes", [330, 10, 400, 60], r"box is \[330.*, beside the photo of 320 x 240 pixels"),
    "landmarks": ("landmarks", 500.0, r"landmarks\[0\] lies at \(500\.0, 500\.0\)"),
}


@pytest.mark.parametrize("suffix", ["npz", "json"])
@pytest.mark.parametrize("problem", BAD_SETS)
def test_bad_values_of_our_own_files(tmp_path: Path, suffix: str, problem: str) -> None:
    key, value, words = BAD_SETS[problem]
    good = photographed(tmp_path)
    path = tmp_path / f"f.{suffix}"
    save_fittings(replace(good, **{key: second(getattr(good, key), value)}), path)
    if suffix == "json" and problem == "size":
        words = r"faces\[1\]\.size: expected \[height, width\]"
    with pytest.raises(AssetError, match=rf"(?s)f\.{suffix}: 1 of 2 items.*{words}"):
        read_fittings(path, MODEL)
    read = read_fittings(path, MODEL, skip_bad=True)
    assert read.fittings.names == ("a",) and len(read.skipped) == 1


def test_masks_have_the_size_of_their_photo(tmp_path: Path) -> None:
    fittings = replace(photographed(tmp_path), ignore_masks=("", "m.png"))
    save_fittings(fittings, tmp_path / "f.npz")
    with pytest.raises(AssetError, match=r"m\.png: the file does not exist"):
        read_fittings(tmp_path / "f.npz", MODEL)
    Image.new("L", (240, 320)).save(tmp_path / "m.png")
    with pytest.raises(AssetError, match=r"ignore_mask: .*m\.png has 240 x 320 pixels"):
        read_fittings(tmp_path / "f.npz", MODEL)
    Image.new("L", (320, 240)).save(tmp_path / "m.png")
    assert len(read_fittings(tmp_path / "f.npz", MODEL).fittings) == 2


def test_another_model_is_refused(tmp_path: Path) -> None:
    save_fittings(photographed(tmp_path), tmp_path / "f.npz")
    with pytest.raises(AssetError, match="belong to model 'small', not 'bfm'"):
        read_fittings(tmp_path / "f.npz", replace(MODEL, name="bfm"))
    with pytest.raises(AssetError, match="identity has 199 coefficients, model 'small' has 40"):
        read_fittings(tmp_path / "f.npz", small_model(40, 10))
    assert read_fittings(tmp_path / "f.npz", small_model(40, 10), truncate=True).fittings.identity.shape == (2, 40)


def test_weights_are_judged_by_their_range(tmp_path: Path) -> None:
    ranges = np.tile(np.array([0, 1], np.float32), (29, 1))
    model = replace(MODEL, expression_unit="weight", expression_range=ranges)
    good = replace(photographed(tmp_path), expression=np.full((2, 29), 9.0))
    assert find_problems(good, model, KeyNames()) == {}
    bad = replace(good, expression=second(good.expression, 11.5))
    assert find_problems(bad, model, KeyNames()) == {1: "expression[0] = 11.5 is 10 ranges beyond its range"}


def test_good_faces_of_both_cameras_pass(tmp_path: Path) -> None:
    for perspective in (True, False):
        assert find_problems(photographed(tmp_path, perspective), MODEL, KeyNames()) == {}
