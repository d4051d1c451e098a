"""Recipes and folder digests for the pipeline's tests."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A small recipe; keyword arguments replace top-level keys."""

    def make(**changes: Any) -> Recipe:
        values = {"kind": "images", "seed": 3, "count": 100, "shard_size": 40, "size": "[24, 32]"} | changes
        return parse_recipe("".join(f"{key}: {value}\n" for key, value in values.items()), "test.yaml")

    return make


@pytest.fixture(scope="session")
def digest() -> Callable[[Path], dict[str, str]]:
    """File name -> sha256 of everything in a folder but the logs of its runs."""

    def digests(folder: Path) -> dict[str, str]:
        return {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.iterdir())
            if file.is_file()
        }

    return digests
