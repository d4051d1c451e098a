"""Datasets that do not go together, and checkpoints of something else: each is refused before any work."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from synthgen.core.errors import DatasetError, FingerprintError
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from training import data as data_module
from training.__main__ import main
from training.loop import RunOptions, train
from training.method import Method
from training.methods.dfc import Dfc
from training.methods.registry import open_method
from training.recipe import TrainingRecipe
from training.restore import restore
from training.same_data import check_alike

CPU = RunOptions(accelerator="cpu")
SMALL = {"width": 0.25, "loss": "fwpdc", "vertices": 80}
METHODS = ("anisotropic", "dal2d", "densereg", "dfc", "tddfa_v2")


def method(name: str) -> Method:
    return open_method(name, {})


def remade(dataset: Dataset, **changes: Any) -> Dataset:
    """The same dataset with another manifest or template."""
    template = replace(dataset.template, **changes.pop("template", {}))
    return Dataset(dataset.path, replace(dataset.manifest, **changes), template, dataset.shards)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("same") / "smaller"
    text = "kind: images\ncount: 4\nsize: [32, 32]\ncamera: {projection: scaled_orthographic}\n"
    text += "labels: [image, parameters_62, landmarks_2d]\n"
    generate(parse_recipe(text), folder, GenerateOptions(workers=0))
    return folder


def test_models_and_templates_and_label_schemas(faces: Path) -> None:
    first = open_dataset(faces)
    for name in METHODS:
        check_alike(method(name), first, open_dataset(faces))
    model = remade(first, recipe={**first.recipe, "model": {"source": "procedural", "resolution": "fine"}})
    template = remade(first, template={"uv": first.template.uv[::-1]})
    schema = remade(first, versions={**first.manifest.versions, "label_schema": "2"})
    for name in ("dal2d", "densereg", "tddfa_v2"):
        with pytest.raises(FingerprintError, match=rf"cannot be used together by {name}: model: .*base.* and .*fine"):
            check_alike(method(name), first, model)
        with pytest.raises(FingerprintError, match="template: one and another"):
            check_alike(method(name), first, template)
        check_alike(method(name), first, model, of_faces=False)
    for name in ("anisotropic", "dfc"):  # landmarks and flow mean the same for every model
        check_alike(method(name), first, model)
    for name in METHODS:
        with pytest.raises(FingerprintError, match="label schema: 3 and 2|label schema: . and 2"):
            check_alike(method(name), first, schema)


def test_a_file_is_known_by_its_hash(faces: Path) -> None:
    first = open_dataset(faces)

    def of(path: str, digest: str) -> Dataset:
        asset = {"id": "model", "file": path, "sha256": digest, "licence": ""}
        return remade(first, recipe={**first.recipe, "model": {"source": "file", "path": path}}, assets=(asset,))

    check_alike(method("tddfa_v2"), of("/a/bfm.npz", "12"), of("/b/other.npz", "12"))
    with pytest.raises(FingerprintError, match="model"):
        check_alike(method("tddfa_v2"), of("/a/bfm.npz", "12"), of("/a/bfm.npz", "13"))


def test_validation_of_another_size_or_without_labels(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path, smaller: Path, pairs: Path
) -> None:
    recipe = recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL)
    with pytest.raises(FingerprintError, match="size: 64 x 64 and 32 x 32; make both with one recipe"):
        train(recipe.model_copy(update={"validation": str(smaller)}), tmp_path / "a", CPU)
    with pytest.raises(DatasetError, match=r"no label image, parameters_62.*recipes/tddfa_v2/ holds recipes"):
        train(recipe.model_copy(update={"validation": str(pairs)}), tmp_path / "b", CPU)
    stage = {"photos": str(smaller), "photos_share": 0.5}
    with pytest.raises(FingerprintError, match="by dal2d: size"):
        train(recipe_of("dal2d", faces, 1, 1e-3, options={"depth": 18}, batch_size=4, stage=stage), tmp_path / "c", CPU)
    with pytest.raises(DatasetError, match="is not a synthgen dataset"):
        train(recipe.model_copy(update={"validation": str(tmp_path / "nothing")}), tmp_path / "d", CPU)
    assert not list(tmp_path.glob("*/last"))


def test_an_empty_split(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def emptied(folder: str) -> Dataset:
        dataset = open_dataset(folder)
        return Dataset(dataset.path, dataset.manifest, dataset.template, [])

    monkeypatch.setattr(data_module, "open_dataset", emptied)
    with pytest.raises(DatasetError, match="holds no samples"):
        train(recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL), tmp_path / "run", CPU)


def test_two_mean_faces(pairs: Path) -> None:
    dfc = Dfc({})
    one = np.zeros((32, 32, 3), np.uint8)
    for picture in (one, one):
        dfc.opened(remade(open_dataset(pairs), template={"mean_face": picture}))
    with pytest.raises(DatasetError, match="another mean face"):
        dfc.opened(remade(open_dataset(pairs), template={"mean_face": one + 1}))


def test_checkpoints_of_something_else(
    tmp_path: Path,
    recipe_of: Callable[..., TrainingRecipe],
    faces: Path,
    smaller: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = recipe_of("tddfa_v2", faces, 1, 1e-3, options=SMALL)
    train(recipe, tmp_path / "run", CPU)
    last = tmp_path / "run" / "last"

    monkeypatch.setattr("sys.argv", ["training", "evaluate", str(last), str(smaller)])
    assert main() == FingerprintError.exit_code and "size: 64 x 64 and 32 x 32" in capsys.readouterr().err

    state = json.loads((last / "state.json").read_text())
    trained_on = state["dataset"]
    for content, error, said in (
        ({**state, "dataset": {**trained_on, "samples": 9}}, FingerprintError, r"\(9 samples, not 8"),
        ({**state, "recipe": {**state["recipe"], "method": "dfm"}}, DatasetError, "another version of training"),
    ):
        (last / "state.json").write_text(json.dumps(content))
        with pytest.raises(error, match=said):
            restore(last)
        with pytest.raises((FingerprintError, DatasetError)):
            train(recipe, tmp_path / "run", RunOptions(accelerator="cpu", resume=True))
    (last / "state.json").write_text(json.dumps(state))
    assert restore(last).recipe.method == "tddfa_v2"
    save_file({"other": torch.zeros(2)}, last / "weights.safetensors")
    with pytest.raises(DatasetError, match="the weights are not those of tddfa_v2"):
        restore(last)
    other = recipe.model_copy(update={"init_from": str(last)})
    with pytest.raises(DatasetError, match="none of its 1 tensors has a name of the network's"):
        train(other, tmp_path / "other", CPU)
