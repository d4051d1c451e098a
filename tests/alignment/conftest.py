from pathlib import Path

import numpy as np
import pytest

from benchmarks.rendered_heads import RenderedHeads, landmark_options, render_heads
from synthgen.alignment.photometric_model import PhotometricModel, open_photometric_model
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from synthgen.morphable.procedural.build import build_procedural_model
from tests.alignment.dense_photos import DensePhotos, draw_dense


@pytest.fixture(scope="session")
def builtin() -> MorphableModel:
    return build_procedural_model("base")


@pytest.fixture(scope="session")
def ict(ict_model_path: Path) -> MorphableModel:
    return load_model(ict_model_path)


@pytest.fixture(params=["builtin", "ict"])
def any_model(request: pytest.FixtureRequest) -> MorphableModel:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def dense() -> DensePhotos:
    """Twelve built-in heads up to 45 degrees of yaw before perspective cameras, with exact flow."""
    return draw_dense(np.linspace(-45.0, 45.0, 12), seed=1)


@pytest.fixture(scope="session")
def photometric(builtin: MorphableModel) -> PhotometricModel:
    return open_photometric_model(builtin, landmark_options())


@pytest.fixture(scope="session")
def rendered() -> RenderedHeads:
    return render_heads(8)[0]
