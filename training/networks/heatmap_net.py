"""A residual network with a heat map for each landmark, as adaptive wing (Wang et al. 2019) needs it.

Its authors use stacked hourglasses. Table 6 of the anisotropic paper names ResNet-50 for all losses, so the maps come
from three deconvolutions on the same trunk (Xiao et al. 2018).
"""

from typing import Literal

import torch
from torch import nn

from training.networks.layers import scaled_width
from training.networks.resnet import ResNetTrunk

WIDE, STRIDE = 256, 4
NEAR = 2  # pixels of a map around its brightest that say where the landmark is


class HeatmapNet(nn.Module):
    """Picture (N, 3, H, W) -> `heatmaps` (N, K, H / 4, W / 4), and `landmarks` (N, 2 K): x, y in `unit` px.

    The landmarks are the means of the maps around their brightest pixels.
    """

    def __init__(self, points: int, depth: Literal[18, 50, 101] = 50, unit: float = 1.0, width: float = 1.0) -> None:
        super().__init__()
        self.trunk, self.unit = ResNetTrunk(depth, width=width), unit
        layers: list[nn.Module] = []
        before = self.trunk.channels_out
        wide = scaled_width(WIDE, width)
        for _ in range(3):
            layers += [nn.ConvTranspose2d(before, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
            before = wide
        self.head = nn.Sequential(*layers, nn.Conv2d(before, points, 1))

    def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        """Landmarks and heat maps."""
        maps = self.head(self.trunk(picture))
        scale = torch.tensor([picture.shape[3] / maps.shape[3], picture.shape[2] / maps.shape[2]], device=maps.device)
        return {"landmarks": (brightest(maps) * scale / self.unit).flatten(1), "heatmaps": maps}


def brightest(maps: torch.Tensor) -> torch.Tensor:
    """(N, K, 2) px of the maps (N, K, H, W), x and y: means of what is bright about the brightest pixel."""
    height, width = maps.shape[2:]
    place = maps.flatten(2).argmax(dim=2)
    x = torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5
    y = torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5
    at_x, at_y = x[place % width], y[place // width]
    across = (x - at_x[..., None]).abs() <= NEAR  # (N, K, W)
    down = (y - at_y[..., None]).abs() <= NEAR  # (N, K, H)
    near = (across[:, :, None, :] & down[:, :, :, None]).to(maps.dtype)
    light = maps.clamp(min=0.0) * near + 1e-9 * near
    total = light.sum(dim=(2, 3))
    return torch.stack([(light.sum(dim=2) * x).sum(dim=2) / total, (light.sum(dim=3) * y).sum(dim=2) / total], dim=-1)
