"""Fixtures that need the real data beside the checkout; tests that use them are skipped with the reason without it."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.morphable.loaders.ict_facekit import IctArrays, convert_ict
from synthgen.morphable.model_file import save_model

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real, openly licensed data (../shared/data)."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data absent: {SHARED_DATA} is not there")
    return SHARED_DATA


@pytest.fixture(scope="session")
def ict_arrays(shared_data: Path) -> IctArrays:
    """The whole ICT-FaceKit release as arrays."""
    with np.load(shared_data / "ict_facekit.npz") as data:
        return IctArrays(
            neutral=data["vertices"],
            identity_deltas=data["id_deltas"],
            expression_deltas=data["ex_deltas"],
            expression_names=tuple(str(name) for name in data["expression_names"]),
            polygons=data["faces_quad"],
        )


@pytest.fixture(scope="session")
def ict_model_path(ict_arrays: IctArrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of ICT-FaceKit, written once a session by the importer's conversion."""
    path = tmp_path_factory.mktemp("ict") / "ict.npz"
    save_model(convert_ict(ict_arrays), path)
    return path
