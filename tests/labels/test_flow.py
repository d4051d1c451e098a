"""Flow against a float64 ray cast of the source and a float64 projection into the target."""

import numpy as np
import pytest
import torch

from synthgen.core.conventions import MATCHABLE
from synthgen.core.errors import UsageError
from synthgen.geometry.camera import Cameras, project
from synthgen.labels.flow import flow_between
from synthgen.labels.flow_checks import FlowLabels, flow_checks
from synthgen.labels.matchability import match_views
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize

NAN = float("nan")


def corners_of(view: ViewGeometry, n: int, pixels: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    ids = view.fragments.triangle_id[n].numpy()[pixels[:, 0], pixels[:, 1]]
    return view.vertices_camera[n].numpy().astype(np.float64)[triangles[ids]]


def rays(cameras: Cameras, n: int, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin and direction, camera space, of the lines of sight through pixel centres (row, column)."""
    centre = pixels[:, ::-1] + 0.5 - cameras.principal[n].numpy().astype(np.float64)
    plane = np.column_stack([centre / float(cameras.focal[n]), np.ones(len(pixels))])
    if cameras.perspective:
        return np.zeros_like(plane), plane
    return plane * [1, 1, 0], np.tile([0.0, 0.0, 1.0], (len(pixels), 1))


def face_pixels(view: ViewGeometry, n: int, label_count: int) -> np.ndarray:
    ids = view.fragments.triangle_id[n].numpy()
    return np.argwhere((ids >= 0) & (ids < label_count))


def brute_flow(
    source: ViewGeometry, target: ViewGeometry, n: int, pixels: np.ndarray, triangles: np.ndarray
) -> np.ndarray:
    origin, direction = rays(source.cameras, n, pixels)
    a, b, c = corners_of(source, n, pixels, triangles).transpose(1, 0, 2)
    # origin + s direction = a + u (b - a) + v (c - a)
    system = np.stack([b - a, c - a, -direction], axis=-1)
    u, v, _ = np.linalg.solve(system, (origin - a)[..., None])[..., 0].T
    ids = source.fragments.triangle_id[n].numpy()[pixels[:, 0], pixels[:, 1]]
    there = target.vertices_camera[n].numpy().astype(np.float64)[triangles[ids]]
    point = np.einsum("pkc,pk->pc", there, np.column_stack([1 - u - v, u, v]))
    focal, principal = float(target.cameras.focal[n]), target.cameras.principal[n].numpy().astype(np.float64)
    scale = focal / point[:, 2:] if target.cameras.perspective else focal
    return point[:, :2] * scale + principal - (pixels[:, ::-1] + 0.5)


def test_equals_the_float64_projection_of_the_surface_point(pair) -> None:
    flow = flow_between(pair.source, pair.target, pair.triangles, pair.label_count).flow.numpy()
    for n in range(len(flow)):
        pixels = face_pixels(pair.source, n, pair.label_count)
        assert len(pixels) > 2000
        expected = brute_flow(pair.source, pair.target, n, pixels, pair.triangles.numpy())
        error = np.linalg.norm(flow[n][pixels[:, 0], pixels[:, 1]] - expected, axis=-1)
        # Triangles seen edge-on leave float32 barycentrics few digits.
        assert np.quantile(error, 0.99) < 1e-3 and error.max() < 0.05


def test_flow_is_nan_exactly_where_no_label_carrying_triangle_is_seen(pair) -> None:
    end_points = flow_between(pair.source, pair.target, pair.triangles, pair.label_count)
    ids = pair.source.fragments.triangle_id
    face = (ids >= 0) & (ids < pair.label_count)
    assert (ids >= pair.label_count).any()
    assert torch.equal(torch.isfinite(end_points.flow).all(dim=-1), face)
    assert torch.equal(torch.isfinite(end_points.depth), face)


def test_flow_to_the_same_view_is_zero(pair) -> None:
    end_points = flow_between(pair.source, pair.source, pair.triangles, pair.label_count)
    flow = end_points.flow[torch.isfinite(end_points.flow)]
    assert flow.abs().median() < 1e-5 and flow.abs().max() < 0.01
    face = torch.isfinite(end_points.depth)
    torch.testing.assert_close(end_points.depth[face], pair.source.fragments.depth[face], atol=1e-3, rtol=1e-6)


def test_uv_at_the_end_equals_uv_at_the_start(pair) -> None:
    """Done means 4: the target's chart, read bilinearly at the end point, names the source pixel's surface point."""
    uv = torch.from_numpy(pair.model.template.uv)
    charts = []
    for view in (pair.source, pair.target):
        ids = view.fragments.triangle_id
        labelled = torch.where(ids < pair.label_count, ids, -1)
        fragments = Fragments(labelled, view.fragments.barycentric, view.fragments.depth)
        charts.append(interpolate(fragments, pair.triangles, uv).numpy())
    flow, code = (array.numpy() for array in match_views(pair.source, pair.target, pair.triangles, pair.label_count))
    errors, left_out, total = [], 0, 0
    for n in range(len(flow)):
        row, column = np.nonzero(code[n] == MATCHABLE)
        x, y = column + flow[n, row, column, 0], row + flow[n, row, column, 1]  # in pixel-centre coordinates
        x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
        total += len(x)
        inside = (x0 >= 0) & (y0 >= 0) & (x0 < 127) & (y0 < 127)
        row, column, x, y, x0, y0 = (array[inside] for array in (row, column, x, y, x0, y0))
        around = np.stack([charts[1][n, y0 + j, x0 + i] for j in (0, 1) for i in (0, 1)])  # (4, P, 2)
        spread = (around.max(axis=0) - around.min(axis=0)).max(axis=-1)
        usable = spread < 0.05  # False for NaN
        fx, fy = (x - x0)[:, None], (y - y0)[:, None]
        read = (around[0] * (1 - fx) + around[1] * fx) * (1 - fy) + (around[2] * (1 - fx) + around[3] * fx) * fy
        error = np.linalg.norm(read - charts[0][n, row, column], axis=-1)[usable]
        errors.append(error)
        left_out += len(usable) - int(usable.sum()) + int((~inside).sum())
    joined = np.concatenate(errors)
    median, worst = np.median(joined), np.quantile(joined, 0.99)
    print(f"uv error: median {median:.5f}, 99 % {worst:.5f}, left out {left_out / total:.3f}")
    assert left_out / total < 0.15
    assert median < 0.002 and worst < 0.01


def test_forward_and_backward_cancel(pair) -> None:
    flow, code = match_views(pair.source, pair.target, pair.triangles, pair.label_count)
    backward, _ = match_views(pair.target, pair.source, pair.triangles, pair.label_count)
    pictures = torch.arange(len(flow))
    labels = FlowLabels(flow, code, backward, pictures, pictures)
    uv = torch.from_numpy(pair.model.template.uv)
    error = flow_checks(labels, pair.source.fragments, pair.target.fragments, uv)["forward_backward_px"]
    assert np.isfinite(error).all() and (error < 0.05).all()


def one_triangle(depths: list[float], perspective: bool, focal: float) -> tuple[ViewGeometry, torch.Tensor]:
    cameras = Cameras(
        perspective, torch.eye(3)[None], torch.zeros((1, 3)), torch.tensor([focal]), torch.tensor([[4.0, 4.0]])
    )
    camera = torch.tensor([[[-4.0, -4.0], [-4.0, 12.0], [12.0, -4.0]]])
    camera = torch.cat([camera, torch.tensor(depths).view(1, 3, 1)], dim=-1).contiguous()
    image = project(cameras, camera).contiguous()
    triangles = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    return ViewGeometry(rasterize(image, triangles, (8, 8), perspective), camera, image, cameras), triangles


def test_flow_computed_by_hand() -> None:
    # An orthographic source that shows x, y in mm as pixels 1:1 + 4; a target with twice the scale.
    source, triangles = one_triangle([5.0, 5.0, 5.0], perspective=False, focal=1.0)
    target, _ = one_triangle([5.0, 5.0, 5.0], perspective=False, focal=2.0)
    flow = flow_between(source, target, triangles, 1).flow[0]
    # Centre (1.5, 2.5) is the point (-2.5, -1.5), which the target shows at (4 - 5, 4 - 3).
    torch.testing.assert_close(flow[2, 1], torch.tensor([-1.0 - 1.5, 1.0 - 2.5]))
    assert torch.isfinite(flow).all()
    assert not torch.isfinite(flow_between(source, target, triangles, 0).flow).any()


def test_flow_behind_the_target_camera_is_nan_and_its_depth_is_kept() -> None:
    source, triangles = one_triangle([5.0, 5.0, 5.0], perspective=False, focal=1.0)
    target, _ = one_triangle([-50.0, 60.0, 60.0], perspective=True, focal=10.0)
    end_points = flow_between(source, target, triangles, 1)
    behind = end_points.depth < 1.0
    assert behind.any() and not behind.all()
    assert torch.equal(torch.isnan(end_points.flow).all(dim=-1), behind)
    assert torch.isfinite(end_points.depth).all()


def test_views_of_different_meshes_are_refused() -> None:
    source, triangles = one_triangle([5.0, 5.0, 5.0], perspective=False, focal=1.0)
    broken = ViewGeometry(source.fragments, source.vertices_camera.double(), source.vertices_image, source.cameras)
    with pytest.raises(UsageError, match="vertices_camera"):
        flow_between(source, broken, triangles, 1)
