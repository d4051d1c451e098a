"""What a call of `synthgen fit` asks for, whatever its source."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from synthgen.asset_io.photos import Orientation


@dataclass(frozen=True)
class FitRequest:
    """The options of `synthgen fit`. camera: None for the source's usual one; photos: None for the source's folder;
    only_for_flow: those of the options that were given and mean something for flow only."""

    source: Path
    model: str
    out: Path
    photos: Path | None
    camera: Literal["scaled_orthographic", "perspective"] | None
    focal: float | None
    orientation: "Orientation"
    first_pixel: float | None
    skip_bad: bool
    report: Path | None
    energy: Path | None
    correspondences: int
    temporal: bool
    share_identity: bool
    curve: Path | None
    only_for_flow: tuple[str, ...]


def finite(row: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON, which knows no NaN."""
    return {key: None if value != value else value for key, value in row.items()}
