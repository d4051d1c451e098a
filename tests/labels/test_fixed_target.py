"""Flow against one prepared picture equals that of the general functions, which a ray cast checks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.core import conventions as c
from synthgen.core.errors import UsageError
from synthgen.geometry.camera import Cameras
from synthgen.labels.fixed_target import match_fixed_target, prepare_target
from synthgen.labels.matchability import match_views
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.fragments import Fragments
from synthgen.raster.rasterize import rasterize
from tests.labels.conftest import COUNT, SIZE, random_view


def one_picture(view: ViewGeometry, n: int, count: int = 1) -> ViewGeometry:
    """Picture n, `count` times, without masks."""

    def chosen(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[n : n + 1].repeat(count, *[1] * (tensor.ndim - 1))

    planes = (chosen(plane) for plane in (view.fragments.triangle_id, view.fragments.barycentric, view.fragments.depth))
    lens = (view.cameras.rotation, view.cameras.translation, view.cameras.focal, view.cameras.principal)
    cameras = Cameras(view.cameras.perspective, *(chosen(item) for item in lens))
    return ViewGeometry(Fragments(*planes), chosen(view.vertices_camera), chosen(view.vertices_image), cameras)


@pytest.mark.parametrize("n", range(COUNT))
def test_equals_the_general_functions(procedural_model, n: int) -> None:
    """Targets turned as they come: noses hide cheeks, lips and lids hide what is behind them."""
    triangles = torch.from_numpy(procedural_model.template.triangles)
    label_count = procedural_model.template.label_count
    target = random_view(procedural_model, perspective=False, seed=11)
    rng = np.random.default_rng(n)
    hidden = 0
    for perspective in (False, True):
        source = random_view(procedural_model, perspective, seed=20 + n)
        masks = [torch.from_numpy(rng.random((COUNT, SIZE, SIZE)) < share) for share in (0.2, 0.1, 0.1)]
        source = replace(source, occluder_mask=masks[0], invented_mask=masks[1], ignore_mask=masks[2])
        flow, code = match_views(source, one_picture(target, n, COUNT), triangles, label_count)
        prepared = prepare_target(one_picture(target, n), triangles)
        found, reasons = match_fixed_target(source, prepared, triangles, label_count)
        np.testing.assert_array_equal(reasons, code)
        ignored = (code == c.IGNORED)[..., None]
        np.testing.assert_array_equal(found, torch.where(ignored, torch.nan, flow))
        hidden += int((code == c.HIDDEN).sum())
        assert {c.NO_FACE, c.MATCHABLE, c.OCCLUDED_HERE, c.INVENTED, c.IGNORED} <= set(np.unique(code).tolist())
    assert hidden > 500


def test_lists_what_overlaps_in_front() -> None:
    """A small triangle before a large one, one beside it, one that shares a side, one that faces away."""
    vertices = torch.tensor(
        [
            [0.0, 0, 10], [0, 20, 10], [20, 0, 10],  # 0: large
            [2.0, 2, 5], [2, 6, 5], [6, 2, 5],  # 1: before it
            [30.0, 0, 5], [30, 8, 5], [38, 0, 5],  # 2: beside it
            [20.0, 20, 10],  # 3: the other half of a square with 0
        ]
    )  # fmt: skip
    triangles = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [1, 9, 2], [3, 5, 4]], dtype=torch.int32)
    cameras = Cameras(False, torch.eye(3)[None], torch.zeros(1, 3), torch.ones(1), torch.zeros(1, 2))
    fragments = rasterize(vertices[None], triangles, (24, 40), False)
    assert set(np.unique(fragments.triangle_id).tolist()) == {-1, 0, 1, 2, 3}
    prepared = prepare_target(ViewGeometry(fragments, vertices[None], vertices[None], cameras), triangles)
    lists = [prepared.hider[a:b].tolist() for a, b in zip(prepared.offset, prepared.offset[1:])]
    assert lists == [[1], [], [], [], []]


def test_refuses_what_is_no_fixed_target(procedural_model) -> None:
    triangles = torch.from_numpy(procedural_model.template.triangles)
    with pytest.raises(UsageError, match="one picture"):
        prepare_target(random_view(procedural_model, perspective=False, seed=1), triangles)
    with pytest.raises(UsageError, match="scaled-orthographic"):
        prepare_target(one_picture(random_view(procedural_model, perspective=True, seed=1), 0), triangles)
    target = one_picture(random_view(procedural_model, perspective=False, seed=1), 0)
    everywhere = torch.ones((1, SIZE, SIZE), dtype=torch.bool)
    with pytest.raises(UsageError, match="occluded"):
        prepare_target(replace(target, occluder_mask=everywhere), triangles)
