"""What the camera does to the frames of a clip, P and M of tddfa_v2 section 2.4: noise, then motion blur."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.seeds import Stream, rng


def blur_along_motion(picture: torch.Tensor, velocity: torch.Tensor, blur: NDArray[np.float64]) -> torch.Tensor:
    """Pictures (N, H, W, 3) uint8: each pixel the mean along its motion while the shutter was open, rounded.

    The kernel K of the paper's M(x) = K * x is a segment centred at the pixel, so that labels of the frame's instant
    hold. It points where the pixel moves: for a shift of the picture it is the same everywhere, and M a convolution.
    picture: (N, H, W, 3) float32 in 8-bit levels, values outside [0, 255] included; H and W at least 2. velocity:
    (N, H, W, 2) float32, motion of what each pixel shows between two frames, px (picture_velocity). blur: (N,) length
    of the segment in times that motion; 0 only rounds.
    """
    from synthgen.motion.warp_motion_blur import launch_motion_blur

    length = torch.from_numpy(np.asarray(blur, np.float32)).to(picture.device)
    return launch_motion_blur(picture, velocity.to(picture.device) * length[:, None, None, None])


def with_noise(image: torch.Tensor, noise: NDArray[np.float64], seed: int, index: int) -> torch.Tensor:
    """(F, H, W, 3) float32: the frames (F, H, W, 3) of clip `index` plus Gaussian noise, not rounded.

    noise: (F,) standard deviation in 8-bit levels; each frame has noise of its own.
    """
    noisy = image.to(torch.float32)
    for frame, stddev in enumerate(noise.tolist()):
        if stddev > 0.0:
            random = rng(seed, index, Stream.SENSOR, view=frame)
            levels = stddev * random.standard_normal(image.shape[1:], dtype=np.float32)
            noisy[frame] += torch.from_numpy(levels.astype(np.float32)).to(image.device)
    return noisy
