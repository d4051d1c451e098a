import pytest

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.procedural.build import build_procedural_model


@pytest.fixture(scope="session")
def builtin() -> MorphableModel:
    return build_procedural_model("base")
