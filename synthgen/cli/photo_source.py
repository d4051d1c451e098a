"""What the commands that start from photos share: any source of fittings becomes a fitting file beside the dataset."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.cli.model import BUILTIN
from synthgen.core.errors import AssetError, DatasetError, QuarantineError
from synthgen.core.limits import MOST_SIDE

if TYPE_CHECKING:
    from synthgen.asset_io.photos import Orientation
    from synthgen.fittings.fitting import FittingSet, Skipped
    from synthgen.pipeline.run import GenerateOptions
    from synthgen.recipe.schema import Recipe

FITTINGS_FILE, SKIPPED_FILE = "fittings.npz", "skipped.json"
# Where photos differ in size and nothing is said: a square that shows a face well.
DEFAULT_SIDE = 256
SMALLEST, LARGEST = 16, MOST_SIDE


_HOW_TO_GO_ON = (
    "the fittings of a dataset that is begun are fixed, so put back the photo as it was and add --resume, or make the "
    "dataset anew in another folder with --skip-bad, which decodes every photo first and leaves such ones out"
)


@dataclass(frozen=True)
class SourceOptions:
    """model: a model file, procedural or procedural-fine; photos: folder of the photos, None for that of the source;
    skip_bad: leave out what cannot be used; orientation: of photos with an EXIF turn; resume: use the fitting file of
    an earlier run; truncate: take the first coefficients where there are more than the model has."""

    model: str
    photos: Path | None = None
    skip_bad: bool = False
    orientation: "Orientation" = "refuse"
    resume: bool = False
    truncate: bool = False


@dataclass(frozen=True)
class PhotoSet:
    """A source that was read. model, fittings: sections of a recipe as plain data; found: the fittings; skipped: what
    was left out; file: where the list of it lies."""

    model: dict[str, Any]
    fittings: dict[str, Any]
    found: "FittingSet"
    skipped: "tuple[Skipped, ...]"
    file: Path


def prepare_source(
    source: Path, out: Path, options: SourceOptions, progress: Callable[[int, int], None] | None = None
) -> PhotoSet:
    """Reads a folder (300W-LP, AFLW2000-3D) or fitting file, checks it against model and photos, and writes
    OUT/source/fittings.npz and OUT/source/skipped.json.

    A dataset's fittings are fixed once it is begun: resuming reads that file, and looks at the photos again.
    Raises AssetError, ModelError, and DatasetError for a folder `out` that is not ours or holds a dataset already.
    """
    from synthgen.dataset.manifest import MANIFEST_FILE, SOURCE_FOLDER
    from synthgen.fittings.fitting_file import load_fittings, save_fittings
    from synthgen.fittings.read_fittings import read_fittings
    from synthgen.morphable.open_model import open_model
    from synthgen.recipe.sections import ModelFile, ProceduralModel

    folder = out / SOURCE_FOLDER
    fitting_file, skipped_file = folder / FITTINGS_FILE, folder / SKIPPED_FILE
    photos = options.photos or (source if source.is_dir() else source.parent)
    model = _model_section(options.model)
    section = ModelFile(**model) if "path" in model else ProceduralModel(**model)
    if options.resume and (out / MANIFEST_FILE).is_file() and fitting_file.is_file():
        found, skipped = load_fittings(fitting_file), _read_skipped(skipped_file)
        _check_photos(found, photos, out, options)
    else:
        refuse_other_folder(out, MANIFEST_FILE, SOURCE_FOLDER)
        read = read_fittings(
            source,
            open_model(section),
            options.skip_bad,
            options.photos,
            progress,
            orientation=options.orientation,
            truncate=options.truncate,
        )
        found, skipped = read.fittings, read.skipped
        folder.mkdir(parents=True, exist_ok=True)
        save_fittings(found, fitting_file)
        skipped_file.write_text(json.dumps([asdict(item) for item in skipped], indent=1) + "\n", encoding="utf-8")
    fittings = {
        "path": str(fitting_file.absolute()),
        "photos": str(photos.absolute()),
        "orientation": options.orientation,
    }
    return PhotoSet(model, fittings, found, skipped, skipped_file)


def _check_photos(found: "FittingSet", photos: Path, out: Path, options: SourceOptions) -> None:
    """Raises AssetError that lists the photos of a dataset begun that cannot be used any more, and says what to do."""
    from synthgen.asset_io.catalogue import problems_error
    from synthgen.fittings.read_fittings import photo_problems
    from synthgen.fittings.read_options import ReadOptions

    problems = photo_problems(found, photos, ReadOptions(options.skip_bad, orientation=options.orientation))
    if problems:
        what = f"{out}: photos of {len(problems)} of its {len(found)} fittings cannot be used; {_HOW_TO_GO_ON}"
        raise problems_error(what, [f"{found.names[row]}: {problems[row]}" for row in sorted(problems)], 20)


def run_photo_recipe(title: str, recipe: "Recipe", out: Path, options: "GenerateOptions") -> None:
    """Make the dataset of a recipe that starts from photos. Raises as `run_recipe` does, and says what to do about a
    photo that fails."""
    from synthgen.cli.generate import run_recipe

    try:
        run_recipe(title, recipe, out, options)
    except (AssetError, QuarantineError) as error:
        raise type(error)(f"{error}\nIf it is a photo: {_HOW_TO_GO_ON}") from error


def picture_sections(found: "FittingSet", size: tuple[int, int] | None, rule: str | None) -> dict[str, Any]:
    """`size` and `crop` of a recipe for photos (N of them): as the caller wants them, else whole photos where all have
    one size, else squares about the landmarks."""
    sizes = {(int(height), int(width)) for height, width in found.sizes}
    own = sizes.pop() if len(sizes) == 1 else None
    if own is not None and not (min(own) >= SMALLEST and max(own) <= LARGEST):
        own = None
    if rule is None:
        rule = "none" if own is not None and size in (None, own) else "landmark_box"
    if size is None:
        size = own if own is not None and rule == "none" else (DEFAULT_SIDE, DEFAULT_SIDE)
    return {"size": list(size), "crop": {"rule": rule}}


def recipe_of_options(command: str, sections: dict[str, Any], overrides: list[str] | None) -> "Recipe":
    """The recipe of a command's options, with `--set` on top. Raises RecipeError."""
    from synthgen.recipe.load import parse_recipe

    return parse_recipe(json.dumps(sections, ensure_ascii=False), f"synthgen {command}", overrides or ())


def skipped_lines(skipped: "tuple[Skipped, ...]", file: Path, shown: int = 20) -> list[str]:
    """What was left out and why, the first ones, for the end of a run."""
    lines = [f"  {item.name}: {item.reason}" for item in skipped[:shown]]
    if len(skipped) > shown:
        lines.append(f"  ... and {len(skipped) - shown} more, all in {file}")
    return lines


def _model_section(model: str) -> dict[str, Any]:
    if model in BUILTIN:
        return {"source": "procedural", "resolution": BUILTIN[model]}
    return {"path": str(Path(model).expanduser().absolute())}


def refuse_other_folder(out: Path, manifest: str, source: str) -> None:
    """Before anything is written: a folder with other things in it, or a dataset that is not to be resumed."""
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) if out.is_dir() else []
    if manifest in names:
        raise DatasetError(f"{out} already holds a dataset; add --resume to finish it, or choose another output folder")
    others = [name for name in names if name != source]
    if others:
        raise DatasetError(
            f"{out} is not empty and is not a synthgen dataset (it holds {others[0]!r}); choose an empty or new folder"
        )


def _read_skipped(file: Path) -> "tuple[Skipped, ...]":
    from synthgen.fittings.fitting import Skipped

    if not file.is_file():
        return ()
    try:
        return tuple(Skipped(str(item["name"]), str(item["reason"])) for item in json.loads(file.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise AssetError(f"{file} is damaged: {error}; delete it and the folder it is in") from error
