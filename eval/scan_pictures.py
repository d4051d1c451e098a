"""Pictures of scans at published poses, by our rasteriser, for networks to reconstruct."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from eval.scans import Scan
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.spherical_harmonics import cap_sh
from synthgen.geometry.normals import smooth_normals
from synthgen.geometry.rotation import rotation_from_zhu_euler
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize
from synthgen.shading.lambertian import lambertian_shading
from synthgen.shading.transfer import linear_from_srgb, srgb_from_linear

# VRN's renderings: 15 per subject. Its paper's pitches are a typo, these are from its issue 158 (CONVENTIONS J). Their
# sign convention is published nowhere; 300W-LP's is taken, in which a negative pitch looks down.
PITCHES_DEG = (-15, -20, -25)
YAWS_DEG = (-80, -40, 0, 40, 80)
SIDE = 256
LANDMARK_SHARE = 0.5  # larger side of the landmarks' box at pose 0 over the picture's side
SUPERSAMPLING = 2
_GREY_LINEAR = 0.2


@dataclass(frozen=True)
class ScanPicture:
    """picture: (H, W, 3) uint8; landmarks: (68, 2) px, NaN for unknown ones."""

    picture: NDArray[np.uint8]
    landmarks: NDArray[np.float64]


def pose_name(pitch_deg: float, yaw_deg: float) -> str:
    """How files of a pose are called: pitch-15_yaw40."""
    return f"pitch{pitch_deg:g}_yaw{yaw_deg:g}"


def render_scan(scan: Scan, points: NDArray[np.floating], pitch_deg: float, yaw_deg: float) -> ScanPicture:
    """The scan on grey, turned by 300W-LP's pitch and yaw, through a scaled-orthographic camera, in soft light from the
    front. points: (68, 3) landmarks of the scan, which decide its place and size."""
    rotation = rotation_from_zhu_euler(np.radians([pitch_deg, yaw_deg, 0.0]))
    known = points[np.isfinite(points).all(axis=1)]
    middle = (known.min(axis=0) + known.max(axis=0)) / 2
    scale = LANDMARK_SHARE * SIDE / float(np.ptp(known[:, :2], axis=0).max())
    to_image = np.array([scale, scale, 1.0])

    def place(positions: NDArray[np.floating]) -> NDArray[np.float64]:
        posed = (np.asarray(positions, np.float64) - middle) @ rotation.T @ CAMERA_FROM_WORLD
        moved: NDArray[np.float64] = posed * to_image + (SIDE / 2, SIDE / 2, 0.0)
        return moved

    picture = _shaded(scan, place(scan.vertices), rotation)
    return ScanPicture(picture, place(points)[:, :2])


def _shaded(scan: Scan, vertices_image: NDArray[np.float64], rotation: NDArray[np.float64]) -> NDArray[np.uint8]:
    triangles = torch.from_numpy(scan.triangles.astype(np.int32))
    fine = vertices_image * (SUPERSAMPLING, SUPERSAMPLING, 1.0)
    side = SUPERSAMPLING * SIDE
    fragments = rasterize(torch.from_numpy(fine.astype(np.float32))[None], triangles, (side, side), perspective=False)
    world = torch.from_numpy((scan.vertices @ rotation.T).astype(np.float32))[None]
    light = np.repeat((0.6 * cap_sh((0.0, 0.0, 1.0), np.pi) + 0.8 * cap_sh((0.0, 0.3, 1.0), 1.0))[:, None], 3, axis=1)
    shading = lambertian_shading(torch.from_numpy(light.astype(np.float32))[None], smooth_normals(world, triangles))
    albedo = torch.from_numpy(linear_from_srgb(scan.colours / 255.0).astype(np.float32))[None]
    colour = interpolate(fragments, triangles, albedo * shading)[0].numpy()
    colour = np.where(np.isfinite(colour), colour, _GREY_LINEAR)
    coarse = colour.reshape(SIDE, SUPERSAMPLING, SIDE, SUPERSAMPLING, 3).mean(axis=(1, 3))
    return np.round(255 * srgb_from_linear(np.clip(coarse, 0.0, 1.0))).astype(np.uint8)
