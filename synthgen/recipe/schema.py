"""Recipe: everything that, with an index, decides a sample.

Programs read it as plain attributes; `recipe.load` makes one from YAML, `Recipe.model_validate` from the resolved
mapping that a dataset stores.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from synthgen.core.label_spec import (
    DEFAULT_IMAGE_LABELS,
    DEFAULT_PAIR_LABELS,
    IGNORED_FACE_LABELS,
    LABELS,
    OTHER_FACE_LABELS,
    PARAMETER_LABELS,
)
from synthgen.recipe.distributions import Constant, Distribution, Normal, Within
from synthgen.recipe.section import Integer, Section, problem
from synthgen.recipe.sections import (
    MOST_FACES,
    ActionsExpression,
    Albedo,
    Background,
    Camera,
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

KINDS = ("images", "pairs")
LATER_KINDS = ("fittings", "video")
PARAMETERS = "parameters"

Side = Annotated[Integer, Field(ge=16, le=4096)]


def _check_kind(value: Any) -> Any:
    if value in LATER_KINDS:
        raise problem("{kind} is not available in this version yet; use images or pairs", kind=value)
    if value not in KINDS:
        raise problem("unknown kind {value}{hint}", value=repr(value)[:60], hint=suggestion(value, KINDS))
    return value


def _check_label(name: str, info: ValidationInfo) -> str:
    known = known_labels(info.data.get("kind"))
    if name not in known:
        if name in LABELS:
            raise problem("the label {name} exists for kind: pairs only", name=name)
        raise problem("unknown label {name}{hint}", name=repr(name)[:60], hint=suggestion(name, known))
    return name


Label = Annotated[str, AfterValidator(_check_label)]


def _default_labels(kind: str, faces: Distribution, other_faces: str) -> tuple[str, ...]:
    """What is stored when the recipe does not say: with several faces in a picture, also what tells them apart."""
    if kind == "pairs":
        return DEFAULT_PAIR_LABELS
    if faces.bounds()[1] < 2:
        return DEFAULT_IMAGE_LABELS
    return (*DEFAULT_IMAGE_LABELS, *(OTHER_FACE_LABELS if other_faces == "label" else IGNORED_FACE_LABELS))


class Recipe(Section):
    """A validated recipe; paths are absolute when it was loaded from a file."""

    kind: Annotated[Literal["images", "pairs"], BeforeValidator(_check_kind)]
    seed: Annotated[Integer, Field(ge=0, lt=2**63)] = 0
    count: Annotated[Integer, Field(ge=1, le=10**9)]
    size: tuple[Side, Side]  # height, width
    model: Model = ProceduralModel()
    identity: Distribution = Normal(stddev=1.0)
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
    labels: Annotated[tuple[Label, ...], Field(min_length=1)] = DEFAULT_IMAGE_LABELS  # see _default_labels
    codec: Literal["jpeg", "png"] = "jpeg"
    shard_size: Annotated[Integer, Field(ge=1, le=1_000_000)] = 1000

    @model_validator(mode="after")
    def _fill_labels(self) -> Self:
        if "labels" not in self.model_fields_set:
            labels = _default_labels(self.kind, self.faces, self.other_faces)
            object.__setattr__(self, "labels", labels)  # frozen, but not yet handed out
        return self

    @field_validator("faces", "other_faces")
    @classmethod
    def _check_images_only(cls, value: Any, info: ValidationInfo) -> Any:
        return _require_kind("images", value, info)

    @field_validator("flow")
    @classmethod
    def _check_pairs_only(cls, value: Any, info: ValidationInfo) -> Any:
        return _require_kind("pairs", value, info)

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
    names = [name for name, spec in LABELS.items() if kind != "images" or spec.view == "image"]
    return (*names, PARAMETERS)


def _require_kind(kind: str, value: Any, info: ValidationInfo) -> Any:
    """Refuses a setting that the other kind alone uses; its default is no setting."""
    actual = info.data.get("kind", kind)
    if actual != kind and value != Recipe.model_fields[str(info.field_name)].default:
        raise problem("exists for kind: {kind} only, this recipe is kind: {actual}", kind=kind, actual=actual)
    return value
