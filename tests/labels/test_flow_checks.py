"""Flow between two pictures of a painted square that moves: every mistake comes out as large as it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.core.conventions import HIDDEN, MATCHABLE, NO_FACE, NO_NEAR_UV
from synthgen.labels.flow_checks import FlowLabels, flow_checks
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.labels.picture_patch import patch_at, pixels_beside
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize

SIZE = (96, 96)
MOVE = (7.25, -3.5)
ENLARGED = 1.5
TRIANGLES = torch.tensor([[0, 2, 1], [0, 3, 2]], dtype=torch.int32)
CHART = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
UV = CHART[TRIANGLES.long()]
# Corners of the square in the first picture, px.
CORNERS = torch.tensor([[10.0, 20], [58, 20], [58, 68], [10, 68]])


def seen(corners: torch.Tensor) -> Fragments:
    """What a rasteriser sees of the square with these corners (4, 2) px."""
    vertices = torch.cat([corners, torch.full((4, 1), 100.0)], dim=-1)[None].contiguous()
    return rasterize(vertices, TRIANGLES, SIZE, False)


@pytest.fixture
def square() -> tuple[Fragments, Fragments, FlowLabels]:
    """Both pictures, and their right flow: the second square is the first one enlarged and moved."""
    source, target = seen(CORNERS), seen(CORNERS * ENLARGED + torch.tensor(MOVE))
    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in SIZE), indexing="ij")
    place = torch.stack([x, y], dim=-1)
    face = source.triangle_id >= 0
    inside = place * ENLARGED + torch.tensor(MOVE)
    flow = torch.where(face[..., None], inside - place, torch.nan)
    backward = torch.where(
        (target.triangle_id >= 0)[..., None], (place - torch.tensor(MOVE)) / ENLARGED - place, torch.nan
    )
    in_frame = ((inside >= 0) & (inside <= SIZE[0])).all(dim=-1)
    code = torch.where(face, torch.where(in_frame, MATCHABLE, 3), NO_FACE).to(torch.uint8)
    one = torch.zeros(1, dtype=torch.int64)
    return source, target, FlowLabels(flow, code, backward, one, one)


def checked(square: tuple[Fragments, Fragments, FlowLabels], **changes: object) -> dict[str, float]:
    source, target, labels = square
    return {name: float(v[0]) for name, v in flow_checks(replace(labels, **changes), source, target, UV).items()}


def test_right_flow_is_right(square) -> None:
    found = checked(square)
    assert found.keys() == {"missed_share", "warp_px", "warp_most_px", "forward_backward_px"}
    assert found["missed_share"] == 0
    assert max(found.values()) < 1e-3


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, -0.5), (0.3, 0.4), (-6.0, 2.0)])
def test_a_shift_comes_out_in_pixels(square, shift: tuple[float, float]) -> None:
    labels = square[2]
    found = checked(square, flow=labels.flow + torch.tensor(shift))
    length = np.hypot(*shift)
    for name in ("warp_px", "forward_backward_px"):
        assert found[name] == pytest.approx(length, abs=1e-3), name
    assert found["warp_most_px"] > length - 1e-3  # infinite where a tenth of the ends leave the square
    # The way back is measured in the target, which is larger.
    found = checked(square, backward=labels.backward + torch.tensor(shift))
    assert found["forward_backward_px"] == pytest.approx(ENLARGED * length, abs=1e-3)
    assert found["warp_px"] < 1e-3
    both = checked(square, flow=labels.flow + 1, backward=labels.backward - 1 / ENLARGED)
    assert both["forward_backward_px"] < 1e-3 and both["warp_px"] == pytest.approx(np.sqrt(2), abs=1e-3)


def test_flow_that_leads_nowhere_is_infinitely_wrong(square) -> None:
    labels = square[2]
    for wrong in (labels.flow * torch.nan, labels.flow + 1000, labels.flow - 70):
        found = checked(square, flow=wrong)
        assert found["warp_px"] == np.inf and found["forward_backward_px"] == np.inf
    assert checked(square, backward=labels.backward * torch.nan)["forward_backward_px"] == np.inf
    background = checked(square, code=torch.full_like(labels.code, MATCHABLE))
    assert background["warp_most_px"] == np.inf


def test_denied_matches_are_missed(square) -> None:
    labels = square[2]
    for denied in (HIDDEN, NO_FACE):
        found = checked(square, code=torch.where(labels.code == MATCHABLE, denied, labels.code))
        assert found["missed_share"] == 1 and np.isnan(found["warp_px"])
    left = labels.code.clone()
    left[..., :34] = torch.where(left[..., :34] == MATCHABLE, HIDDEN, left[..., :34])
    assert checked(square, code=left)["missed_share"] == pytest.approx(0.5, abs=0.1)


def test_a_sliver_says_nothing(square) -> None:
    """Between pixels of a line one pixel wide nothing can be read: no check, and no false alarm."""
    source, _, labels = square
    thin = seen(torch.tensor([[10.0, 20], [11, 20], [11, 68], [10, 68]]))
    assert all(np.isnan(v[0]) for v in flow_checks(labels, source, thin, UV).values())


def test_several_flows_between_few_pictures(square) -> None:
    """As the frames of a clip: source and target are numbers of pictures."""
    source, target, labels = square
    both = Fragments(
        *(torch.cat([getattr(f, n) for f in (source, target)]) for n in ("triangle_id", "barycentric", "depth"))
    )
    code_back = torch.where(target.triangle_id >= 0, MATCHABLE, NO_FACE).to(torch.uint8)
    flows = FlowLabels(
        torch.cat([labels.backward, labels.flow, labels.flow + 2]),
        torch.cat([code_back, labels.code, labels.code]),
        torch.cat([labels.flow, labels.backward, labels.backward]),
        torch.tensor([1, 0, 0]),
        torch.tensor([0, 1, 1]),
    )
    found = flow_checks(flows, both, both, UV)
    np.testing.assert_allclose(found["warp_px"], [0, 0, np.sqrt(8)], atol=1e-3)
    np.testing.assert_allclose(found["forward_backward_px"], [0, 0, np.sqrt(8)], atol=1e-3)


def test_flow_by_nearest_uv(square) -> None:
    source, target, labels = square
    charts = [interpolate(view, TRIANGLES, UV) for view in (source, target)]
    flow, code = match_nearest_uv(charts[0], charts[1], 0.015)
    nearest = replace(labels, flow=flow, code=code, backward=None, threshold=0.015)
    assert checked((source, target, nearest)) == {"missed_share": 0, "beaten_share": 0}
    for shift in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        assert checked((source, target, nearest), flow=flow + torch.tensor(shift))["beaten_share"] > 0.9
    assert checked((source, target, nearest), threshold=1e-4)["beaten_share"] > 0.9
    unmatched = torch.where(code == MATCHABLE, NO_NEAR_UV, code)
    assert checked((source, target, nearest), code=unmatched)["missed_share"] == 1


def test_patches_at_borders() -> None:
    place = torch.tensor([[0.5, 0.5], [0.1, 3.9], [3.75, 2.0], [4.2, 1.0], [torch.nan, 1.0]], dtype=torch.float64)
    patch = patch_at(place, torch.tensor([0, 0, 1, 1, 1]), (4, 4))
    assert patch.inside.tolist() == [True, True, True, False, False]
    assert patch.pixel[:3, 0].tolist() == [0, 8, 16 + 4 + 2]
    plane = torch.arange(32.0).view(2, 4, 4)  # linear, so reading beside the outer centres goes on as it was
    read = patch.blend(patch.read(plane)[..., None].double())[:3, 0]
    expected = [4 * (y - 0.5) + x - 0.5 + 16 * n for (x, y), n in zip(place[:3].tolist(), (0, 0, 1), strict=True)]
    np.testing.assert_allclose(read, expected)
    pixel, inside = pixels_beside(place, torch.tensor([0, 0, 1, 1, 1]), (4, 4))
    assert pixel[0].tolist()[:2] == [0, 1] and inside[0].tolist() == [True, True, False, True, False]
    assert not inside[4].any()
