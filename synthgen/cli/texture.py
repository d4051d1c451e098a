"""`synthgen texture`: photos with fittings become textures for recipes."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.labels import Exif, ExifOption, TruncateOption
from synthgen.cli.model import open_named_model


def texture(
    fittings: Annotated[
        Path, typer.Argument(metavar="FITTINGS", help="Fittings: .npz, .json or 300W-LP folder.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder for the textures.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="The model fitted: a file (.npz), procedural ...")
    ],
    photos: Annotated[
        Path | None, typer.Option("--photos", metavar="DIR", help="Folder of the photos.", show_default=False)
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Texels a side: 64, 128 ... 2048.")] = 512,
    together: Annotated[
        str | None,
        typer.Option(
            "--together", metavar="NAME", help="All photos show one person: make one texture.", show_default=False
        ),
    ] = None,
    exif: ExifOption = Exif.REFUSE,
    truncate: TruncateOption = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out fittings that cannot be used.")] = False,
) -> None:
    """Make face textures of fitted photos.

    Each becomes a PNG in the template's chart; unseen parts come from the other side of the face
    and from the painted skin. Use them in a recipe as albedo: {textures: FOLDER}.

    \b
    Examples:
      synthgen texture fittings.npz -o textures --model ict.npz
      synthgen texture one_person.npz -o textures --model ict.npz --together anna --size 1024
    """
    from synthgen.fittings.read_fittings import read_fittings
    from synthgen.fittings.texture_folder import TextureOptions, write_textures

    loaded = open_named_model(model)
    read = read_fittings(fittings, loaded, skip_bad, photos, orientation=exif.value, truncate=truncate)
    place = photos or (fittings if fittings.is_dir() else fittings.parent)
    options = TextureOptions(size, together, exif.value, skip_bad)
    written = write_textures(read.fittings, place, loaded, out, options)
    skipped = (*read.skipped, *written.skipped)
    say(f"{len(written.files)} textures of {len(read.fittings)} fittings; {len(skipped)} left out")
    for entry in skipped:
        say(f"left out: {entry.name}: {entry.reason}")
    put(str(out))
