"""Online batches against `render_sample`, and the order in which ranks and workers take them."""

import numpy as np
import pytest
import torch

from synthgen.core.errors import LabelError, UsageError
from synthgen.core.label_spec import labels_of_kind
from synthgen.pipeline.renderers import render_sample
from synthgen.raster import kernel_choice
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from synthgen.render import stream as stream_module
from synthgen.render.stream import StreamPlan, torch_stream


def recipe_of(kind: str, **extra: object) -> Recipe:
    lines = [f"kind: {kind}", "count: 40", "size: [48, 40]", "seed: 3", "background: {kind: procedural}"]
    lines += ["occluders: {count: 1}", *(f"{key}: {value}" for key, value in extra.items())]
    return parse_recipe("\n".join(lines))


@pytest.mark.parametrize("everywhere", [False, True], ids=["cpu", "cuda's way on the cpu"])
@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_a_sample_of_a_batch_is_the_rendered_sample(
    kind: str, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_choice, "CUDA_KERNELS_EVERYWHERE", everywhere)
    recipe = recipe_of(kind, faces=2) if kind == "images" else recipe_of(kind)
    plan = StreamPlan(batch_size=9, first=27, count=9)
    (batch,) = torch_stream(recipe, plan, labels=labels_of_kind(kind), device="cpu")
    assert batch["index"].tolist() == list(range(27, 36))  # the end of one block and the begin of the next
    for index in (31, 32):
        expected = render_sample(recipe, index)
        assert set(batch) == {*expected, "index"}
        for name, array in expected.items():
            found = batch[name][index - 27].numpy()
            assert found.dtype == array.dtype and found.shape == array.shape, name
            np.testing.assert_array_equal(found, array, err_msg=name)


def test_the_labels_are_those_of_the_recipe_by_default() -> None:
    recipe = recipe_of("images", labels="[image, uv, landmarks_2d]")
    batch = next(iter(torch_stream(recipe, StreamPlan(batch_size=4), device="cpu")))
    assert set(batch) == {"index", "image", "uv", "landmarks_2d"}
    assert batch["uv"].shape == (4, 48, 40, 2)


def test_a_stream_goes_on_beyond_the_count_of_its_recipe() -> None:
    recipe = recipe_of("images", labels="[image]")
    batch = next(iter(torch_stream(recipe, StreamPlan(first=64), device="cpu")))
    assert batch["index"].tolist() == list(range(64, 96))
    assert len({picture.numpy().tobytes() for picture in batch["image"]}) == 32


@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (3, 1), (2, 3)])
def test_ranks_and_workers_share_the_samples(ranks: int, workers: int) -> None:
    seen: dict[int, int] = {}
    for rank in range(ranks):
        plan = StreamPlan(batch_size=5, first=7, count=43, rank=rank, world_size=ranks)
        for worker in range(workers):
            for numbers in plan.batches(worker, workers):
                for number in numbers:
                    seen[number] = seen.get(number, 0) + 1
    assert seen == dict.fromkeys(range(7, 50), 1)


def test_the_workers_of_a_loader_take_the_batches_in_turn() -> None:
    recipe = recipe_of("images", labels="[image]")
    stream = torch_stream(recipe, StreamPlan(batch_size=32, count=64), device="cpu")
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    found = {tuple(batch["index"].tolist()): batch["image"] for batch in loader}
    assert set(found) == {tuple(range(32)), tuple(range(32, 64))}
    direct = {tuple(batch["index"].tolist()): batch["image"] for batch in stream}
    assert all(torch.equal(found[numbers], direct[numbers]) for numbers in found)


def test_a_head_that_was_left_blank_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = np.ones(32)
    shares[5] = 0.0
    monkeypatch.setattr(stream_module, "view_drawn_share", lambda view, assets: shares)
    stream = torch_stream(recipe_of("images"), StreamPlan(first=32), device="cpu")
    with pytest.raises(LabelError, match="sample 37: check drawn_share is 0 "):
        next(iter(stream))


def test_what_cannot_be_streamed_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'normals'"):
        torch_stream(recipe_of("images"), labels=["normal"])
    with pytest.raises(UsageError, match="flow"):
        torch_stream(recipe_of("images"), labels=["flow"])
    photos = recipe_of("images").model_copy(update={"kind": "video"})
    with pytest.raises(UsageError, match="kind video is made from photos"):
        torch_stream(photos)
    for wrong in ({"batch_size": 0}, {"first": -1}, {"count": 0}, {"rank": 2, "world_size": 2}):
        with pytest.raises(UsageError):
            StreamPlan(**wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="no usable CUDA device"):
        next(iter(torch_stream(recipe_of("images"), device="cuda")))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_batches_stay_on_the_device_and_agree_with_the_cpu() -> None:
    recipe = recipe_of("images")
    names = ("image", "triangle_id", "depth", "uv")
    plan = StreamPlan(count=32)
    (cuda,) = torch_stream(recipe, plan, labels=names, device="cuda")
    (cpu,) = torch_stream(recipe, plan, labels=names, device="cpu")
    assert all(cuda[name].is_cuda for name in names)
    same = (cuda["triangle_id"].cpu() == cpu["triangle_id"]).float().mean()
    assert same > 0.995
