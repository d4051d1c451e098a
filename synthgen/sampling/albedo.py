"""What a sampled face is painted with: absorbances of the density layers of morphable/albedo."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.albedo.names import LAYER_NAMES

# RGB absorbance of one unit of density: -log of linear reflectance. Eumelanin falls with wavelength to the power 3.33
# (Jacques 1996), flattened towards dark skin by what the surface reflects; haemoglobin has its bands in the green.
_DERMIS = np.array([0.19, 0.35, 0.49])
_MELANIN = np.array([0.74, 1.02, 1.36])
_CAROTENE = np.array([0.0, 0.02, 0.30])
_HAEMOGLOBIN = np.array([0.05, 0.45, 0.35])
_LIPS = np.array([0.12, 0.66, 0.52])
_PERIORBITAL = np.array([0.16, 0.24, 0.17])
_FRECKLES = np.array([0.35, 0.62, 0.85])
_PORES = np.array([0.9, 1.0, 1.0])
_SCLERA = np.array([0.24, 0.28, 0.31])
_PUPIL = np.array([3.2, 3.3, 3.3])
_MOUTH = np.array([0.85, 2.1, 2.35])
# Hair from red and blond to black: absorbance of full cover.
_HAIR_LIGHT, _HAIR_RED, _HAIR_BROWN, _HAIR_BLACK = (
    np.array(colour) for colour in ([0.70, 1.05, 1.6], [0.9, 1.8, 2.7], [2.0, 2.6, 3.2], [3.4, 3.6, 3.7])
)
_IRIS_COLOURS = (
    (0.55, np.array([2.2, 3.0, 3.9])),  # brown
    (0.18, np.array([1.5, 2.0, 2.9])),  # hazel
    (0.19, np.array([2.0, 1.35, 1.0])),  # blue
    (0.08, np.array([1.6, 1.35, 1.8])),  # green
)
_IRIS_SHARES = tuple(np.cumsum([weight for weight, _ in _IRIS_COLOURS])[:-1].tolist())
_SKIN_DRAWS = 20
DARK_SKIN = 0.9  # melanin above which light hair and eyes are not sampled
_MELANIN_LOW, _MELANIN_HIGH = 0.10, 2.3


@dataclass(frozen=True)
class SkinParams:
    """How a face is painted; every number multiplies the absorbance of its layer.

    melanin: 0.1 very light to 2.3 very dark skin; haemoglobin: pale 0.5 to ruddy 1.3; carotene:
    yellowness in [0, 1]; lips: natural 1 to painted 2.
    hair_darkness, hair_redness: in [0, 1]; hair_cover: 0 bald to 1; brows, lashes, stubble, freckles, pores,
    periorbital, shade: strengths; iris: row of the iris colours.
    """

    melanin: float
    haemoglobin: float
    carotene: float
    lips: float
    hair_darkness: float
    hair_redness: float
    hair_cover: float
    brows: float
    lashes: float
    stubble: float
    freckles: float
    pores: float
    periorbital: float
    shade: float
    iris: int
    iris_strength: float


def sample_skin(rng: np.random.Generator) -> SkinParams:
    """A random face paint; light and dark skin both common, light hair and eyes only on lighter skin."""
    # One call draws all that is drawn: 30 us less than a call per number.
    shares = iter(rng.random(_SKIN_DRAWS).tolist())

    def within(low: float, high: float) -> float:
        return low + (high - low) * next(shares)

    melanin = _MELANIN_LOW + (_MELANIN_HIGH - _MELANIN_LOW) * next(shares) ** 1.8
    light = melanin < DARK_SKIN
    darkness, redness = next(shares) ** 0.6, next(shares)
    bald, bearded, made_up, freckled = (next(shares) < share for share in (0.12, 0.40, 0.20, 0.3))
    iris = bisect_left(_IRIS_SHARES, next(shares))
    return SkinParams(
        melanin=melanin,
        haemoglobin=within(0.55, 1.30),
        carotene=within(0.1, 1.0),
        lips=within(1.2, 2.0) if made_up else within(0.6, 1.1),
        hair_darkness=darkness if light else 0.75 + 0.25 * darkness,
        hair_redness=max(0.0, 4.0 * redness - 3.2) if light else 0.0,
        hair_cover=0.0 if bald else within(0.40, 1.2),
        brows=within(0.32, 0.80),
        lashes=within(0.5, 1.2) + 0.5 * made_up,
        stubble=within(0.15, 1.0) if bearded else 0.0,
        freckles=within(0.2, 0.9) if light and freckled else within(0.0, 0.15),
        pores=within(0.04, 0.15),
        periorbital=within(0.4, 1.6),
        shade=within(0.85, 1.05),
        iris=iris if light else 0,
        iris_strength=within(0.8, 1.2),
    )


def absorbance(params: SkinParams) -> NDArray[np.float32]:
    """(K, 3) float32 absorbances of the layers of morphable/albedo/names.py."""
    hair = _hair_colour(params)
    colours = {
        "dermis": _DERMIS + params.carotene * _CAROTENE,
        "melanin": params.melanin * _MELANIN,
        "haemoglobin": params.haemoglobin * _HAEMOGLOBIN,
        # Pigment hides the colour of lips as it hides blood.
        "lips": params.lips * _LIPS / (1.0 + 0.35 * params.melanin) + 0.12 * params.melanin,
        "brows": params.brows * hair,
        "lashes": params.lashes * np.maximum(hair, 0.8 * _HAIR_BROWN),
        "periorbital": params.periorbital * _PERIORBITAL * (1.0 + 0.3 * params.melanin),
        "stubble": params.stubble * hair * 0.55,
        "freckles": params.freckles * _FRECKLES,
        "pores": params.pores * _PORES,
        "hair": params.hair_cover * hair,
        "white": _SCLERA,
        "iris": params.iris_strength * _IRIS_COLOURS[params.iris][1],
        "dark": _PUPIL,
        "mouth": _MOUTH,
        "shade": params.shade * np.ones(3),
    }
    return np.array([colours[name] for name in LAYER_NAMES], np.float32)


def sample_albedo(rng: np.random.Generator) -> NDArray[np.float32]:
    """(K, 3) float32 absorbances of a random face."""
    return absorbance(sample_skin(rng))


def skin_record(params: SkinParams) -> dict[str, float]:
    """The sampled numbers by name, for tables."""
    return {name: float(value) for name, value in vars(params).items()}


def _hair_colour(params: SkinParams) -> NDArray[np.float64]:
    """RGB absorbance of hair between light, brown and black, shifted towards red."""
    lightness = 1.0 - params.hair_darkness
    if lightness > 0.5:
        colour = _HAIR_BROWN + (lightness - 0.5) * 2.0 * (_HAIR_LIGHT - _HAIR_BROWN)
    else:
        colour = _HAIR_BLACK + lightness * 2.0 * (_HAIR_BROWN - _HAIR_BLACK)
    return colour + params.hair_redness * lightness * (_HAIR_RED - colour)
