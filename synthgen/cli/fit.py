"""`synthgen fit`: photos with landmarks, or with flow to the mean face, become fittings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put
from synthgen.cli.fit_request import FitRequest
from synthgen.cli.labels import Exif
from synthgen.cli.model import open_named_model
from synthgen.core.errors import UsageError

SHEET_SAMPLES = 8
USUAL_CORRESPONDENCES = 1000


class CameraKind(StrEnum):
    """What `--camera` accepts."""

    SCALED_ORTHOGRAPHIC = "scaled_orthographic"
    PERSPECTIVE = "perspective"


def fit(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Annotation file or folder, or flow to the mean face.", show_default=False
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="A model file (.npz), procedural or procedural-fine.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.npz", help="Fittings to write.", show_default=False)
    ],
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="DIR", help="Photos, where not beside the source.", show_default=False),
    ] = None,
    camera: Annotated[
        CameraKind | None,
        typer.Option("--camera", help="Kind of camera; scaled_orthographic, for flow perspective.", show_default=False),
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option(
            "--focal",
            metavar="PX",
            help="Focal length of perspective cameras; 30 degrees across the longer side without it, found for flow.",
            show_default=False,
        ),
    ] = None,
    exif: Annotated[
        Exif, typer.Option("--exif", help="Photos with an EXIF turn: refuse, or which pixels the points refer to.")
    ] = Exif.REFUSE,
    first_pixel: Annotated[
        float | None,
        typer.Option(
            "--first-pixel",
            metavar="X",
            min=0,
            max=1,
            help="Coordinate of the first pixel's centre in the source: 0, 0.5 or 1; its format's own without it.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out faces that cannot be fitted.")] = False,
    energy: Annotated[
        Path | None,
        typer.Option("--energy", metavar="FILE.yaml", help="Weights of the energy's terms.", show_default=False),
    ] = None,
    correspondences: Annotated[
        int, typer.Option("--correspondences", metavar="N", min=0, help="Of flow: how many of a picture; 0 all.")
    ] = USUAL_CORRESPONDENCES,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="Of flow: solve the frames of each clip together, smoothly.")
    ] = False,
    share_identity: Annotated[
        bool, typer.Option("--share-identity", help="With --temporal: one identity a clip.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Errors per face.", show_default=False)
    ] = None,
    photometric: Annotated[
        bool, typer.Option("--photometric", help="Then refine head, light and albedo against the photos.")
    ] = False,
    decomposition: Annotated[
        Path | None,
        typer.Option(
            "--decomposition",
            metavar="DIR",
            help="Albedo, shading, overlays per face; with --photometric.",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option("--curve", metavar="FILE.png", help="Of flow: the energy step by step.", show_default=False),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE.png", help="The fitted heads over the photos.", show_default=False),
    ] = None,
    out_labels: Annotated[
        Path | None,
        typer.Option(
            "--out-labels", metavar="DIR", help="Also make every label from the fit, complete flow.", show_default=False
        ),
    ] = None,
) -> None:
    """Fit a model to photos.

    Pose, camera, identity and expression, from the 68 annotated points of each face (the table gives
    the distance between fitted and annotated points, over the distance of the outer eye corners), or
    from flow to the mean face: a dataset of photos, an .npz of predicted flow and matchability, or a
    folder of such files (docs/alignment.md).

    \b
    Examples:
      synthgen fit photos/landmarks.json --model ict.npz -o fittings.npz
      synthgen fit 300W/ --model ict.npz -o 300w.npz --camera perspective --skip-bad --report 300w.json
      synthgen fit photos/landmarks.json --model ict.npz -o fit.npz --photometric --decomposition parts
      synthgen fit predicted.npz --model ict.npz -o fitted.npz --curve curve.png --out-labels out/refined
    """
    if camera is CameraKind.SCALED_ORTHOGRAPHIC and focal is not None:
        raise UsageError("--focal is for --camera perspective; the other kind finds its own scale")
    if decomposition is not None and not photometric:
        raise UsageError("--decomposition shows what a photometric fit found; add --photometric")
    if share_identity and not temporal:
        raise UsageError("--share-identity is for --temporal")
    for_flow = {
        "--energy": energy is not None,
        "--correspondences": correspondences != USUAL_CORRESPONDENCES,
        "--temporal": temporal,
        "--curve": curve is not None,
    }
    request = FitRequest(
        source=source,
        model=model,
        out=out,
        photos=photos,
        camera=None if camera is None else camera.value,
        focal=focal,
        orientation=exif.value,
        first_pixel=first_pixel,
        skip_bad=skip_bad,
        report=report,
        energy=energy,
        correspondences=correspondences,
        temporal=temporal,
        share_identity=share_identity,
        curve=curve,
        only_for_flow=tuple(name for name, given in for_flow.items() if given),
    )
    folder = _fit(request)
    if photometric:
        from synthgen.cli.fit_photometric import refine_file

        refine_file(out, _needed(folder, "--photometric"), model, exif.value, decomposition, report)
    if sheet is not None:
        from synthgen.cli.source_sheet import draw_fit_sheet

        draw_fit_sheet(out, _needed(folder, "--sheet"), (model, exif.value), sheet, SHEET_SAMPLES)
    put(str(out))
    if out_labels is not None:
        from synthgen.cli.labels import labels

        labels(out, model, out_labels, photos=_needed(folder, "--out-labels"), exif=exif)


def _fit(request: FitRequest) -> Path | None:
    """Write the fittings of a source of either kind; returns the folder of the photos, None where there are none."""
    from synthgen.cli.flow_fit import fit_flow_source
    from synthgen.cli.landmark_fit import fit_landmark_source
    from synthgen.fittings.flow_set import is_flow_source

    loaded = open_named_model(request.model)
    if is_flow_source(request.source):
        return fit_flow_source(request, loaded)
    from synthgen.fittings.landmark_sets import photo_folder

    fit_landmark_source(request, loaded)
    return request.photos or photo_folder(request.source)


def _needed(folder: Path | None, option: str) -> Path:
    if folder is None:
        raise UsageError(f"{option} draws on the photos, but the source has neither pictures nor the names of photos")
    return folder
