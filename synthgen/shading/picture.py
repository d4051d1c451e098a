"""Layers of light -> the 8-bit picture: composite over the background, occlude, expose, blur, add noise, encode."""

from dataclasses import dataclass

import torch

from synthgen.shading.transfer import linear_of_byte_table, normal_quantiles, srgb_of_linear_table


@dataclass(frozen=True)
class PictureLayers:
    """What lies on top of each other in N pictures.

    first_face: (N + 1,) int32; picture n owns heads first_face[n] .. first_face[n + 1], the main one first.
    faces: (M, H, W, 4) float32, linear RGB premultiplied by coverage, coverage.
    background, occluder: (N, H, W, 3) uint8 sRGB. occluder_mask: (N, H, W) bool.
    """

    first_face: torch.Tensor
    faces: torch.Tensor
    background: torch.Tensor
    occluder: torch.Tensor
    occluder_mask: torch.Tensor


@dataclass(frozen=True)
class Sensor:
    """exposure: (N,) float32 linear gain; blur: (N,) float32 Gaussian sigma, px; noise: (N,) float32 standard
    deviation in 8-bit levels; seed: (N,) int32. blurred: False promises that all blurs are 0, which asking a GPU for
    would wait for everything before."""

    exposure: torch.Tensor
    blur: torch.Tensor
    noise: torch.Tensor
    seed: torch.Tensor
    blurred: bool = True


def develop_pictures(layers: PictureLayers, sensor: Sensor) -> torch.Tensor:
    """Pictures (N, H, W, 3) uint8 sRGB."""
    from synthgen.shading.warp_picture import launch_blur, launch_composite, launch_develop

    device = layers.faces.device
    linear = torch.empty(layers.background.shape, dtype=torch.float32, device=device)
    launch_composite(layers, sensor, torch.from_numpy(linear_of_byte_table()).to(device), linear)
    if sensor.blurred:
        linear = launch_blur(linear, sensor.blur)
    tables = (torch.from_numpy(normal_quantiles()).to(device), torch.from_numpy(srgb_of_linear_table()).to(device))
    image = torch.empty(layers.background.shape, dtype=torch.uint8, device=device)
    launch_develop(linear, sensor, tables, image)
    return image


def shrink_coverage(faces: torch.Tensor, factor: int) -> torch.Tensor:
    """(M, H, W, 4) box-filtered from (M, factor H, factor W, 4) premultiplied colour: soft edges."""
    if factor == 1:
        return faces
    planes = faces.permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(planes, factor).permute(0, 2, 3, 1).contiguous()
