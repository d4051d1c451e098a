"""`synthgen predict`: an exported network on a user's photos."""

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.cli.labels import Exif, ExifOption


def predict(
    network: Annotated[
        Path, typer.Argument(metavar="MODEL.onnx", help="File of python -m training export.", show_default=False)
    ],
    pictures: Annotated[
        Path, typer.Argument(metavar="PHOTO_OR_FOLDER", help="A photo, or a folder of them.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for drawings and numbers.", show_default=False)
    ],
    boxes: Annotated[
        Path | None,
        typer.Option("--boxes", metavar="FILE", help="Face boxes: .csv or .json.", show_default=False),
    ] = None,
    tight: Annotated[bool, typer.Option("--tight", help="The boxes are those of the landmarks, not a detector's.")] = (
        False
    ),
    landmarks: Annotated[
        Path | None,
        typer.Option("--landmarks", metavar="FILE", help="Landmarks, as synthgen fit reads them.", show_default=False),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--target", metavar="PHOTO", help="What dfc trained on pairs matches with.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="Morphable model, where not where it was trained.", show_default=False
        ),
    ] = None,
    exif: ExifOption = Exif.REFUSE,
    threads: Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0 for all.")] = 1,
) -> None:
    """Run a network on photos and draw what it sees.

    Per face a picture (landmarks, mesh, template coordinates, parts, depth or flow) and its numbers in
    pixels of the photo (.npz, predictions.json), and one sheet. Faces are given by boxes or landmarks;
    without both the whole picture is one crop.

    \b
    Examples:
      synthgen predict tddfa_v2.onnx portraits --landmarks portraits/landmarks.json -o out/heads
      synthgen predict densereg.onnx group.jpg --boxes boxes.csv -o out/group
      synthgen predict dfc.onnx anna.jpg --target ben.jpg -o out/matched
    """
    from synthgen.predict.faces import FaceSource
    from synthgen.predict.onnx_network import open_onnx
    from synthgen.predict.run import PredictRequest, run_predict

    source = FaceSource(pictures, boxes, landmarks, tight, exif.value)
    found = run_predict(open_onnx(network, threads), PredictRequest(source, out, target, model), say)
    say(f"{len(found)} faces")
    put(str(out))
