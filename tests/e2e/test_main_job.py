"""The main job by its command line, on the built-in head and on real input: bytes, interruption, reading."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.conventions import BLOCK
from synthgen.core.label_spec import LABELS
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.renderers import render_sample
from synthgen.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]
# Small pictures and shards that end inside a block, so that several shards are at work and blocks are shared.
SMALL = ["--set", "size=[64,64]", "--set", "shard_size=24", "--count", "120", "--device", "cpu"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "synthgen.cli", *arguments]


def run(*arguments: str, expected: int = 0) -> str:
    done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def shard_hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("shard-*.tar"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo recipe, made by one worker."""
    folder = tmp_path_factory.mktemp("main_job") / "a"
    run("generate", "recipes/demo.yaml", "-o", str(folder), "--workers", "1", *SMALL)
    return folder


def test_two_workers_write_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    run("generate", "recipes/demo.yaml", "-o", str(tmp_path / "b"), "--workers", "2", *SMALL)
    hashes = shard_hashes(undisturbed)
    assert len(hashes) == 5
    assert shard_hashes(tmp_path / "b") == hashes


def test_interrupted_and_resumed_the_bytes_are_the_same(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    arguments = ["generate", "recipes/demo.yaml", "-o", str(folder), "--workers", "2", *SMALL]
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(folder.glob("shard-*.json")):
        time.sleep(0.02)
    assert process.poll() is None, "the run ended before its first shard was seen"
    os.kill(process.pid, signal.SIGINT)
    message = process.communicate()[1]
    assert process.returncode == 130, message
    assert "--resume" in message and "Traceback" not in message
    done = shard_hashes(folder)
    assert 0 < len(done) < 5
    assert {path.suffix for path in folder.iterdir() if path.is_file()} <= {".tar", ".json", ".npz", ".parquet"}
    run(*arguments, "--resume")
    assert shard_hashes(folder) == shard_hashes(undisturbed)
    assert run("verify", str(folder), "--deep") is not None


def test_the_dataset_reads_back_what_was_rendered(undisturbed: Path) -> None:
    dataset = open_dataset(undisturbed)
    assert len(dataset) == 120
    recipe = load_recipe(ROOT / "recipes/demo.yaml", ["size=[64,64]"])
    index = BLOCK + 7
    rendered, stored = render_sample(recipe, index), dataset[index]
    for name, array in stored.items():
        if name == "image":
            assert np.abs(array.astype(int) - rendered[name].astype(int)).mean() < 4  # JPEG
        else:
            worst = LABELS[name].worst_error * 1.01 + 1e-12
            np.testing.assert_allclose(array, rendered[name], rtol=0, atol=worst, err_msg=name)
    table = dataset.table
    assert table.num_rows == 120 and "yaw_deg" in table.column_names


def test_another_recipe_is_refused_with_the_difference(undisturbed: Path) -> None:
    arguments = ["generate", "recipes/demo.yaml", "-o", str(undisturbed), *SMALL, "--set", "seed=77", "--resume"]
    assert "seed" in run(*arguments, expected=5)


def test_real_input(ict_model_path: Path, tmp_path: Path) -> None:
    """ICT-FaceKit head, COCO photographs behind it, light measured outdoors."""
    overrides = ["--set", f"model.path={ict_model_path}", "--set", "size=[96,96]", "--set", "shard_size=32"]
    folder = tmp_path / "real"
    run("generate", "recipes/real_input.yaml", "-o", str(folder), "--count", "32", *overrides)
    run("verify", str(folder), "--deep")
    dataset = open_dataset(folder)
    files = {str(name) for name in dataset.table["background_file"].to_pylist()}
    assert len(files) == 3 and all(name.endswith(".jpg") for name in files)
    licences = {asset["id"]: asset["licence"] for asset in dataset.manifest.assets}
    assert "MIT" in licences["model"]
    for index in range(0, 32, 5):
        arrays = dataset[index]
        assert 0.05 < arrays["amodal_mask"].mean() < 0.9
        assert np.isfinite(arrays["landmarks_3d"]).all()
        face = arrays["image"][arrays["face_mask"]]
        assert face.std() > 5 and 5 < face.mean() < 250
