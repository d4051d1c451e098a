"""`synthgen assets check`: every file of a recipe is opened, each bad one listed with its reason, exit code 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from tests.asset_io.conftest import BAD

Run = Callable[..., Any]
SIZE = "count: 2\nsize: [32, 32]\n"


def flat(path: Path, height: int = 40, width: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A recipe that names a folder of every kind, each with one good file and some bad ones."""
    for folder in ("backgrounds", "textures", "things"):
        flat(tmp_path / folder / "good.png")
    for problem, (name, content) in BAD.items():
        (tmp_path / "backgrounds" / f"{problem}{Path(name).suffix}").write_bytes(content())
    (tmp_path / "textures" / "bad.png").write_bytes(BAD["rgba"][1]())
    flat(tmp_path / "things" / "small.png", 9, 9)
    outline = [[0, 0, 59, 0, 59, 39, 0, 39]]
    things = {
        "images": [{"id": 1, "file_name": "good.png"}, {"id": 2, "file_name": "small.png"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "area": 9000, "segmentation": outline} for n in (1, 2)
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }
    (tmp_path / "things.json").write_text(json.dumps(things))
    (tmp_path / "lights").mkdir()
    (tmp_path / "lights" / "good.hdr").write_bytes(b"#?RADIANCE\n\n-Y 1 +X 2\n" + bytes([9, 9, 9, 128] * 2))
    (tmp_path / "lights" / "cut.hdr").write_bytes(b"#?RADIANCE\n\n-Y 9 +X 9\n" + bytes(8))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"kind: images\n{SIZE}"
        "background: {kind: folder, images: backgrounds}\n"
        "albedo: {textures: textures}\n"
        "light: {source: lights}\n"
        "occluders: {count: 1, kinds: [cutout], images: things, annotations: things.json}\n"
    )
    return recipe


def test_every_bad_file_is_listed_with_its_reason(run: Run, everything: Path) -> None:
    result = run("assets", "check", everything)
    assert result.code == 1 and not result.err
    lines = result.out.splitlines()
    bad = {problem: [line for line in lines if f"/backgrounds/{problem}." in line] for problem in BAD}
    assert all(len(found) == 1 for found in bad.values()), bad
    assert "CMYK" in bad["cmyk"][0] and "16-bit" in bad["sixteen_bit_rgb"][0] and "empty" in bad["empty"][0]
    assert not any("good" in line for line in lines)
    assert f"background: {len(BAD) + 1} looked at, {len(BAD)} cannot be used" in lines
    assert "texture: 2 looked at, 1 cannot be used" in lines
    assert "light: 2 looked at, 1 cannot be used" in lines
    assert "cutout: 2 looked at, 1 cannot be used" in lines
    assert "annotation: 1 looked at, 0 cannot be used" in lines


def test_json_holds_the_same(run: Run, everything: Path) -> None:
    result = run("assets", "check", everything, "--json")
    assert result.code == 1
    report = json.loads(result.out)
    assert report["looked_at"]["background"] == len(BAD) + 1
    assert {item["kind"] for item in report["bad"]} == {"background", "texture", "light", "cutout"}
    assert all(item["reason"] and Path(item["file"]).is_file() for item in report["bad"])


def test_a_recipe_whose_files_are_in_order(run: Run, tmp_path: Path) -> None:
    flat(tmp_path / "pictures" / "a.png")
    (tmp_path / "a.yaml").write_text(f"kind: images\n{SIZE}background: {{kind: folder, images: pictures}}\n")
    result = run("assets", "check", tmp_path / "a.yaml")
    assert (result.code, result.out) == (0, "background: 1 looked at, 0 cannot be used\n")
    result = run("assets", "check", tmp_path / "a.yaml", "--set", "background={kind: gray}")
    assert (result.code, result.out) == (0, "the recipe names no files\n")


def test_missing_folders_and_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        f"kind: images\n{SIZE}model: {{path: none.npz}}\nlight: {{source: none.json}}\n"
        "background: {kind: coco, images: none, annotations: none.json}\nalbedo: {textures: none}\n"
    )
    result = run("assets", "check", tmp_path / "a.yaml")
    assert result.code == 1
    for kind in ("model", "light", "annotation", "texture"):
        assert f"{kind}: 1 looked at, 1 cannot be used" in result.out


def test_photos_and_their_fittings(run: Run, tmp_path: Path) -> None:
    from synthgen.fittings.fitting_file import save_fittings
    from tests.fittings.test_fitting_file import fitting_set

    save_fittings(fitting_set(), tmp_path / "fittings.npz")
    flat(tmp_path / "set" / "a.jpg", 100, 120)
    flat(tmp_path / "set" / "b.jpg", 50, 50)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "b.png").write_bytes(b"")
    (tmp_path / "a.yaml").write_text("kind: fittings\nsize: [100, 120]\nfittings: {path: fittings.npz}\n")
    result = run("assets", "check", tmp_path / "a.yaml")
    assert result.code == 1
    assert "photo: 3 looked at, 2 cannot be used" in result.out
    assert "mask: 1 looked at, 1 cannot be used" in result.out
    assert "b.jpg: the photo has 50 x 50 pixels, its fitting was made for 120 x 100" in result.out
    assert "ü.png: the file does not exist" in result.out
    savemat(tmp_path / "fittings.npz", {"a": 1.0})
    result = run("assets", "check", tmp_path / "a.yaml")
    assert result.code == 1 and "fitting: 1 looked at, 1 cannot be used" in result.out
