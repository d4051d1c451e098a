"""The sections of a recipe that starts from photos: fittings, crop, augmentation, profiling, short videos."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from synthgen.core.limits import MOST_FRAMES, MOST_RECTANGLES
from synthgen.recipe.distributions import Constant, Distribution, Uniform
from synthgen.recipe.ranges import Believable, Within
from synthgen.recipe.section import FilePath, Flag, Integer, Number, Section, problem

Turn = Annotated[Number, Field(ge=-90, le=90)]
Turns = Annotated[tuple[Turn, ...], Field(min_length=1, max_length=64)]


class FittingsSource(Section):
    """Photos with fitted heads.

    path: a fitting file (.npz or .json); photos: folder that its picture names belong to, by default that of the file;
    orientation: what to do with a photo whose EXIF data say that it is to be shown turned: `refuse` it, take its pixels
    as `stored`, or turn it `upright` first, whichever the fittings refer to.
    """

    path: FilePath
    photos: FilePath | None = None
    orientation: Literal["refuse", "stored", "upright"] = "refuse"


class Crop(Section):
    """Which part of the photo becomes the picture, resampled to `size`.

    rule: `none` takes the whole photo, which must have the picture's size; `fit` the largest centred part of the right
    aspect; `landmark_box` the square of 3DDFA about the 68 points of the fitted head, `prnet_landmarks` that of PRNet,
    `prnet_training` that of its training pictures; `detector_box` and `prnet_box` the square of both about the box that
    each fitting has from a detector; grow: the square's side times this; roi: `exact` takes the square as it is,
    `rounded` whole pixels as public code cuts them out, `public` these and public code's map of points, half a pixel
    off, `aflw` the pixels of 3DDFA's AFLW benchmark.
    """

    rule: Literal["none", "fit", "landmark_box", "prnet_landmarks", "prnet_training", "detector_box", "prnet_box"] = (
        "none"
    )
    roi: Literal["exact", "rounded", "public", "aflw"] = "exact"
    grow: Annotated[Number, Field(gt=0, le=10)] = 1.0


class Augment(Section):
    """Random motions of the picture in its plane, about its centre, and rectangles in front of it (dfc section 4.1).

    copies: samples per fitting; scale, rotation_deg, translation (fraction of the picture's side, drawn for x and y by
    itself): the motion; rectangles: how many (rounded); rectangle_size: each side, as a fraction of the picture's.
    """

    copies: Annotated[Integer, Field(ge=1, le=100_000)] = 1
    scale: Annotated[Distribution, AfterValidator(Within(0.05, 20))] = Constant(value=1.0)
    rotation_deg: Annotated[Distribution, AfterValidator(Believable(-720, 720))] = Constant(value=0.0)
    translation: Annotated[Distribution, AfterValidator(Within(-10, 10))] = Constant(value=0.0)
    rectangles: Annotated[Distribution, AfterValidator(Within(0, MOST_RECTANGLES, whole=True))] = Constant(value=0.0)
    rectangle_size: Annotated[Distribution, AfterValidator(Within(0, 2))] = Uniform(low=0.1, high=0.4)


class Profile(Section):
    """Views of each photo with its head turned (300W-LP's face profiling): one sample per pitch, yaw and flip.

    yaw_deg, pitch_deg: the head's angles afterwards; relative: added to those of the photo instead; flip: each view
    also mirrored; mirror_hidden: a side of the head that the photo hides and a view shows is the other side, mirrored
    and lit like its own (`source_map` points there, `invented_mask` marks it), instead of the little that is seen of
    it, stretched.
    """

    yaw_deg: Turns = (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)
    pitch_deg: Turns | None = None
    relative: Flag = False
    flip: Flag = False
    mirror_hidden: Flag = True

    @property
    def views(self) -> int:
        """Samples per fitting."""
        return len(self.yaw_deg) * len(self.pitch_deg or (0.0,)) * (2 if self.flip else 1)


class Video(Section):
    """A short clip from each still (tddfa_v2 section 2.4): x_j = (T o F)(x_{j-1}), frame j is (M o P)(x_j).

    frames: of a clip; motion: `smooth` keeps one velocity per clip, changed by at most `change` of itself from step to
    step, `iid` draws every step by itself and leaves frame 0 as it is, as the paper says; scale, rotation_deg,
    translation (px, drawn for x and y by itself): T, the steps in the picture's plane; yaw_deg, pitch_deg: F, the steps
    of the head out of it (face profiling), which add up; about: scale and rotation about the `face` centre, or about
    the `origin` of the picture, as equation 8 is printed; noise: P, standard deviation in 8-bit levels; blur: M, length
    of the motion blur in times the motion between two frames; flow: between `all` frames, from each to the `next` one
    and back, or between the `first` and each.
    """

    frames: Annotated[Integer, Field(ge=2, le=MOST_FRAMES)] = 8
    motion: Literal["smooth", "iid"] = "smooth"
    change: Annotated[Number, Field(ge=0, le=1)] = 0.2
    scale: Annotated[Distribution, AfterValidator(Within(0.5, 2))] = Uniform(low=0.95, high=1.05)
    rotation_deg: Annotated[Distribution, AfterValidator(Within(-90, 90))] = Uniform(low=-3.0, high=3.0)
    translation: Annotated[Distribution, AfterValidator(Within(-1000, 1000))] = Uniform(low=-5.0, high=5.0)
    yaw_deg: Annotated[Distribution, AfterValidator(Within(-90, 90))] = Uniform(low=-5.0, high=5.0)
    pitch_deg: Annotated[Distribution, AfterValidator(Within(-90, 90))] = Uniform(low=-5.0, high=5.0)
    about: Literal["face", "origin"] = "face"
    noise: Annotated[Distribution, AfterValidator(Within(0, 255))] = Uniform(low=0.0, high=4.0)
    blur: Annotated[Distribution, AfterValidator(Within(0, 10))] = Uniform(low=0.0, high=0.5)
    flow: Literal["all", "next", "first"] = "all"

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        if self.scale.bounds()[0] <= 0:
            raise problem("scale must stay above 0", key="scale")
        return self
