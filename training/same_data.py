"""Whether datasets may be used together: trained on one, measured on the other."""

import hashlib
import json
from typing import Any

import numpy as np

from synthgen.core.errors import FingerprintError
from synthgen.dataset.reader import Dataset
from training.method import Method

SCHEMA = "label_schema"


def check_alike(method: Method, first: Dataset, other: Dataset, of_faces: bool = True) -> None:
    """Raise FingerprintError naming what differs between two datasets so that a method cannot use both.

    Labels must have one meaning; a model and its template must be the same where parameters or template coordinates
    are learned (`method.same_model`), and pictures equally large where pixels are (`method.same_size`).
    of_faces: False for photos of which landmarks alone are used, whatever their model.
    """
    told = []
    if first.manifest.versions.get(SCHEMA) != other.manifest.versions.get(SCHEMA):
        told.append(("label schema", *(dataset.manifest.versions.get(SCHEMA) for dataset in (first, other))))
    if method.same_model and of_faces:
        models = _model(first), _model(other)
        if models[0] != models[1]:
            told.append(("model", *(json.dumps(model) for model in models)))
        elif not _same_template(first, other):
            told.append(("template", "one", "another"))
    if method.same_size and first.layout.size != other.layout.size:
        told.append(("size", *(f"{height} x {width}" for height, width in (first.layout.size, other.layout.size))))
    if told:
        lines = "; ".join(f"{what}: {one} and {another}" for what, one, another in told)
        raise FingerprintError(
            f"{first.path} and {other.path} cannot be used together by {method.name}: {lines}; "
            "make both with one recipe"
        )


def identity(dataset: Dataset) -> dict[str, Any]:
    """JSON values by which a checkpoint knows its dataset again: a hash of its recipe, and its size."""
    canonical = json.dumps(dataset.manifest.canonical, sort_keys=True).encode()
    return {"recipe": hashlib.sha256(canonical).hexdigest(), "samples": len(dataset)}


def check_identity(folder: object, known: dict[str, Any] | None, dataset: Dataset) -> None:
    """Raise FingerprintError where a checkpoint was trained on another dataset than the one that is there now."""
    if known is not None and known != identity(dataset):
        raise FingerprintError(
            f"{folder} was trained on another dataset than the one in {dataset.path} ({known['samples']} samples, not "
            f"{len(dataset)}, or of another recipe), whose model and statistics it needs: put the old one back"
        )


def _model(dataset: Dataset) -> dict[str, Any]:
    """The section of the recipe, with the hash of a file instead of its path."""
    section = dict(dataset.recipe["model"])
    path = section.pop("path", None)
    hashes = [asset["sha256"] for asset in dataset.manifest.assets if path and asset["file"] == path]
    return section | ({"file": hashes or path} if path else {})


def _same_template(first: Dataset, other: Dataset) -> bool:
    pairs = [(getattr(first.template, name), getattr(other.template, name)) for name in ("triangles", "uv")]
    return all(np.array_equal(one, another) for one, another in pairs)
