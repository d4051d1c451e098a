"""Fixtures that need the real data beside the checkout; tests that use them are skipped with the reason without it."""

from pathlib import Path

import pytest
import torch

from synthgen.morphable.loaders.ict_arrays import IctArrays
from synthgen.morphable.loaders.ict_facekit import convert_ict
from synthgen.morphable.loaders.ict_npz import read_ict_npz
from synthgen.morphable.model_file import save_model

# A process that makes samples has one thread, and so have the tests that compare with it.
torch.set_num_threads(1)

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
    return read_ict_npz(shared_data / "ict_facekit.npz")


@pytest.fixture(scope="session")
def ict_model_path(ict_arrays: IctArrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of ICT-FaceKit, written once a session by the importer's conversion."""
    path = tmp_path_factory.mktemp("ict") / "ict.npz"
    save_model(convert_ict(ict_arrays), path)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked gpu are skipped, and counted, where there is no CUDA device."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the run did not look at."""
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"real data: {'used' if SHARED_DATA.is_dir() else 'absent'}")
    terminalreporter.write_line(f"skipped tests: {len(skipped)}")
