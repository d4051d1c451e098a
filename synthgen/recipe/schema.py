"""Recipe: everything that, with an index, decides a sample.

Programs read it as plain attributes; `recipe.load` makes one from YAML, `Recipe.model_validate` from the resolved
mapping that a dataset stores.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from synthgen.core.label_spec import (
    DEFAULT_FITTING_LABELS,
    DEFAULT_IMAGE_LABELS,
    DEFAULT_PAIR_LABELS,
    DEFAULT_VIDEO_LABELS,
    IGNORED_FACE_LABELS,
    LABELS,
    MADE_FROM_PHOTO_LABELS,
    OTHER_FACE_LABELS,
    PARAMETER_LABELS,
    labels_of_kind,
)
from synthgen.core.limits import MOST_FACES, MOST_SAMPLES, MOST_SHARD_SAMPLES, MOST_SHARDS, MOST_SIDE
from synthgen.recipe.distributions import Constant, Distribution, Normal
from synthgen.recipe.photo_sections import Augment, Crop, FittingsSource, Profile, Video
from synthgen.recipe.ranges import Within
from synthgen.recipe.section import Integer, Section, problem
from synthgen.recipe.sections import (
    ActionsExpression,
    Albedo,
    Background,
    Camera,
    Coefficient,
    Expression,
    Flow,
    GrayBackground,
    Light,
    Model,
    Occluders,
    PerspectiveCamera,
    Pose,
    ProceduralAlbedo,
    ProceduralModel,
    Sensor,
)
from synthgen.recipe.suggest import suggestion

KINDS = ("images", "pairs", "fittings", "video")
# Which kinds have a key; keys that are not listed belong to all.
_RENDERED = ("images", "pairs")
_PHOTOS = ("fittings", "video")
KEY_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("identity", "expression", "camera", "pose", "light", "albedo", "background", "occluders", "sensor"), _RENDERED
    ),
    **dict.fromkeys(("faces", "other_faces"), ("images",)),
    "flow": ("pairs", "fittings"),
    **dict.fromkeys(("fittings", "crop"), _PHOTOS),
    **dict.fromkeys(("augment", "profile"), ("fittings",)),
    "video": ("video",),
}
PARAMETERS = "parameters"

Side = Annotated[Integer, Field(ge=16, le=MOST_SIDE)]


def _check_kind(value: Any) -> Any:
    if value not in KINDS:
        raise problem("unknown kind {value}{hint}", value=repr(value)[:60], hint=suggestion(value, KINDS))
    return value


def _check_label(name: str, info: ValidationInfo) -> str:
    known = known_labels(info.data.get("kind"))
    if name not in known:
        if name in LABELS:
            kinds = " and ".join(kind for kind in KINDS if name in labels_of_kind(kind))
            raise problem("the label {name} exists for kind: {kinds} only", name=name, kinds=kinds)
        raise problem("unknown label {name}{hint}", name=repr(name)[:60], hint=suggestion(name, known))
    return name


Label = Annotated[str, AfterValidator(_check_label)]


def _default_labels(recipe: "Recipe") -> tuple[str, ...]:
    """What is stored when the recipe does not say: with several faces in a picture, also what tells them apart."""
    if recipe.kind == "fittings":
        return (*DEFAULT_FITTING_LABELS, *(MADE_FROM_PHOTO_LABELS if recipe.profile is not None else ()))
    if recipe.kind != "images" or recipe.faces.bounds()[1] < 2:
        return {"images": DEFAULT_IMAGE_LABELS, "pairs": DEFAULT_PAIR_LABELS, "video": DEFAULT_VIDEO_LABELS}[
            recipe.kind
        ]
    return (*DEFAULT_IMAGE_LABELS, *(OTHER_FACE_LABELS if recipe.other_faces == "label" else IGNORED_FACE_LABELS))


class Recipe(Section):
    """A validated recipe; paths are absolute when it was loaded from a file."""

    kind: Annotated[Literal["images", "pairs", "fittings", "video"], BeforeValidator(_check_kind)]
    seed: Annotated[Integer, Field(ge=0, lt=2**63)] = 0
    # None, which only recipes of photos may say, stands for every fitting of the set.
    count: Annotated[Annotated[Integer, Field(ge=1, le=MOST_SAMPLES)] | None, Field(validate_default=True)] = None
    size: tuple[Side, Side]  # height, width
    model: Model = ProceduralModel()
    identity: Coefficient = Normal(stddev=1.0)
    expression: Expression = ActionsExpression()
    camera: Camera = PerspectiveCamera()
    pose: Pose = Pose()
    light: Light = Light()
    albedo: Albedo = ProceduralAlbedo()
    background: Background = GrayBackground()
    occluders: Occluders = Occluders()
    sensor: Sensor = Sensor()
    faces: Annotated[Distribution, AfterValidator(Within(1, MOST_FACES, whole=True))] = Constant(value=1.0)
    other_faces: Literal["ignore", "label"] = "ignore"
    flow: Flow = Flow()
    fittings: Annotated[FittingsSource | None, Field(validate_default=True)] = None
    crop: Crop = Crop()
    augment: Augment = Augment()
    profile: Profile | None = None
    video: Video = Video()
    labels: Annotated[tuple[Label, ...], Field(min_length=1)] = DEFAULT_IMAGE_LABELS  # see _default_labels
    codec: Literal["jpeg", "png"] = "jpeg"
    shard_size: Annotated[Integer, Field(ge=1, le=MOST_SHARD_SAMPLES)] = 1000

    @model_validator(mode="after")
    def _fill_labels(self) -> Self:
        if "labels" not in self.model_fields_set:
            labels = _default_labels(self)
            object.__setattr__(self, "labels", labels)  # frozen, but not yet handed out
        return self

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.count is not None and -(-self.count // self.shard_size) > MOST_SHARDS:
            raise problem("count makes more than {most} shards of this size", key="shard_size", most=MOST_SHARDS)
        if self.profile is not None and self.augment != Augment():
            raise problem("profile and augment exclude each other", key="augment")
        return self

    @field_validator("count", "fittings")
    @classmethod
    def _check_present(cls, value: Any, info: ValidationInfo) -> Any:
        of_photos = info.data.get("kind") in _PHOTOS
        if value is None and of_photos == (info.field_name == "fittings"):
            raise PydanticCustomError("missing", "is required")
        return value

    @field_validator(*KEY_KINDS)
    @classmethod
    def _check_kinds(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuses a setting that other kinds alone use; its default is no setting."""
        kinds = KEY_KINDS[str(info.field_name)]
        actual = info.data.get("kind", kinds[0])
        if actual not in kinds and value != Recipe.model_fields[str(info.field_name)].default:
            raise problem(
                "exists for kind: {kinds} only, this recipe is kind: {actual}", kinds=" and ".join(kinds), actual=actual
            )
        return value

    @field_validator("labels")
    @classmethod
    def _check_labels_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise problem("listed twice: {names}", names=", ".join(twice))
        return value

    def label_names(self) -> tuple[str, ...]:
        """The stored labels in the order of the label table, with `parameters` written out."""
        wanted = set(self.labels)
        if PARAMETERS in wanted:
            wanted |= set(PARAMETER_LABELS)
        return tuple(name for name in LABELS if name in wanted)


def known_labels(kind: str | None) -> tuple[str, ...]:
    """What `labels` may hold for a kind; every label when the kind is unknown."""
    return (*(LABELS if kind is None else labels_of_kind(kind)), PARAMETERS)
