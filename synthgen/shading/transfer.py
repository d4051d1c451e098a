"""The sRGB transfer curve (IEC 61966-2-1) and tables of it."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

ENCODE_STEPS = 4095  # srgb_of_linear_table has one entry per step and two for the ends
NOISE_LEVELS = 4096
# transmittance_table: absorbance beyond MOST_ABSORBANCE (reflectance below 1e-4) is cut off.
MOST_ABSORBANCE = 9
STEPS_PER_ABSORBANCE = 128


def linear_from_srgb(srgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light in [0, 1] of encoded values in [0, 1]."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Encoded values in [0, 1] of linear light in [0, 1]."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def linear_of_byte_table() -> NDArray[np.float32]:
    """(256,) linear light of each sRGB byte."""
    return linear_from_srgb(np.arange(256) / 255.0).astype(np.float32)


def srgb_of_linear_table() -> NDArray[np.float32]:
    """(4097,) encoded value x 255 at linear light 0, 1/4095, ..., 1 and one repeated end for interpolation."""
    return (255.0 * srgb_from_linear(np.arange(ENCODE_STEPS + 2) / ENCODE_STEPS)).astype(np.float32)


def transmittance_table() -> NDArray[np.float32]:
    """exp(-a) at a = 0, 1/128, ..., 9 and one step more, for linear interpolation to a relative 8e-6."""
    steps = np.arange(MOST_ABSORBANCE * STEPS_PER_ABSORBANCE + 2)
    return np.exp(-steps / STEPS_PER_ABSORBANCE).astype(np.float32)


def normal_quantiles() -> NDArray[np.float32]:
    """(4096,) equally likely values with zero mean and unit variance that follow the normal distribution."""
    values = ndtri((np.arange(NOISE_LEVELS) + 0.5) / NOISE_LEVELS)
    return (values / values.std()).astype(np.float32)
