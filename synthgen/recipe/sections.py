"""The sections of a recipe: what may be written under each top-level key.

Angles end in `_deg`; lengths are fractions of the image side unless the name says px.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from synthgen.core.conventions import LARGEST_COEFFICIENT
from synthgen.core.limits import MOST_OCCLUDERS
from synthgen.recipe.distributions import Choice, Constant, Distribution, Normal, TruncatedNormal, Uniform
from synthgen.recipe.ranges import Believable, Within
from synthgen.recipe.section import FilePath, Flag, Integer, Number, Section, problem, tag
from synthgen.recipe.suggest import suggestion

Share = Annotated[Distribution, AfterValidator(Within(0, 1))]
# Two whole turns either way; more is a number in another unit.
Angle = Annotated[Distribution, AfterValidator(Believable(-720, 720))]
# Sides of the picture: far enough that no part of the face is seen.
Shift = Annotated[Distribution, AfterValidator(Believable(-2, 2))]
Coefficient = Annotated[Distribution, AfterValidator(Believable(-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT))]
Amount = Annotated[Distribution, AfterValidator(Within(0, 255))]


def _require_variant(key: str, names: tuple[str, ...], default: str | None = None) -> BeforeValidator:
    """Validator that reports a wrong or missing discriminator once, before the union is tried."""

    def check(value: Any) -> Any:
        if isinstance(value, Section):
            return value
        if not isinstance(value, dict):
            raise problem("expected a mapping with the key {name}: one of {names}", name=key, names=", ".join(names))
        name = value.get(key, default)
        if name is None:
            raise problem("the key {name} is missing: one of {names}", name=key, names=", ".join(names))
        if name not in names:
            raise problem("unknown {name} {value}{hint}", key=key, name=key, value=repr(name)[:60],
                          hint=suggestion(name, names))  # fmt: skip
        return value

    return BeforeValidator(check)


def _variant(key: str, default: str | None = None) -> Discriminator:
    def tag_of(value: Any) -> str | None:
        name = value.get(key, default) if isinstance(value, dict) else getattr(value, key, None)
        return tag(name) if isinstance(name, str) else None

    return Discriminator(tag_of)


def _source_or(key: str) -> Discriminator:
    """Discriminator of sections that either name a `source` or carry `key`."""

    def tag_of(value: Any) -> str | None:
        has_key = key in value if isinstance(value, dict) else hasattr(value, key)
        return tag(key) if has_key else tag("source")

    return Discriminator(tag_of)


# --- model ---------------------------------------------------------------------------------------------------------


class ProceduralModel(Section):
    """The built-in head: `base` has about 11,000 vertices, `fine` about 44,000."""

    source: Literal["procedural"] = "procedural"
    resolution: Literal["base", "fine"] = "base"


class ModelFile(Section):
    """A morphable model that `synthgen model import` wrote."""

    path: FilePath


Model = Annotated[Annotated[ProceduralModel, Tag("<source>")] | Annotated[ModelFile, Tag("<path>")], _source_or("path")]

# --- expression ----------------------------------------------------------------------------------------------------


class ActionsExpression(Section):
    """A few movements of the model at once.

    active: how many movements; weight: how far each goes, 0 rest to 1 the end of its range; asymmetry: difference of
    the weights of its left and right half.
    """

    mode: Literal["actions"] = "actions"
    active: Annotated[Distribution, AfterValidator(Within(0, 100, whole=True))] = Choice(
        values=(0, 1, 2, 3, 4), weights=(0.15, 0.3, 0.3, 0.15, 0.1)
    )
    weight: Share = TruncatedNormal(mean=0.5, stddev=0.25, low=0.0, high=1.0)
    asymmetry: Annotated[Distribution, AfterValidator(Within(-1, 1))] = TruncatedNormal(stddev=0.1, low=-0.3, high=0.3)


class GaussianExpression(Section):
    """Independent coefficients of the model's 10-component expression basis, in standard deviations."""

    mode: Literal["gaussian"] = "gaussian"
    coefficients: Coefficient = Normal(stddev=1.0)

    @model_validator(mode="before")
    @classmethod
    def _accept_stddev(cls, value: Any) -> Any:
        if isinstance(value, dict) and "stddev" in value and "coefficients" not in value:
            rest = {name: entry for name, entry in value.items() if name != "stddev"}
            return {**rest, "coefficients": {"distribution": "normal", "stddev": value["stddev"]}}
        return value


def _gaussian_from_distribution(value: Any) -> Any:
    if isinstance(value, dict) and "distribution" in value and "mode" not in value:
        return {"mode": "gaussian", "coefficients": value}
    return value


Expression = Annotated[
    Annotated[ActionsExpression, Tag("<actions>")] | Annotated[GaussianExpression, Tag("<gaussian>")],
    _variant("mode", "actions"),
    _require_variant("mode", ("actions", "gaussian"), "actions"),
    BeforeValidator(_gaussian_from_distribution),
]

# --- camera and pose -----------------------------------------------------------------------------------------------


class PerspectiveCamera(Section):
    """Pinhole with its principal point in the image centre; focal: focal length in image heights."""

    projection: Literal["perspective"] = "perspective"
    focal: Annotated[Distribution, AfterValidator(Within(0.5, 1000))] = Uniform(low=1.5, high=5.0)


class ScaledOrthographicCamera(Section):
    """Parallel projection; `pose.scale` sets the size of the face."""

    projection: Literal["scaled_orthographic"] = "scaled_orthographic"


Camera = Annotated[
    Annotated[PerspectiveCamera, Tag("<perspective>")]
    | Annotated[ScaledOrthographicCamera, Tag("<scaled_orthographic>")],
    _variant("projection", "perspective"),
    _require_variant("projection", ("perspective", "scaled_orthographic"), "perspective"),
]


class Pose(Section):
    """Rotation, place and size of the face; signs as in core.conventions.

    translation: fraction of the image side from the centre, drawn for x and y by itself; scale: larger side of the mean
    face's frontal 68-landmark box as a fraction of the image height (0.707 is the crop of 3DDFA).
    """

    yaw_deg: Angle = TruncatedNormal(stddev=30.0, low=-90.0, high=90.0)
    pitch_deg: Angle = TruncatedNormal(stddev=10.0, low=-40.0, high=40.0)
    roll_deg: Angle = TruncatedNormal(stddev=10.0, low=-45.0, high=45.0)
    translation: Shift = TruncatedNormal(stddev=0.03, low=-0.15, high=0.15)
    scale: Annotated[Distribution, AfterValidator(Within(0.02, 20))] = Uniform(low=0.55, high=0.75)


# --- appearance ----------------------------------------------------------------------------------------------------


class Light(Section):
    """Spherical-harmonics light: one environment per picture, turned about +y.

    source: `builtin`, a .json table, an .hdr map, or a folder of .hdr maps; intensity multiplies the radiance.
    """

    source: FilePath = "builtin"
    rotation_deg: Angle = Uniform(low=0.0, high=360.0)
    intensity: Annotated[Distribution, AfterValidator(Within(0, 1000))] = Constant(value=1.0)


class ProceduralAlbedo(Section):
    """The built-in skin model."""

    source: Literal["procedural"] = "procedural"


class TextureAlbedo(Section):
    """A folder of uv texture images."""

    textures: FilePath


Albedo = Annotated[
    Annotated[ProceduralAlbedo, Tag("<source>")] | Annotated[TextureAlbedo, Tag("<textures>")], _source_or("textures")
]

Zoom = Annotated[Distribution, AfterValidator(Within(1, 100))]


class GrayBackground(Section):
    """One grey; level: sRGB in [0, 1]."""

    kind: Literal["gray"] = "gray"
    level: Share = Constant(value=0.5)


class ColourBackground(Section):
    """One colour; red, green and blue: sRGB in [0, 1]."""

    kind: Literal["colour"] = "colour"
    red: Share = Uniform(low=0.0, high=1.0)
    green: Share = Uniform(low=0.0, high=1.0)
    blue: Share = Uniform(low=0.0, high=1.0)


class ProceduralBackground(Section):
    """Random smooth colour patterns, made without any file."""

    kind: Literal["procedural"] = "procedural"


class FolderBackground(Section):
    """Random crops of the pictures in a folder; zoom 1 is the largest crop that has the right aspect."""

    kind: Literal["folder"] = "folder"
    images: FilePath
    zoom: Zoom = Constant(value=1.0)


class CocoBackground(Section):
    """Random crops of COCO pictures; skip_people leaves out those with an annotated person."""

    kind: Literal["coco"] = "coco"
    images: FilePath
    annotations: FilePath
    skip_people: Flag = True
    zoom: Zoom = Constant(value=1.0)


BACKGROUND_KINDS = ("gray", "colour", "procedural", "folder", "coco")
Background = Annotated[
    Annotated[GrayBackground, Tag("<gray>")]
    | Annotated[ColourBackground, Tag("<colour>")]
    | Annotated[ProceduralBackground, Tag("<procedural>")]
    | Annotated[FolderBackground, Tag("<folder>")]
    | Annotated[CocoBackground, Tag("<coco>")],
    _variant("kind"),
    _require_variant("kind", BACKGROUND_KINDS),
]

OccluderKind = Literal["box", "ellipse", "polygon", "cutout"]


class Occluders(Section):
    """Things in front of the face.

    count: how many (rounded); kinds: each occluder is one of these, equally likely; size: each side, as a fraction of
    the image side; colour: sRGB in [0, 1], drawn for red, green and blue by itself; images, annotations: COCO, from
    which `cutout` takes its shapes.
    """

    count: Annotated[Distribution, AfterValidator(Within(0, MOST_OCCLUDERS, whole=True))] = Constant(value=0.0)
    kinds: Annotated[tuple[OccluderKind, ...], Field(min_length=1)] = ("box",)
    size: Annotated[Distribution, AfterValidator(Within(0, 2))] = Uniform(low=0.1, high=0.4)
    colour: Share = Uniform(low=0.0, high=1.0)
    images: FilePath | None = None
    annotations: FilePath | None = None

    @model_validator(mode="after")
    def _check_cutouts(self) -> Self:
        if len(set(self.kinds)) != len(self.kinds):
            raise problem("a kind is listed twice", key="kinds")
        if "cutout" in self.kinds and (self.images is None or self.annotations is None):
            raise problem("cutout needs the keys images (folder) and annotations (COCO instances file)", key="kinds")
        return self


class Sensor(Section):
    """The camera's faults.

    noise: standard deviation in 8-bit levels; blur: sigma in px; exposure: stops, linear light times 2^exposure;
    supersampling: pictures are rendered this many times larger and averaged (labels stay at pixel centres).
    """

    noise: Amount = Constant(value=0.0)
    blur: Annotated[Distribution, AfterValidator(Within(0, 20))] = Constant(value=0.0)
    exposure: Annotated[Distribution, AfterValidator(Within(-10, 10))] = Constant(value=0.0)
    supersampling: Annotated[Integer, Field(ge=1, le=4)] = 1


class Flow(Section):
    """How correspondences are found: exactly on the surface, or as the nearest uv within `threshold` (dfc)."""

    method: Literal["exact", "nearest_uv"] = "exact"
    threshold: Annotated[Number, Field(gt=0, le=1)] = 0.015
