"""Small datasets of the synthetic benchmark, made once."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def made(name: str, folder: Path, *changes: str) -> Path:
    recipe = load_recipe(RECIPES / name, ("count=16", "size=[64,64]", "sensor.supersampling=1", *changes))
    generate(recipe, folder, GenerateOptions(workers=0))
    return folder


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 16 samples of recipes/benchmark.yaml, small."""
    return made("benchmark.yaml", tmp_path_factory.mktemp("eval") / "benchmark")


@pytest.fixture(scope="session")
def benchmark_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 16 pairs of recipes/benchmark_pairs.yaml, small."""
    return made("benchmark_pairs.yaml", tmp_path_factory.mktemp("eval") / "pairs")


def true_predictions(dataset: Dataset) -> dict[str, np.ndarray]:
    """What a system would say that knows everything."""
    samples = list(dataset)
    if "flow" in dataset.array_names:
        flow = np.stack([np.nan_to_num(sample["flow"]) for sample in samples])
        return {
            "flow": flow,
            "matchability": np.stack([np.isin(sample["matchability"], (1, 4, 5)) for sample in samples]),
        }
    names = ("landmarks_2d", "uv", "parts", "depth", "normals")
    arrays = {name: np.stack([sample[name] for sample in samples]) for name in names}
    rotations = [CAMERA_FROM_WORLD @ sample["camera_from_world"][:3, :3] for sample in samples]
    return arrays | {"rotation": np.stack(rotations)}


@pytest.fixture
def written(tmp_path: Path):
    """Writes true predictions of a dataset, changed by a function, to a file."""

    def write(folder: Path, change=lambda arrays: arrays) -> Path:
        file = tmp_path / "predictions.npz"
        np.savez(file, **change(true_predictions(open_dataset(folder))))
        return file

    return write
