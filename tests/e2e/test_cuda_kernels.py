"""The kernels and launch sizes of CUDA, run on the CPU, against those of the CPU: every label of every kind."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.pipeline.renderers import render_sample
from synthgen.raster import kernel_choice
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from tests.fittings.ground_truth_fixtures import HEIGHT, WIDTH, write_set

RENDERED = "kind: {kind}\ncount: 40\nsize: [48, 64]\nbackground: {{kind: procedural}}\noccluders: {{count: 1}}\n"


def photos_of(folder: Path, kind: str, **sections: object) -> Recipe:
    write_set(folder)
    recipe = {"kind": kind, "size": [HEIGHT, WIDTH], "fittings": {"path": str(folder / "fittings.npz")}}
    return Recipe.model_validate(recipe | sections)


def both(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, np.ndarray]]:
    """Sample 3 by the kernels of the CPU and by those of CUDA."""
    results = []
    for everywhere in (False, True):
        monkeypatch.setattr(kernel_choice, "CUDA_KERNELS_EVERYWHERE", everywhere)
        results.append(render_sample(recipe, 3))
    return results


def assert_agree(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    """Products of matrices in other widths may differ in the last bits; everything after them is the same."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        other = second[name]
        if array.dtype.kind == "f":
            assert np.array_equal(np.isnan(array), np.isnan(other)), name
            np.testing.assert_allclose(array, other, rtol=1e-4, atol=2e-3, err_msg=name)
        elif name.endswith("image"):
            assert np.abs(array.astype(int) - other).max() <= 1, name
        else:
            assert np.array_equal(array, other), name


@pytest.mark.parametrize("kind", ["images", "pairs"])
@pytest.mark.parametrize("camera", ["perspective", "scaled_orthographic"])
def test_rendered_samples(kind: str, camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = parse_recipe(
        RENDERED.format(kind=kind) + f"camera: {{projection: {camera}}}\nsensor: {{blur: 0.7, noise: 2}}\n"
    )
    assert_agree(*both(recipe, monkeypatch))


@pytest.mark.parametrize("method", ["exact", "nearest_uv"])
def test_ground_truth_of_photos(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = photos_of(tmp_path, "fittings", flow={"method": method})
    assert_agree(*both(recipe, monkeypatch))


def test_turned_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = photos_of(tmp_path, "fittings", profile={"yaw_deg": [-40, 0, 40, 60]})
    assert_agree(*both(recipe, monkeypatch))


def test_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = photos_of(tmp_path, "video", video={"frames": 3, "flow": "next"})
    assert_agree(*both(recipe, monkeypatch))


def test_the_flag_changes_the_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests above would compare a thing with itself: CUDA's rasteriser keeps no list of triangles."""
    import torch

    from synthgen.raster.rasterize import rasterize

    triangle = torch.tensor([[[1.0, 1.0, 5.0], [1.0, 9.0, 5.0], [9.0, 1.0, 5.0]]])
    rows = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    assert rasterize(triangle, rows, (10, 10), False).fronts is not None
    monkeypatch.setattr(kernel_choice, "CUDA_KERNELS_EVERYWHERE", True)
    assert rasterize(triangle, rows, (10, 10), False).fronts is None
