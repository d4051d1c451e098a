"""Environment maps, light tables, COCO files and outlines with bytes and values changed at random."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from synthgen.asset_io.backgrounds import BackgroundSpec, open_backgrounds
from synthgen.asset_io.coco import read_coco
from synthgen.asset_io.cutouts import open_cutouts
from synthgen.asset_io.lighting import open_lights
from synthgen.asset_io.mat5 import read_mat
from synthgen.asset_io.radiance_hdr import read_hdr
from synthgen.asset_io.textures import open_textures
from synthgen.core.errors import AssetError
from tests.asset_io.test_cutouts import compressed, uncompressed
from tests.asset_io.test_radiance_hdr import HEADER, new_rle, rgbe_pixels
from tests.fuzzing import damaged, hostile_json, in_small_memory, quick, reads_or_refuses

PIXELS = rgbe_pixels(6, 12)
HDR = {
    "runs": HEADER + b"-Y 6 +X 12\n" + new_rle(PIXELS),
    "flat": HEADER.replace(b"\n\n", b"\nEXPOSURE=2\n\n") + b"-Y 6 +X 12\n" + PIXELS.tobytes(),
    "old": HEADER + b"-Y 1 +X 7\n" + bytes([9, 9, 9, 128, 1, 1, 1, 6]),
}


@pytest.mark.parametrize("kind", HDR)
def test_damaged_environment_maps(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "sky.hdr"

    def read() -> None:
        assert np.isfinite(read_hdr(path)).all()
        lights = open_lights(str(path))
        assert np.isfinite(lights.coefficients).all()

    @quick(80)
    @given(damaged(HDR[kind], ends=70))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        reads_or_refuses(read, "sky.hdr")

    check()


LIGHTS = {"maps": {"one": {"coefficients": np.eye(9, 3).tolist()}, "two": {"coefficients": np.ones((9, 3)).tolist()}}}


@quick(80)
@given(hostile_json(LIGHTS))
def test_hostile_light_tables(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "lights.json"
    path.write_text(json.dumps(content))

    def read() -> None:
        assert np.isfinite(open_lights(str(path)).coefficients).all()

    reads_or_refuses(read, "lights.json")


OUTLINES = {"polygon": [[10, 10, 30, 10, 30, 20, 10, 20]], "runs": uncompressed(), "packed": compressed()}
INSTANCES = {
    "licenses": [{"id": 1, "name": "CC0"}],
    "images": [{"id": 1, "file_name": "a.png", "height": 60, "width": 80, "license": 1}],
    "annotations": [
        {"id": n, "image_id": 1, "category_id": 1, "area": 1400, "iscrowd": 0, "segmentation": outline}
        for n, outline in enumerate(OUTLINES.values())
    ],
    "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}],
}


@pytest.fixture(scope="module")
def coco_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(folder / "a.png")
    return folder


@quick(100)
@given(hostile_json(INSTANCES))
def test_hostile_instances(coco_folder: Path, content: Any) -> None:
    path = coco_folder / "instances.json"
    path.write_text(json.dumps(content))
    files = (str(path), str(coco_folder))
    spec = BackgroundSpec("coco", str(coco_folder), str(path))
    reads_or_refuses(lambda: open_backgrounds(spec, (8, 8)).assets(), *files)

    def cut() -> None:
        cutouts = open_cutouts(str(coco_folder), str(path), min_area=100)
        cutouts.assets()
        for number in range(cutouts.count):
            reads_or_refuses(lambda number=number: cutouts.load((number + 0.5) / cutouts.count), *files)

    reads_or_refuses(cut, *files)


@quick(100)
@given(damaged(json.dumps(INSTANCES).encode()))
def test_damaged_instances(coco_folder: Path, data: bytes) -> None:
    path = coco_folder / "damaged.json"
    path.write_bytes(data)
    reads_or_refuses(lambda: read_coco(path, 100), "damaged.json")


def picture_names(*names: str) -> dict[str, Any]:
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    return {"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]}


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "sub/../../secret.png", "a\0.png", ""])
def test_coco_names_do_not_leave_their_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "secret.png")
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(picture_names(name)))
    with pytest.raises(AssetError, match=r"instances\.json.*\n.*images\[0\]"):
        read_coco(path)


OUTLINE_BOMBS = {
    "size": {"size": [100_000, 100_000], "counts": "0" * 40},
    "size_of_list": {"size": [200_000, 200_000], "counts": [40_000_000_000]},
    "counts": {"size": [60, 80], "counts": [0, 4_000_000_000, 1]},
    "too_few": {"size": [60, 80], "counts": [0, 1]},
    "packed": {"size": [60, 80], "counts": "o" * 4000},
    "zigzag": [[coordinate for n in range(60_000) for coordinate in ((n % 2) * 80, n % 60)]],
    "far": [[0, 0, 1e9, 0, 0, 1e9]],
}
READ_OUTLINES = """
import sys
from synthgen.asset_io.cutouts import open_cutouts
from synthgen.core.errors import AssetError
folder, file = sys.argv[1:]
cutouts = open_cutouts(folder, file, min_area=1)
cap()
for number in range(cutouts.count):
    try:
        cutouts.load((number + 0.5) / cutouts.count)
    except AssetError as error:
        assert "instances.json" in str(error) and "MemoryError" not in str(error), error
        print(number, str(error)[-100:])
    else:
        raise AssertionError(f"outline {number} was believed")
"""


def test_outlines_that_would_fill_the_memory(coco_folder: Path, tmp_path: Path) -> None:
    """pycocotools allocates what an outline claims, and follows polygons pixel by pixel."""
    things = [
        {"id": n, "image_id": 1, "category_id": 1, "area": 100, "segmentation": outline}
        for n, outline in enumerate(OUTLINE_BOMBS.values())
    ]
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({**INSTANCES, "annotations": things}))
    printed = in_small_memory(READ_OUTLINES, str(coco_folder), str(path), megabytes=150)
    assert len(printed.splitlines()) == len(things)


MAT = {"doubles": np.arange(21.0).reshape(7, 3), "bytes": np.array([[1, 255]], np.uint8), "scalar": 2.5}


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_matlab_files(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    cell = np.empty((2, 1), object)
    cell[:, 0] = ["0/a.jpg", "ü.png"]
    savemat(path, {**MAT, "names": cell}, do_compression=packed)

    @quick(80)
    @given(damaged(path.read_bytes(), ends=260))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        reads_or_refuses(lambda: read_mat(path, (*MAT, "names"), 1 << 20), "a.mat")

    check()


@quick(40)
@given(st.binary(max_size=80))
def test_textures_of_anything(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "textures"
    folder.mkdir(exist_ok=True)
    (folder / "skin.png").write_bytes(data)
    reads_or_refuses(lambda: open_textures(str(folder)).load(0.5), "skin.png")
