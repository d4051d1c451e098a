"""Fittings from any supported source, checked against the model and the photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from synthgen.asset_io.photos import Orientation
from synthgen.core.errors import AssetError
from synthgen.fittings.coefficients import KeyNames, check_counts, find_problems
from synthgen.fittings.fitting import FittingSet, FittingsRead, select_fittings
from synthgen.fittings.fitting_file import load_arrays
from synthgen.fittings.fitting_json import FIT_FIRST, load_json
from synthgen.fittings.landmark_sets import landmark_format
from synthgen.fittings.paired_files import files_below
from synthgen.fittings.read_options import Progress, ReadOptions, Skips
from synthgen.fittings.tddfa_mat import read_tddfa_folder
from synthgen.morphable.model import MorphableModel


def read_fittings(
    path: str | Path,
    model: MorphableModel,
    skip_bad: bool = False,
    photos: str | Path | None = None,
    progress: Progress | None = None,
    *,
    orientation: Orientation = "refuse",
    truncate: bool = False,
) -> FittingsRead:
    """The fittings at `path`: a folder in 300W-LP's or AFLW2000-3D's layout, or a file of ours, .npz or .json.

    model: what the coefficients belong to. photos: folder of the photos, by default the folder itself or that of the
    file. skip_bad: list what cannot be used in the result instead of raising. progress: called with (done, total).
    orientation: what the fittings of photos with an EXIF turn refer to. truncate: use a model with fewer components.
    Every photo is looked at, with skip_bad every pixel of it; coefficients.find_problems says what else is checked.
    Raises AssetError that lists what is wrong.
    """
    source = Path(path)
    _refuse_landmarks(source)
    options = ReadOptions(skip_bad, None if photos is None else Path(photos), orientation, truncate, progress=progress)
    if source.is_dir():
        return read_tddfa_folder(source, model, options)
    if source.suffix.lower() not in (".npz", ".json"):
        kind = "no such file or folder" if not source.exists() else "no file of fittings"
        raise AssetError(
            f"{source}: {kind}; expected a folder of .mat files (300W-LP, AFLW2000-3D), or a .npz or .json file "
            "as docs/fittings.md describes; landmarks without a fitting are fitted first (synthgen fit)"
        )
    skips = Skips(source, skip_bad)
    folder = options.photos or source.parent
    if source.suffix.lower() == ".json":
        fittings = load_json(source, skips, folder, orientation)
    else:
        fittings = load_arrays(source)
    fittings = _for_model(source, fittings, model, truncate)
    problems = photo_problems(fittings, folder, options)
    problems |= {
        row: reason for row, reason in find_problems(fittings, model, KeyNames()).items() if row not in problems
    }
    for row, reason in problems.items():
        skips.add(fittings.names[row], reason)
    kept = np.array([row for row in range(len(fittings)) if row not in problems], np.int64)
    skipped = skips.finish(len(kept))
    return FittingsRead(select_fittings(fittings, kept), skipped)


def _refuse_landmarks(source: Path) -> None:
    """Raises AssetError for a source of landmarks; JSON tells by its keys, when it is read."""
    kind = landmark_format(source)
    if kind in (None, "json") or (source.is_dir() and files_below(source, (".mat",)).by_name):
        return
    raise AssetError(f"{source}: these are landmarks ({kind}) without a fitting; {FIT_FIRST}")


def _for_model(source: Path, fittings: FittingSet, model: MorphableModel, truncate: bool) -> FittingSet:
    """The set with the model's number of coefficients. Raises AssetError when they are another model's."""
    if fittings.model and fittings.model != model.name:
        raise AssetError(
            f"{source}: model: the fittings belong to model {fittings.model!r}, not {model.name!r}; "
            "use the model file they were made with"
        )
    try:
        check_counts(fittings.identity.shape[1], fittings.expression.shape[1], model, KeyNames(), truncate)
    except AssetError as error:
        raise AssetError(f"{source}: {error}") from error
    return replace(
        fittings,
        identity=fittings.identity[:, : len(model.identity_basis)],
        expression=fittings.expression[:, : len(model.expression_basis)],
        model=model.name,
    )


def photo_problems(fittings: FittingSet, folder: Path, options: ReadOptions) -> dict[int, str]:
    """Row -> what is wrong with its photo or mask: not there, not usable, or of another size."""
    problems: dict[int, str] = {}
    seen: dict[str, tuple[int, int] | str] = {}

    def size_of(name: str) -> tuple[int, int] | str:
        if name not in seen:
            try:
                seen[name] = options.photo_size(folder / name)
            except AssetError as error:
                seen[name] = str(error)
        return seen[name]

    for row, photo in enumerate(fittings.photos):
        expected = (int(fittings.sizes[row, 0]), int(fittings.sizes[row, 1]))
        for key, name in (("size", photo), ("ignore_mask", fittings.ignore_masks[row])):
            size = size_of(name) if name else expected
            if isinstance(size, str):
                problems.setdefault(row, size)
            elif size != expected:
                problems.setdefault(
                    row, f"{key}: {folder / name} has {size[1]} x {size[0]} pixels, the fitting says "
                    f"{expected[1]} x {expected[0]}"
                )  # fmt: skip
        options.report(row + 1, len(fittings))
    return problems
