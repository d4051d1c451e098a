"""What a caller may ask of every reader, and the list of what a reader had to leave out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from synthgen.asset_io.catalogue import problems_error
from synthgen.asset_io.photos import Orientation, photo_size, read_photo
from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import Skipped

Progress = Callable[[int, int], None]
_SHOWN = 20


@dataclass(frozen=True)
class ReadOptions:
    """How to read fittings or landmarks.

    skip_bad: list what cannot be used instead of raising. photos: folder of the photos, None for the place where the
    format has them. orientation: what the annotations of photos with an EXIF turn refer to (asset_io.photos).
    truncate: where a file has more coefficients than the model, use the first ones. first_pixel: for landmark sets,
    the coordinate that the source gives to the centre of the first pixel (0, 0.5 or 1), None for the format's own.
    progress: called with (done, total) items.
    """

    skip_bad: bool = False
    photos: Path | None = None
    orientation: Orientation = "refuse"
    truncate: bool = False
    first_pixel: float | None = None
    progress: Progress | None = None

    def photo_size(self, path: Path) -> tuple[int, int]:
        """(height, width) of a photo or mask. Raises AssetError when it cannot be used.

        Where bad ones are to be skipped it is decoded once: damage that shows only then would end the run that has
        to draw it, when the set of photos is fixed already.
        """
        if not self.skip_bad:
            return photo_size(path, self.orientation)
        height, width = read_photo(path, self.orientation).shape[:2]
        return height, width

    def report(self, done: int, total: int) -> None:
        """Tells the caller how far reading is."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass
class Skips:
    """Items that cannot be used, collected while reading so that all of them are told at once.

    source: file or folder that is read, for the message.
    """

    source: Path
    skip_bad: bool
    bad: list[Skipped] = field(default_factory=list)
    notes: list[Skipped] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """An item that is wrong."""
        self.bad.append(Skipped(name, reason))

    def note(self, name: str, reason: str) -> None:
        """An item that is in order but holds nothing to read: listed, never an error."""
        self.notes.append(Skipped(name, reason))

    def finish(self, kept: int) -> tuple[Skipped, ...]:
        """Everything left out, by name. Raises AssetError for wrong items unless they may be skipped, and when
        nothing is left."""
        if self.bad and (not self.skip_bad or not kept):
            total = kept + len(self.bad)
            advice = "repair them, or leave them out with --skip-bad" if kept else "nothing is left to use"
            what = f"{self.source}: {len(self.bad)} of {total} items cannot be used; {advice}"
            raise problems_error(what, [f"{item.name}: {item.reason}" for item in self.bad], _SHOWN)
        if not kept:
            reason = f"; the first of {len(self.notes)}: {self.notes[0].reason}" if self.notes else ""
            raise AssetError(f"{self.source}: no usable item was found{reason}")
        return tuple(sorted([*self.bad, *self.notes], key=lambda item: item.name))
