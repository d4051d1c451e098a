"""The procedural models, built once for all tests of this folder."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The base resolution."""
    return build_procedural_model("base")


@pytest.fixture(scope="session")
def sampled_heads(head: MorphableModel) -> NDArray[np.float32]:
    """2,000 heads (2000, V, 3), mm, neutral expression."""
    identity = np.random.default_rng(7).normal(size=(2000, 40))
    neutral = np.zeros((2000, len(head.expression_names)))
    return evaluate_vertices(head, identity, neutral)
