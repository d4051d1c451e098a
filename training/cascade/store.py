"""Cascades on disk: weights as safetensors, the rest as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from synthgen.core.errors import DatasetError
from synthgen.predict.landmark_shapes import LandmarkShapes
from training.cascade.descriptors import Patches
from training.cascade.regressors import Cascade, Step

FORMAT = "synthgen-cascade-1"
WEIGHTS, FACTS = "cascade.safetensors", "cascade.json"


def save_cascades(folder: Path, cascades: Mapping[str, Cascade]) -> None:
    """Write cascades by the name of what they start from, which share one shape model."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = next(iter(cascades.values())).shapes
    tensors: dict[str, NDArray[Any]] = {"mean": shapes.mean, "basis": shapes.basis, "stddev": shapes.stddev}
    steps: dict[str, list[dict[str, float]]] = {}
    for name, cascade in cascades.items():
        steps[name] = [{"reach": step.patches.reach, "cells": step.patches.cells} for step in cascade.steps]
        tensors |= {f"{name}/{number}": step.weight for number, step in enumerate(cascade.steps)}
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / WEIGHTS)
    (folder / FACTS).write_text(json.dumps({"format": FORMAT, "steps": steps}, indent=1) + "\n", encoding="utf-8")


def load_cascades(folder: Path) -> dict[str, Cascade]:
    """The cascades in a folder. Raises DatasetError when there are none or they are damaged."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        if facts["format"] != FORMAT:
            raise ValueError(f"format {facts['format']!r}, expected {FORMAT}")
        shapes = LandmarkShapes(tensors["mean"], tensors["basis"], tensors["stddev"])
        return {
            name: Cascade(
                shapes,
                tuple(
                    Step(Patches(float(step["reach"]), int(step["cells"])), tensors[f"{name}/{number}"])
                    for number, step in enumerate(steps)
                ),
            )
            for name, steps in facts["steps"].items()
        }
    except FileNotFoundError as error:
        raise DatasetError(f"{folder} holds no cascade; make one with python -m training cascade") from error
    except Exception as error:  # safetensors has its own error, which is none of Python's
        raise DatasetError(f"{folder}: the cascade is damaged ({type(error).__name__}: {error})") from error
