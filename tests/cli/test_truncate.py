"""3DDFA-V2's model of 40 + 10 components on 300W-LP's files of 199 + 29: `--truncate` takes the first ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from synthgen.fittings.fitting_file import load_fittings
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model_file import save_model
from synthgen.pipeline.run import GenerateOptions
from tests.morphable.loaders.tddfa_v2_fixtures import STDDEV, basel_face, write_tddfa_v2

Run = Callable[..., Any]
STORED = ("--set", "labels=[image, parameters]")
COMMANDS = {
    "labels": STORED,
    "profile": (*STORED, "--yaw", "20"),
    "video": (*STORED, "--frames", "2", "--size", "64", "64"),
    "texture": ("--size", "64"),
}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process, which would load torch and the model again for every dataset."""

    def options(count: int | None, workers: int, device: str, resume: bool, cluster: None) -> GenerateOptions:
        return GenerateOptions(count, 0, device, resume)

    monkeypatch.setattr("synthgen.pipeline.run.GenerateOptions", options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("v2")
    save_model(import_model(write_tddfa_v2(folder / "configs", basel_face())), folder / "v2.npz")
    return folder / "v2.npz"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    """A folder of one face, and its coefficients as stored."""
    folder, random = tmp_path_factory.mktemp("300W_LP"), np.random.default_rng(2)
    identity, expression = random.normal(size=199) * 1e4, random.normal(size=29) * 0.2
    values = {
        "Pose_Para": np.array([[0.05, 0.2, -0.1, 120, 130, -60, 1.0e-3]], np.float32),
        "Shape_Para": identity[:, None],
        "Exp_Para": expression[:, None],
    }
    (folder / "AFW").mkdir()
    savemat(folder / "AFW" / "AFW_1_0.mat", values)
    Image.fromarray(random.integers(90, 160, (240, 240, 3), np.uint8)).save(folder / "AFW" / "AFW_1_0.jpg")
    return folder, identity, expression


@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_coefficients_are_used_when_asked_for(
    run: Run, model: Path, released: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, command: str
) -> None:
    folder, identity, expression = released
    arguments = [command, folder, "-o", tmp_path / "out", "--model", model, *COMMANDS[command]]
    refused = run(*arguments)
    assert refused.code == 1 and "Shape_Para has 199 coefficients" in refused.err and "--truncate" in refused.err
    done = run(*arguments, "--truncate")
    assert done.code == 0, done.err
    if command != "texture":
        found = load_fittings(tmp_path / "out" / "source" / "fittings.npz")
        np.testing.assert_allclose(found.identity[0], identity[:40] / STDDEV[:40], rtol=1e-6)
        np.testing.assert_allclose(found.expression[0], expression[:10] / STDDEV[40:], rtol=1e-6)
