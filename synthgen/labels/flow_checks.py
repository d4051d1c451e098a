"""Checks of flow and matchability against the template coordinates that both pictures show.

The textbook check warps the target's albedo to the source and compares. Here the two heads wear different skins, and a
cheek is as bright a pixel further on. The template coordinate is the texture that is equal on both heads and changes
everywhere, so it takes the albedo's place, and it tells how many pixels the flow is off. It comes from rasteriser and
chart alone, while flow comes from projecting the target's vertices, so a mistake in either shows.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import MATCHABLE, NO_NEAR_UV, OUTSIDE
from synthgen.labels.checks import Numbers, mean_share, quantile
from synthgen.labels.picture_patch import chart_distance, coordinates_around, coordinates_at, patch_at, pixels_beside
from synthgen.labels.surface_sample import GridPixels, pick_pixels
from synthgen.raster.fragments import Fragments

GRID_SIDE = 16
# Fewer pixels say nothing about the rest.
FEWEST_PIXELS, FEWEST_FOR_MOST = 8, 24
FEWEST_MET = 20
# At outlines and folds reading between pixels is wrong, not the flow: not all matchable pixels are asked for.
HALF, MOST = 0.5, 0.9
# The target shows a source pixel's point where its coordinate is found this near to the end of the flow, px.
MET_PX = 0.25
# Of the target's surface, the share that must lie between pixels that show it too.
INSIDE_SHARE = 0.6
# Distances on the chart are equal within float32.
EQUAL_UV = 1e-6


@dataclass(frozen=True)
class FlowLabels:
    """N flows. flow: (N, H, W, 2) float32 px; code: (N, H, W) uint8; backward: as flow, or None; source, target: (N,)
    int64, from which picture to which; threshold: of uv, for flow by nearest uv, else None."""

    flow: torch.Tensor
    code: torch.Tensor
    backward: torch.Tensor | None
    source: torch.Tensor
    target: torch.Tensor
    threshold: float | None = None


@dataclass(frozen=True)
class _Ends:
    """P pixels of the sources and where their flow leads. pixels.picture: number of the flow. centre, end: (P, 2) px.
    code: (P,). wanted: (P, 2), the source's template coordinate. target: (P,), picture where the end is."""

    pixels: GridPixels
    centre: torch.Tensor
    end: torch.Tensor
    code: torch.Tensor
    wanted: torch.Tensor
    target: torch.Tensor


def flow_checks(labels: FlowLabels, source: Fragments, target: Fragments, uv: torch.Tensor) -> dict[str, Numbers]:
    """Check -> (N,) of the flows between pictures of heads with one template, uv (T, 3, 2) of its triangles' corners.

    missed_share: of the pixels whose coordinate the target shows where their flow ends, those not called matchable.
    Exact flow: warp_px and warp_most_px, the distances from there within which the coordinates of half and of nine
    tenths of the matchable pixels are shown; forward_backward_px, the median distance, in the target, from there to
    where flow_backward leads back to the pixel.
    Flow by nearest uv: beaten_share, of the matchable pixels, those beyond the threshold or nearer to a neighbour.
    """
    ends = _trace(labels, source, uv)
    if labels.threshold is not None:
        return _nearest(labels, ends, target, uv, labels.threshold)
    readable = _has_inside(target)[labels.target.cpu().numpy()]
    return {name: np.where(readable, values, np.nan) for name, values in _exact(labels, ends, target, uv).items()}


def _trace(labels: FlowLabels, source: Fragments, uv: torch.Tensor) -> _Ends:
    """The grid's pixels that are called matchable, or show the surface and are called something that denies a match."""
    pixels = pick_pixels((labels.code <= OUTSIDE) | (labels.code == NO_NEAR_UV), GRID_SIDE)
    there = replace(pixels, picture=labels.source[pixels.picture])
    code = pixels.of(labels.code)
    kept = torch.nonzero((there.of(source.triangle_id) >= 0) | (code == MATCHABLE))[:, 0]
    pixels, there = pixels.at(kept), there.at(kept)
    height, width = source.triangle_id.shape[1:]
    wanted = coordinates_at(source, uv, there.number((height, width)))
    centre = pixels.centre
    end = centre + pixels.of(labels.flow).double()
    return _Ends(pixels, centre, end, code[kept], wanted, labels.target[pixels.picture])


def _has_inside(target: Fragments) -> NDArray[np.bool_]:
    """(N,) whether a picture shows a piece of surface between whose pixels one can read, not a sliver a pixel wide."""
    count, height, width = target.triangle_id.shape
    pixels = pick_pixels(target.triangle_id[:, : height - 1, : width - 1] >= 0, GRID_SIDE)
    first = pixels.number((height, width))
    beside = torch.stack([first + 1, first + width, first + width + 1])
    surrounded = (target.triangle_id.view(-1)[beside] >= 0).all(dim=0).cpu().numpy()
    picture = pixels.picture.cpu().numpy()
    inside = np.bincount(picture, weights=surrounded, minlength=count)
    return (inside >= FEWEST_PIXELS) & (inside >= INSIDE_SHARE * np.bincount(picture, minlength=count))


def _exact(labels: FlowLabels, ends: _Ends, target: Fragments, uv: torch.Tensor) -> dict[str, Numbers]:
    height, width = target.triangle_id.shape[1:]
    patch = patch_at(ends.end, ends.target, (height, width))
    distance = chart_distance(coordinates_around(target, uv, patch), patch, ends.wanted)
    checks = {
        "missed_share": _missed_share(labels, ends, distance < MET_PX),
        "warp_px": _quantile(labels, ends, distance, HALF, FEWEST_PIXELS),
        "warp_most_px": _quantile(labels, ends, distance, MOST, FEWEST_FOR_MOST),
    }
    if labels.backward is not None:
        own = replace(patch, pixel=patch.pixel + ((ends.pixels.picture - ends.target) * height * width)[:, None])
        # Where the target's pixels lead to is one more coordinate that the target shows, of which the centre is wanted.
        leads_to = own.read(labels.backward).double() + own.centre
        distance = chart_distance(leads_to, own, ends.centre)
        checks["forward_backward_px"] = _quantile(labels, ends, distance, HALF, FEWEST_PIXELS)
    return checks


def _nearest(
    labels: FlowLabels, ends: _Ends, target: Fragments, uv: torch.Tensor, threshold: float
) -> dict[str, Numbers]:
    height, width = target.triangle_id.shape[1:]
    pixel, inside = pixels_beside(ends.end, ends.target, (height, width))  # (P, 5), the end itself first
    distance = (coordinates_at(target, uv, pixel) - ends.wanted[:, None]).norm(dim=-1)
    distance = torch.where(inside, distance, torch.inf).nan_to_num(nan=torch.inf)
    own, beside = distance[:, 0], distance[:, 1:].amin(dim=-1)
    beaten = (own >= threshold + EQUAL_UV) | (beside < own - EQUAL_UV)
    matchable = _matchable(ends)
    rows = ends.pixels.picture.cpu().numpy()
    return {
        "missed_share": _missed_share(labels, ends, own < threshold - EQUAL_UV),
        "beaten_share": mean_share(len(labels.code), rows[matchable], beaten.cpu().numpy()[matchable], FEWEST_PIXELS),
    }


def _quantile(labels: FlowLabels, ends: _Ends, error: torch.Tensor, share: float, fewest: int) -> Numbers:
    """(N,) quantile of the matchable pixels' errors (P,) that say something."""
    errors = error.cpu().numpy()
    kept = _matchable(ends) & ~np.isnan(errors)
    return quantile(len(labels.code), ends.pixels.picture.cpu().numpy()[kept], errors[kept], share, fewest)


def _missed_share(labels: FlowLabels, ends: _Ends, met: torch.Tensor) -> Numbers:
    """(N,) of the pixels that the target shows, met (P,), the share that is not called matchable."""
    kept = met.cpu().numpy()
    rows = ends.pixels.picture.cpu().numpy()
    return mean_share(len(labels.code), rows[kept], ~_matchable(ends)[kept], FEWEST_MET)


def _matchable(ends: _Ends) -> NDArray[np.bool_]:
    matchable: NDArray[np.bool_] = (ends.code == MATCHABLE).cpu().numpy()
    return matchable
