"""Small datasets on disk, made once by the pipeline with a stand-in renderer."""

import shutil
from pathlib import Path

import pytest

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe

IMAGES = "kind: images\nseed: 3\ncount: 50\nshard_size: 20\nsize: [24, 32]\n"
PAIRS = "kind: pairs\nseed: 3\ncount: 40\nshard_size: 20\nsize: [24, 32]\n"
INLINE = GenerateOptions(workers=0, factory="pipeline_fakes:open_plain")


@pytest.fixture(scope="session")
def images_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 images in shards of 20; read only."""
    path = tmp_path_factory.mktemp("datasets") / "images"
    generate(parse_recipe(IMAGES, "images.yaml"), path, INLINE)
    return path


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pairs in shards of 20; read only."""
    path = tmp_path_factory.mktemp("datasets") / "pairs"
    generate(parse_recipe(PAIRS, "pairs.yaml"), path, INLINE)
    return path


@pytest.fixture
def images_copy(images_folder: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may damage."""
    return Path(shutil.copytree(images_folder, tmp_path / "copy"))
