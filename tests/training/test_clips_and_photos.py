"""Training from clips of kind `video` and from photos with regions to be ignored; and in half precision."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.schema import Recipe
from tests.fittings.ground_truth_fixtures import write_set
from training.data import Layout, TrainingData, open_training_dataset
from training.loop import RunOptions, train
from training.methods.densereg import DenseReg
from training.methods.tddfa_v2 import TddfaV2
from training.recipe import TrainingRecipe

CPU = RunOptions(accelerator="cpu")
FRAMES = 3


def made(folder: Path, kind: str, labels: list[str], **sections: Any) -> Path:
    """A dataset of three photos, in each of which a box to the left is somebody else's."""
    write_set(folder, ignore_boxes=(((0.0, 0.0, 60.0, 120.0),),) * 3)
    content = {
        "kind": kind,
        "size": [48, 48],
        "fittings": {"path": str(folder / "fittings.npz")},
        "crop": {"rule": "landmark_box"},
        "labels": labels,
        **sections,
    }
    generate(Recipe.model_validate(content), folder / "data", GenerateOptions(workers=0))
    return folder / "data"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = ["image", "landmarks_2d", "parameters"]
    return made(tmp_path_factory.mktemp("clips"), "video", labels, count=4, video={"frames": FRAMES, "flow": "next"})


@pytest.mark.parametrize("augment", ["svs", "rnd", "none"])
def test_batches_of_clips(augment: str, clips: Path) -> None:
    """svs: frames 0, 1, 2 of two clips; rnd: some frame of each; none: the stills."""
    method = TddfaV2({"augment": augment, "video": {"frames": FRAMES}, "vertices": 80})
    dataset = open_training_dataset(method, str(clips))
    method.prepare(dataset)
    size = 2 * FRAMES if augment == "svs" else 4
    seen, stream = set(), TrainingData(method, str(clips), 3, size, Layout())
    for _ in range(4):
        (batch,) = stream.next()
        for row, place in enumerate(batch["position"].tolist()):
            arrays = dataset[place]
            alike = [
                frame
                for frame in range(FRAMES)
                if np.array_equal(arrays[f"frame{frame}_landmarks_2d"], batch["landmarks"][row].numpy())
            ]
            seen.add(alike[0])
            if augment == "svs":
                assert alike[0] == row % FRAMES
            parameters = method._shapes(torch.device("cpu")).parameters(batch["parameters"][row : row + 1])[0]
            expected = torch.from_numpy(arrays[f"frame{alike[0]}_parameters_62"])
            torch.testing.assert_close(parameters, expected, rtol=1e-3, atol=1e-3)
    assert seen == ({0} if augment == "none" else {0, 1, 2})


def test_clips_are_trained_on(tmp_path: Path, clips: Path, recipe_of: Callable[..., TrainingRecipe]) -> None:
    options = {"width": 0.25, "loss": "meta", "look_ahead": 1, "vertices": 80}
    svs = {"augment": "svs", "video": {"frames": FRAMES}}
    recipe = recipe_of("tddfa_v2", clips, 1, 1e-3, options={**options, **svs}, batch_size=6)
    assert train(recipe, tmp_path / "svs", CPU).measures["nme"] > 0
    with pytest.raises(UsageError, match="batch_size 4 cannot be divided among 1 devices of 1 parts, in clips of 3"):
        train(recipe.model_copy(update={"batch_size": 4}), tmp_path / "odd", CPU)
    longer = {**options, "augment": "svs"}
    with pytest.raises(DatasetError, match=r"clips of 3 frames; options.video.frames asks for 8"):
        train(recipe_of("tddfa_v2", clips, 1, 1e-3, options=longer, batch_size=8), tmp_path / "long", CPU)
    with pytest.raises(DatasetError, match="no label image, landmarks_2d_contour"):
        train(recipe_of("anisotropic", clips, 1, 1e-3, batch_size=4), tmp_path / "other", CPU)


def test_ignored_regions_are_read_where_there_are_any(tmp_path: Path, faces: Path) -> None:
    photos = made(tmp_path, "fittings", ["image", "uv", "parts", "ignore_mask"])
    method = DenseReg({"depth": 18, "side": 0})
    dataset = open_training_dataset(method, str(photos))
    masks = np.stack([open_dataset(photos)[place]["ignore_mask"] for place in range(len(dataset))])
    assert masks.any()
    for place, mask in enumerate(masks):
        item = method.item(dataset[place], None)
        assert np.array_equal(item["ignored"][0].numpy() > 0, mask)
    assert "ignore_mask" not in open_training_dataset(method, str(faces)).array_names


def test_half_precision_on_the_cpu(tmp_path: Path, faces: Path, recipe_of: Callable[..., TrainingRecipe]) -> None:
    """The first loss is that of single precision but for its rounding, and weights stay in single precision."""
    first = {}
    for precision in ("32-true", "bf16-mixed"):
        options = {"width": 0.25, "loss": "fwpdc", "vertices": 80}
        recipe = recipe_of("tddfa_v2", faces, 2, 1e-4, options=options, precision=precision, batch_size=4)
        network = train(recipe, tmp_path / precision, CPU).network
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
        lines = [json.loads(line) for line in (tmp_path / precision / "log.jsonl").read_text().splitlines()]
        first[precision] = next(line["lrr"] for line in lines if "lrr" in line)
    assert first["bf16-mixed"] == pytest.approx(first["32-true"], rel=0.02)
    assert first["bf16-mixed"] != first["32-true"]
