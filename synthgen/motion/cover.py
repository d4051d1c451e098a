"""What the rim of a face shows once turning brings it into view, which its photo shows badly."""

from dataclasses import dataclass

import torch

from synthgen.motion.contour import Outline, radius_towards

# Of the outline's radius: how far inside its place a rim in full view shows, at the sides, by which fits are off, and
# below the chin, where the photo has neck and collar in front of what the model has of the face.
MARGIN = (0.09, 0.16)
BELOW = (-0.4, -0.9)  # sine of the elevation at which the second begins, and wholly holds
# How far a turn tips a direction of the picture towards the viewer (sine) until what lies there comes into view, and
# when it wholly has.
IN_VIEW = (0.03, 0.35)
EDGE = (1.5, 0.06)  # px, the least margin: edges of photos are mixtures; wholly from this sine on
PASSING = 0.4  # of the turn's sine: the same for directions along the axis, which move across what is behind
# Sine of the elevation up to which all this holds, and from which the photo's hair stays as it is.
TEMPLE, HAIRLINE = 0.6, 0.95


@dataclass(frozen=True)
class Rim:
    """Where the vertices of N heads lie between the centres and the outlines of their faces.

    direction: (N, V, 2) float32 unit vectors from the centres to the vertices; radius: (N, V) px, of the outline there;
    share: (N, V), of the way to it; margin: (N, V), of the radius, by which the rim may give way; 0 at the hairline.
    """

    direction: torch.Tensor
    radius: torch.Tensor
    share: torch.Tensor
    margin: torch.Tensor


def rim_of(points: torch.Tensor, outline: Outline, centre: torch.Tensor, up: torch.Tensor) -> Rim:
    """The rims of N heads with vertices at `points` (N, V, 2) px.

    centre: (N, 2) px, of the outlines; up: (N, 2) unit vectors, where the heads' tops are in the picture.
    """
    offset = points - centre[:, None]
    distance = offset.norm(dim=-1).clamp_min(1e-6)
    radius = radius_towards(outline.radius, torch.atan2(offset[..., 1], offset[..., 0]))
    direction = offset / distance[..., None]
    elevation = (direction @ up[..., None])[..., 0]
    return Rim(direction, radius, distance / radius, rim_margin(elevation))


def rim_margin(elevation: torch.Tensor) -> torch.Tensor:
    """Share of the radius by which a rim may give way, of any shape; elevation: its sine, 1 at the top of the head."""
    below = smooth_step((elevation - BELOW[0]) / (BELOW[1] - BELOW[0]))
    above = smooth_step((elevation - TEMPLE) / (HAIRLINE - TEMPLE))
    return (MARGIN[0] + (MARGIN[1] - MARGIN[0]) * below) * (1.0 - above)


def pulled_in(rim: Rim, turn: torch.Tensor) -> torch.Tensor:
    """(N, V, 2) px from where each vertex is to what it shows after `turn` (N, 3, 3), camera space.

    Near the outline of a face the photo has what a fit a few pixels off makes of it, background often, and turning
    spreads that over the cheek: where the rim comes into view, what lies between the outline and a margin inside it is
    left out, and what lies as far again inside that margin is drawn out over it. Nothing folds.
    """
    tipped = -(rim.direction @ turn[:, 2, :2, None])[..., 0]
    sine = turn[:, 2, :2].norm(dim=-1)[:, None]
    seen = tipped + PASSING * sine
    margin = rim.margin * smooth_step((seen - IN_VIEW[0]) / (IN_VIEW[1] - IN_VIEW[0]))
    margin = torch.maximum(margin, EDGE[0] / rim.radius * smooth_step(tipped / EDGE[1]))
    inwards = torch.minimum(((rim.share - 1.0) / 2.0 + margin).clamp_min(0.0), margin)
    return (-inwards * rim.radius)[..., None] * rim.direction


def smooth_step(share: torch.Tensor) -> torch.Tensor:
    """Smooth step from 0 at share 0 to 1 at share 1."""
    inside = share.clamp(0.0, 1.0)
    return inside * inside * (3.0 - 2.0 * inside)
