"""WFLW's test list with its attributes as subsets."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.predictions import sample_id
from eval.readers.aflw import numbered
from eval.readers.pictures import find_file, picture_of
from eval.truth import Truth, new_truth
from synthgen.core.errors import AssetError
from synthgen.fittings.wflw import ATTRIBUTES, FIRST_PIXEL, photo_folder, wflw_face, wflw_lines

LIST = "list_98pt_rect_attr_test.txt"
# Faces of the test list with each attribute.
COUNTS = dict(zip(ATTRIBUTES, (326, 314, 698, 206, 736, 773)))
TEST_FACES = 2500


def read_wflw(path: Path) -> Truth:
    """The faces of list_98pt_rect_attr_test.txt, the file itself or a folder with it.

    Ids are the names of the pictures below WFLW_images, with #2, #3 ... for further faces of one.
    Raises AssetError when it is missing or a line is wrong.
    """
    file = find_file(path, LIST) if path.is_dir() else path
    if file is None:
        raise AssetError(f"{path}: no {LIST} in or below this folder")
    faces = [wflw_face(tokens, where) for where, tokens in wflw_lines(file)]
    without = next((face.where for face in faces if face.attributes is None or face.box is None), None)
    if without is not None:
        raise AssetError(f"{without}: no box and attributes, which the subsets need; expected {LIST}")
    shift = 0.5 - FIRST_PIXEL
    photos = photo_folder(file)
    truth = new_truth(
        "wflw98",
        numbered([sample_id(face.picture) for face in faces]),
        np.array([face.points for face in faces]).reshape(-1, 98, 2) + shift,
        str(file),
        boxes=np.array([face.box for face in faces], np.float64).reshape(-1, 4) + shift,
        pictures=[picture_of(photos, face.picture) for face in faces],
    )
    attributes = np.array([face.attributes for face in faces])
    subsets = {name: attributes[:, column] for column, name in enumerate(ATTRIBUTES)}
    notes = [
        f"{name} holds {int(mask.sum())} faces, the release {COUNTS[name]}."
        for name, mask in subsets.items()
        if mask.sum() != COUNTS[name]
    ]
    return replace(truth, subsets=subsets, notes=tuple(notes))
