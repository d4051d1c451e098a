"""Every file that a recipe names, opened and decoded once before a run: which of them cannot be used, and why."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from synthgen.asset_io.backgrounds import open_backgrounds
from synthgen.asset_io.catalogue import list_files
from synthgen.asset_io.cutouts import open_cutouts
from synthgen.asset_io.images import IMAGE_SUFFIXES, read_image
from synthgen.asset_io.lighting import BUILTIN, open_lights
from synthgen.asset_io.photos import read_mask, read_photo
from synthgen.core.errors import AssetError, SynthgenError
from synthgen.fittings.coefficients import KeyNames, find_problems
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import load_fittings
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.open_model import open_model
from synthgen.recipe.photo_sections import FittingsSource
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import Light, ModelFile, Occluders, TextureAlbedo
from synthgen.render.assets import background_spec


class Looked(NamedTuple):
    """One thing that was looked at. kind: "background", "texture" ...; reason: why it cannot be used, or None."""

    kind: str
    file: str
    reason: str | None


@dataclass(frozen=True)
class AssetReport:
    """What was looked at, by kind, and the things among it that cannot be used."""

    looked_at: dict[str, int]
    bad: tuple[Looked, ...]


def check_assets(recipe: Recipe, progress: Callable[[str, int], None] | None = None) -> AssetReport:
    """Opens everything that the recipe names: model, lights, backgrounds, textures, cut-outs, annotations, fittings and
    their photos. progress(kind, number) is called before each. Nothing is raised for a file that cannot be used."""
    counts: Counter[str] = Counter()
    bad = []
    for found in _look(recipe):
        counts[found.kind] += 1
        if found.reason is not None:
            bad.append(found)
        if progress is not None:
            progress(found.kind, counts[found.kind])
    return AssetReport(dict(counts), tuple(bad))


def _look(recipe: Recipe) -> Iterator[Looked]:
    model = None
    if isinstance(recipe.model, ModelFile):
        model, looked = _try("model", recipe.model.path, lambda: open_model(recipe.model))
        yield looked
    if recipe.fittings is not None:
        yield from _look_at_photos(recipe, recipe.fittings, model)
        return
    yield from _look_at_lights(recipe.light)
    if isinstance(recipe.albedo, TextureAlbedo):
        yield from _look_at_pictures("texture", recipe.albedo.textures)
    yield from _look_at_backgrounds(recipe)
    yield from _look_at_cutouts(recipe.occluders)


def _try(kind: str, file: str | Path, read: Callable[[], object]) -> tuple[object, Looked]:
    """What `read` returned, None when it failed, and the record of it."""
    try:
        return read(), Looked(kind, str(file), None)
    except SynthgenError as error:
        reason = str(error).removeprefix(f"{file}: ")
        return None, Looked(kind, str(file), reason)


def _look_at_lights(section: Light) -> Iterator[Looked]:
    if section.source == BUILTIN:
        return
    files = [section.source]
    if Path(section.source).is_dir():
        names, looked = _try("light", section.source, lambda: list_files(section.source, (".hdr",)))
        if not isinstance(names, list):
            yield looked
            return
        files = [str(Path(section.source) / name) for name in names]
    for file in files:
        yield _try("light", file, lambda file=file: open_lights(file))[1]  # type: ignore[misc]


def _look_at_pictures(kind: str, folder: str) -> Iterator[Looked]:
    names, looked = _try(kind, folder, lambda: list_files(folder, IMAGE_SUFFIXES))
    if not isinstance(names, list):
        yield looked
        return
    for name in names:
        yield _look_at_picture(kind, Path(folder) / name)


def _look_at_picture(kind: str, file: Path) -> Looked:
    return _try(kind, file, lambda: read_image(file))[1]


def _look_at_backgrounds(recipe: Recipe) -> Iterator[Looked]:
    spec = background_spec(recipe)
    if spec.images is None:
        return
    if spec.annotations is None:
        yield from _look_at_pictures("background", spec.images)
        return
    try:
        names = open_backgrounds(spec, recipe.size, check=False).names
    except AssetError as error:
        yield Looked("annotation", spec.annotations, str(error).removeprefix(f"{spec.annotations}: "))
        return
    yield Looked("annotation", spec.annotations, None)
    for name in names:
        yield _look_at_picture("background", Path(spec.images) / name)


def _look_at_cutouts(section: Occluders) -> Iterator[Looked]:
    if "cutout" not in section.kinds or section.images is None or section.annotations is None:
        return
    try:
        cutouts = open_cutouts(section.images, section.annotations, check=False)
    except AssetError as error:
        yield Looked("annotation", section.annotations, str(error).removeprefix(f"{section.annotations}: "))
        return
    yield Looked("annotation", section.annotations, None)
    for number, shape in enumerate(cutouts.shapes):
        pick = (number + 0.5) / cutouts.count
        file = Path(section.images) / cutouts.files[shape.image_id]
        yield _try("cutout", file, lambda pick=pick: cutouts.load(pick))[1]  # type: ignore[misc]


def _look_at_photos(recipe: Recipe, section: FittingsSource, model: object) -> Iterator[Looked]:
    fittings, looked = _try("fitting", section.path, lambda: load_fittings(section.path))
    if not isinstance(fittings, FittingSet):
        yield looked
        return
    if not isinstance(recipe.model, ModelFile):
        model = open_model(recipe.model)
    problems: dict[int, str] = {}
    if isinstance(model, MorphableModel) and _fits(fittings, model):
        problems = find_problems(fittings, model, KeyNames())
    for row, name in enumerate(fittings.names):
        yield Looked("fitting", f"{section.path}: {name}", problems.get(row))
    folder = Path(section.path).parent if section.photos is None else Path(section.photos)
    seen: set[tuple[str, str]] = set()
    for row in range(len(fittings)):
        for kind, name in (("photo", fittings.photos[row]), ("mask", fittings.ignore_masks[row])):
            if name and (kind, name) not in seen:
                seen.add((kind, name))
                yield _look_at_photo(kind, folder / name, section, fittings.sizes[row].tolist())


def _fits(fittings: FittingSet, model: MorphableModel) -> bool:
    """Whether the fittings have as many coefficients as the model."""
    wanted = (len(model.identity_basis), len(model.expression_basis))
    return wanted == (fittings.identity.shape[1], fittings.expression.shape[1])


def _look_at_photo(kind: str, file: Path, section: FittingsSource, size: list[int]) -> Looked:
    height, width = size
    if kind == "mask":
        return _try(kind, file, lambda: read_mask(file, (height, width), section.orientation))[1]
    pixels, looked = _try(kind, file, lambda: read_photo(file, section.orientation))
    shape = getattr(pixels, "shape", (height, width))[:2]
    if looked.reason is None and shape != (height, width):
        reason = f"the photo has {shape[1]} x {shape[0]} pixels, its fitting was made for {width} x {height}"
        return looked._replace(reason=reason)
    return looked
