"""Checkpoints and ONNX files predict the same; dfc's constant target is encoded once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.predict.faces import FaceSource
from synthgen.predict.onnx_network import open_onnx
from synthgen.predict.outputs import normalised
from synthgen.predict.run import PredictRequest, run_predict
from synthgen.recipe.schema import Recipe
from synthgen.report.tiles import save_picture
from tests.fittings.ground_truth_fixtures import write_set
from training.checkpoint_network import open_checkpoint
from training.deployed import Deployed, landmark_share
from training.export import export_onnx
from training.loop import RunOptions, train
from training.method import normalised as normalised_one
from training.recipe import TrainingRecipe
from training.restore import restore

CPU = RunOptions(accelerator="cpu")


def test_both_commands_write_the_same(tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], pairs: Path) -> None:
    train(recipe_of("dfc", pairs, 2, 1e-3, options={"widths": [4, 4, 4, 4], "flow_scale": 4.0}), tmp_path / "run", CPU)
    export_onnx(tmp_path / "run" / "last", tmp_path / "model.onnx")
    pair = open_dataset(pairs)[0]
    save_picture(pair["source_image"], tmp_path / "photos" / "a.png")
    save_picture(pair["target_image"], tmp_path / "target.png")
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"a.png": [[4, 5, 26, 25], [10, 10, 30, 30]], "target.png": [5, 5, 27, 27]}')
    source = FaceSource(tmp_path / "photos" / "a.png", boxes)
    networks = {"onnx": open_onnx(tmp_path / "model.onnx"), "checkpoint": open_checkpoint(tmp_path / "run" / "last")}
    for name, network in networks.items():
        request = PredictRequest(source, tmp_path / name, tmp_path / "target.png")
        run_predict(network, request, lambda text: pytest.fail(text))
    for file in ("a.npz", "a-2.npz"):
        with np.load(tmp_path / "onnx" / file) as one, np.load(tmp_path / "checkpoint" / file) as other:
            assert one.files == other.files == ["crop_matrix", "places", "flow", "matches", "matchability"]
            for name in one.files:
                np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-3)


def test_a_constant_target_is_encoded_once(
    tmp_path: Path, recipe_of: Callable[..., TrainingRecipe], pairs: Path
) -> None:
    write_set(tmp_path)
    content = {
        "kind": "fittings",
        "size": [32, 32],
        "fittings": {"path": str(tmp_path / "fittings.npz")},
        "crop": {"rule": "landmark_box"},
        "labels": ["image", "flow", "matchability"],
    }
    photos = tmp_path / "labels"
    generate(Recipe.model_validate(content), photos, GenerateOptions(workers=0))
    recipe = recipe_of("dfc", pairs, 1, 1e-3, options={"widths": [4, 4, 4, 4]}, batch_size=2)
    second = recipe.stages["only"].model_copy(update={"data": str(photos), "options": {"shared": False}})
    recipe = recipe.model_copy(update={"stages": {"pairs": recipe.stages["only"], "photos": second}})
    train(recipe, tmp_path / "run", CPU)
    restored = restore(tmp_path / "run" / "last")
    deployed = Deployed(restored).eval()
    assert deployed.input_names == ("source",)
    source = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    target = normalised_one(restored.dataset.template.mean_face)[None].expand(3, -1, -1, -1)
    calls = []
    restored.network.target_encoder.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        cached = deployed(source)
        assert not calls
        flow, logits = restored.network(source, target)
    torch.testing.assert_close(cached[0], flow * restored.method.options.flow_scale)
    torch.testing.assert_close(cached[1], logits.softmax(dim=1)[:, 1:])
    network = open_checkpoint(tmp_path / "run" / "last")
    np.testing.assert_array_equal(network.card.arrays["mean_face"], restored.dataset.template.mean_face)
    export_onnx(tmp_path / "run" / "last", tmp_path / "model.onnx")
    found = open_onnx(tmp_path / "model.onnx").run({"source": source.numpy()})
    assert np.abs(found["flow"] - cached[0].numpy()).max() < 1e-4


def test_inputs_are_those_of_training() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (1, 8, 6, 3)).astype(np.uint8)
    np.testing.assert_array_equal(normalised(picture)[0], normalised_one(picture[0]).numpy())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"kind": "images", "pose": {"scale": 0.6}}, 0.6),
        ({"kind": "pairs", "pose": {"scale": {"distribution": "choice", "values": [0.4, 0.8]}}}, 0.6),
        ({"kind": "fittings", "crop": {"rule": "landmark_box"}}, 0.707),
        ({"kind": "fittings", "crop": {"rule": "landmark_box", "grow": 2.0}}, 0.354),
    ],
)
def test_the_share_of_the_landmarks_is_the_training_sets(content: dict, expected: float) -> None:
    if content["kind"] == "fittings":
        content = content | {"fittings": {"path": "x.npz"}}
    else:
        content = content | {"count": 1}
    content = content | {"size": [64, 64]}
    assert landmark_share(content) == pytest.approx(expected, abs=0.005)
