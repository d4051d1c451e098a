"""Fitting and landmark files of every format with bytes and values changed at random."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from PIL import Image
from scipy.io import savemat

from synthgen.fittings.fitting_file import load_fittings, save_fittings
from synthgen.fittings.landmark_sets import read_landmarks
from synthgen.fittings.read_fittings import read_fittings
from tests.fittings.tddfa_fixtures import small_model
from tests.fittings.test_fitting_file import MODEL, fitting_set
from tests.fuzzing import damaged, hostile_json, in_small_memory, quick, reads_or_refuses

POINTS = np.stack([np.linspace(5, 90, 68), np.linspace(90, 10, 68)], 1)
WFLW_POINTS = np.stack([np.linspace(5, 90, 98), np.linspace(90, 10, 98)], 1)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((100, 120, 3), 90, np.uint8)).save(path)


def damaged_file(path: Path, read: Callable[[], Any], examples: int, ends: int = 300) -> None:
    whole = path.read_bytes()
    read()

    @quick(examples)
    @given(damaged(whole, ends))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        reads_or_refuses(read, str(path), path.name)

    check()
    path.write_bytes(whole)


def check_set(path: Path) -> Callable[[], None]:
    """Reads the file as `synthgen labels` does; what comes back must be fit for rendering."""

    def read() -> None:
        load_fittings(path)
        fittings = read_fittings(path, MODEL).fittings
        for name in ("rotation", "translation", "focal", "principal", "depth_shift", "identity", "expression"):
            assert np.isfinite(getattr(fittings, name)).all(), name
        assert (fittings.focal > 0).all() and (fittings.sizes > 0).all()

    return read


@pytest.fixture
def set_folder(tmp_path: Path) -> Path:
    for name in ("set/a.jpg", "set/b.jpg", "ü.png", "masks/b.png"):
        photo(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_damaged_fitting_files(suffix: str, set_folder: Path) -> None:
    path = set_folder / f"fittings.{suffix}"
    save_fittings(fitting_set(perspective=suffix == "npz"), path)
    damaged_file(path, check_set(path), 120, ends=1500)


def test_hostile_values_in_fitting_json(set_folder: Path) -> None:
    path = set_folder / "fittings.json"
    save_fittings(fitting_set(), path)

    @quick(100)
    @given(hostile_json(json.loads(path.read_text())))
    def check(content: Any) -> None:
        path.write_text(json.dumps(content))
        reads_or_refuses(check_set(path), "fittings.json")

    check()


def test_hostile_numbers_in_fitting_arrays(set_folder: Path) -> None:
    """Every array of the npz, one number at a time, becomes what no fitting has."""
    path = set_folder / "fittings.npz"
    save_fittings(fitting_set(), path)
    with np.load(path) as file:
        arrays = dict(file)
    refused = 0
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not array.size or name == "landmarks":
            continue
        for value in (np.nan, np.inf, -np.inf, 1e308, -1e308):
            changed = array.copy()
            changed.flat[0] = value
            np.savez(path, **{**arrays, name: changed})
            refused += not reads_or_refuses(check_set(path), "fittings.npz", "fittings")
    assert refused > 30


TDDFA = {"Pose_Para": 7, "Shape_Para": 199, "Exp_Para": 29}


def test_damaged_300w_lp_files(tmp_path: Path) -> None:
    model = small_model()
    folder = tmp_path / "AFW"
    photo(folder / "a_0.jpg")
    values: dict[str, np.ndarray] = {
        "Pose_Para": np.array([[0.1, 0.2, 0.0, 60.0, 50.0, -60.0, 4e-4]]),
        "Shape_Para": np.zeros((199, 1)),
        "Exp_Para": np.zeros((29, 1)),
        "pt2d": POINTS.T,
    }
    for packed in (False, True):
        savemat(folder / "a_0.mat", values, do_compression=packed)
        damaged_file(folder / "a_0.mat", lambda: read_fittings(tmp_path, model), 100, ends=400)
    for name in values:
        for value in (np.nan, np.inf, 1e308, -1e308):
            changed = {key: array.copy() for key, array in values.items()}
            changed[name].flat[-1] = value
            savemat(folder / "a_0.mat", changed)
            reads_or_refuses(lambda: read_fittings(tmp_path, model), "a_0.mat")


def test_damaged_pts_files(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in POINTS)
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")

    def read() -> None:
        (face,) = read_landmarks(tmp_path).faces
        assert face.points.shape == (68, 2)

    damaged_file(tmp_path / "a.pts", read, 150, ends=60)


def test_damaged_lists_of_wflw(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    numbers = " ".join(f"{value:.2f}" for value in WFLW_POINTS.ravel())
    (tmp_path / "list.txt").write_text(f"{numbers} 5 5 90 90 0 0 0 0 0 0 a.jpg\n")
    damaged_file(tmp_path / "list.txt", lambda: read_landmarks(tmp_path / "list.txt"), 150)


def test_damaged_tables_of_points(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.jpg")
    np.save(tmp_path / "points.npy", POINTS.T[None].astype(np.float32))
    damaged_file(tmp_path / "points.npy", lambda: read_landmarks(tmp_path / "points.npy", tmp_path / "photos"), 120)


def test_damaged_aflw_files(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    names = np.empty((1, 1), object)
    names[0, 0] = "a.jpg"
    points = np.stack([np.linspace(5, 90, 19), np.linspace(90, 10, 19)])
    content = {
        "data": points.reshape(1, 38),
        "bbox": np.array([[5.0, 90.0, 5.0, 90.0]]),
        "mask_new": np.ones((1, 19)),
        "nameList": names,
    }
    savemat(tmp_path / "info.mat", content)
    damaged_file(tmp_path / "info.mat", lambda: read_landmarks(tmp_path / "info.mat"), 120, ends=400)


LANDMARK_FILES: dict[str, Any] = {
    "plain": {"a.jpg": POINTS.tolist()},
    "faces": {"images": [{"file": "a.jpg", "faces": [{"landmarks": POINTS.tolist(), "bbox_xywh": [5, 5, 85, 85]}]}]},
    "coco": {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 1, "keypoints": np.insert(POINTS, 2, 2.0, 1).ravel().tolist(), "bbox": [5, 5, 85, 85]}
        ],
    },
}


@pytest.mark.parametrize("kind", LANDMARK_FILES)
def test_hostile_landmark_json(kind: str, tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    path = tmp_path / "landmarks.json"

    @quick(120)
    @given(hostile_json(LANDMARK_FILES[kind]))
    def check(content: Any) -> None:
        path.write_text(json.dumps(content))

        def read() -> None:
            for face in read_landmarks(path).faces:
                known = np.isfinite(face.points).all(axis=1)
                assert np.isfinite(face.points[known]).all() and face.photo == "a.jpg"

        reads_or_refuses(read, "landmarks.json")

    check()


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "a\0.jpg", "\ud800.jpg", "x/../../a.jpg", ""])
def test_photo_names_do_not_leave_their_folder(name: str, tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    (tmp_path / "photos").mkdir()
    path = tmp_path / "landmarks.json"
    path.write_text(json.dumps({name: POINTS.tolist()}))
    assert not reads_or_refuses(lambda: read_landmarks(path, tmp_path / "photos"), "landmarks.json")


READ_BOMBS = """
import sys
from pathlib import Path
from synthgen.core.errors import AssetError
from synthgen.fittings.fitting_file import load_fittings
from synthgen.fittings.landmark_sets import read_landmarks
cap()
for path in map(Path, sys.argv[1:]):
    for read in (load_fittings, read_landmarks) if path.suffix != ".npz" else (load_fittings,):
        try:
            read(path)
        except AssetError as error:
            assert path.name in str(error) and "memory" not in str(error).lower(), error
        else:
            raise AssertionError(path)
print("refused")
"""


def test_files_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    import io
    import zipfile

    save_fittings(fitting_set(), tmp_path / "whole.npz")
    with zipfile.ZipFile(tmp_path / "whole.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def write(name: str, changes: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", kind) as archive:
            for member, content in {**members, **changes}.items():
                archive.writestr(member, content)
        (tmp_path / name).write_bytes(stream.getvalue())
        return tmp_path / name

    claimed = members["identity.npy"].replace(b"(3, 5)", b"(3, 333333333333)"[:17].ljust(6)).replace(b"  \n", b"\n")
    (tmp_path / "deep.json").write_bytes(b'{"format": "synthgen-fittings-1", "faces": ' + b"[" * 100_000)
    (tmp_path / "huge_number.json").write_text('{"a.jpg": [[' + "9" * 100_000 + ", 1]]}")
    np.lib.format.write_array_header_1_0  # noqa: B018  the headers below are written by hand
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000, 2, 68), }".ljust(117) + "\n"
    (tmp_path / "table.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header.encode())
    files = [
        write("claimed.npz", {"identity.npy": claimed}),
        write("deflated.npz", {"identity.npy": members["identity.npy"] + bytes(5_000_000)}, zipfile.ZIP_DEFLATED),
        tmp_path / "deep.json",
        tmp_path / "huge_number.json",
        tmp_path / "table.npy",
    ]
    assert "refused" in in_small_memory(READ_BOMBS, *map(str, files), megabytes=150)
