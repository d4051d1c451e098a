"""The base of every recipe section and the number types that YAML values must have."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from synthgen.core.limits import LARGEST_RECIPE_NUMBER

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST_RECIPE_NUMBER, le=LARGEST_RECIPE_NUMBER)]
Integer = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
FilePath = Annotated[str, Field(strict=True, min_length=1, max_length=4096)]


class Section(BaseModel):
    """A frozen mapping with a fixed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def problem(message: str, key: str | None = None, **context: Any) -> PydanticCustomError:
    """An error for a validator to raise; `key` names the entry of the section that the position should point to.

    message may hold `{name}` fields, which are filled from context.
    """
    details: dict[str, Any] = {name: str(value) for name, value in context.items()}
    if key is not None:
        details["key"] = key
    return PydanticCustomError("recipe", message, details)


def tag(name: str) -> str:
    """The union tag for a variant's name, in a form that no YAML key of ours has, so that error paths can drop it."""
    return f"<{name}>"


def is_number(value: object) -> bool:
    """True for int and float; YAML's true and false are not numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
