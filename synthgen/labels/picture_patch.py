"""The four pixel centres around places in pictures, and where on the chart a place lies by what the picture shows.

Flow and landmarks come from projecting vertices. The template coordinates of a picture come from the rasteriser and the
chart, which know nothing of that projection, so the two can only agree where both are right.
"""

from dataclasses import dataclass

import torch

from synthgen.raster.fragments import Fragments

# Neighbours farther apart on the chart lie on two pieces of it, eye and lid, or on two parts of a fold.
ONE_PIECE_UV = 0.1
_SQUARE = ((0, 0), (1, 0), (0, 1), (1, 1))
_CROSS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class PicturePatch:
    """The squares between four pixel centres that hold, or in the outer half pixel are nearest to, P places.

    pixel: (P, 4) int64, numbered through all pictures: upper left, upper right, lower left, lower right. centre: (P, 4,
    2) float64 px, theirs. x, y: (P, 1) float64, place in the square, 0 to 1. inside: (P,) bool, the place is in the
    frame; the rest means nothing where it is not.
    """

    pixel: torch.Tensor
    centre: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    inside: torch.Tensor

    def read(self, plane: torch.Tensor) -> torch.Tensor:
        """(P, 4, ...) values of a plane (N, H, W, ...) at the four pixels."""
        flat = plane.reshape(-1, *plane.shape[3:]).index_select(0, self.pixel.view(-1))
        return flat.view(-1, 4, *plane.shape[3:])

    def blend(self, values: torch.Tensor) -> torch.Tensor:
        """(P, C) bilinear value at each place of values (P, 4, C)."""
        upper = values[:, 0] + self.x * (values[:, 1] - values[:, 0])
        lower = values[:, 2] + self.x * (values[:, 3] - values[:, 2])
        return upper + self.y * (lower - upper)

    def judge(self, error: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Errors (P,) of what was blended from values (P, 4, C): NaN where some of the four are none, which is nothing
        to check; infinite where all four are, beside the frame, and where the error is not finite all the same."""
        known = torch.isfinite(values).all(dim=-1)
        result = torch.where(torch.isfinite(error), error, torch.inf)
        result = torch.where(known.any(dim=-1) & ~known.all(dim=-1), torch.nan, result)
        return torch.where(self.inside, result, torch.inf)


def patch_at(place: torch.Tensor, picture: torch.Tensor, size: tuple[int, int]) -> PicturePatch:
    """The patches of places (P, 2) float64 px in pictures (P,) of `size` (H, W)."""
    limit = torch.tensor([size[1], size[0]], dtype=place.dtype, device=place.device)
    inside = ((place >= 0) & (place <= limit)).all(dim=-1)  # False for NaN
    place = torch.where(inside[:, None], place, 0.5)
    corner = torch.minimum((place - 0.5).floor().clamp(min=0), limit - 2)
    four = corner[:, None] + torch.tensor(_SQUARE, dtype=place.dtype, device=place.device)
    x, y = (place - 0.5 - corner)[..., None].unbind(1)
    return PicturePatch(_number(four, picture, size), four + 0.5, x, y, inside)


def pixels_beside(
    place: torch.Tensor, picture: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers (P, 5) through all pictures of the pixel that holds each place (P, 2) px and of its four neighbours, and
    (P, 5) bool, which of them are in the frame; the others have the number of another."""
    limit = torch.tensor([size[1], size[0]], dtype=place.dtype, device=place.device)
    pixel = place.floor()[:, None] + torch.tensor(_CROSS, dtype=place.dtype, device=place.device)
    inside = ((pixel >= 0) & (pixel < limit)).all(dim=-1)  # False for NaN
    return _number(torch.where(inside[..., None], pixel, 0.0), picture, size), inside


def chart_distance(shown: torch.Tensor, patch: PicturePatch, wanted: torch.Tensor) -> torch.Tensor:
    """(P,) float64 px from each place to where the picture shows the wanted template coordinate (P, 2), by one Newton
    step from the coordinates `shown` (P, 4, 2) around it; as PicturePatch.judge where there are not four."""
    along_x = (1 - patch.y) * (shown[:, 1] - shown[:, 0]) + patch.y * (shown[:, 3] - shown[:, 2])
    along_y = (1 - patch.x) * (shown[:, 2] - shown[:, 0]) + patch.x * (shown[:, 3] - shown[:, 1])
    missing = wanted - patch.blend(shown)
    steps = torch.stack([_cross(missing, along_y), _cross(along_x, missing)]) / _cross(along_x, along_y)
    return patch.judge(torch.hypot(steps[0], steps[1]), shown)


def coordinates_around(fragments: Fragments, uv: torch.Tensor, patch: PicturePatch) -> torch.Tensor:
    """(P, 4, 2) float64 template coordinates at the pixels of patches, as `coordinates_at`; NaN at one of four that do
    not lie on one piece of the chart, between which there is nothing to read."""
    shown = coordinates_at(fragments, uv, patch.pixel)
    torn = (shown.amax(dim=1) - shown.amin(dim=1)).amax(dim=-1) > ONE_PIECE_UV  # False for NaN
    shown[:, 0] = torch.where(torn[:, None], torch.nan, shown[:, 0])
    return shown


def coordinates_at(fragments: Fragments, uv: torch.Tensor, pixel: torch.Tensor) -> torch.Tensor:
    """(..., 2) float64 template coordinates at pixels (...,), numbered through all pictures; NaN without surface.

    uv: (T, 3, 2) of the triangles' corners.
    """
    flat = pixel.reshape(-1)
    triangle = fragments.triangle_id.view(-1).index_select(0, flat).long()
    weights = fragments.barycentric.reshape(-1, 3).index_select(0, flat).double()
    corners = uv.index_select(0, triangle.clamp(min=0)).double()
    found = (corners * weights[..., None]).sum(dim=1)  # the weights are NaN where there is no surface
    return found.view(*pixel.shape, 2)


def _number(pixel: torch.Tensor, picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(P, M) int64 of pixels (P, M, 2) [column, row] of pictures (P,)."""
    column, row = pixel.long().unbind(-1)
    return (picture[:, None] * size[0] + row) * size[1] + column


def _cross(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
