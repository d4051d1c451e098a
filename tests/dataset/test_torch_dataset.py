"""Torch datasets: each sample exactly once, in one order, for any number of ranks and workers and any resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from synthgen.core.errors import UsageError
from synthgen.dataset.order import EpochOrder
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.torch_dataset import IterableFaces, MapFaces, StreamOptions

SIZES = (20, 20, 20, 20, 7)


def name_of(arrays: dict[str, np.ndarray]) -> bytes:
    """Something that tells samples apart."""
    return arrays["identity_coeffs"].tobytes()


@pytest.mark.parametrize("window", [1, 2, 16])
def test_every_position_once_and_locally(window: int) -> None:
    order = EpochOrder(SIZES, seed=1, epoch=0, window=window)
    positions = [order[p] for p in range(len(order))]
    assert sorted(positions) == list(range(87))
    assert positions != list(range(87))
    shards = np.searchsorted(np.cumsum(SIZES), positions, side="right")
    runs = [set(shards[first : first + 20].tolist()) for first in range(0, 87, 20)]
    assert max(len(run) for run in runs) <= 2 * window  # twenty neighbours span two windows at most


def test_order_depends_on_seed_and_epoch_only() -> None:
    def listed(**changes: Any) -> list[int]:
        order = EpochOrder(**({"sizes": SIZES, "seed": 1, "epoch": 0, "window": 2} | changes))
        return [order[p] for p in range(len(order))]

    assert listed() == listed()
    backwards = EpochOrder(SIZES, 1, 0, 2)
    assert [backwards[p] for p in reversed(range(87))][::-1] == listed()  # not the order of asking
    others = [listed(epoch=1), listed(seed=2), listed(window=3)]
    assert all(other != listed() for other in others)
    assert listed(shuffle=False) == list(range(87))
    with pytest.raises(IndexError):
        EpochOrder(SIZES, 1, 0)[87]


def test_order_mixes_well() -> None:
    """Neighbours in the epoch come from different places: mean distance near that of random pairs (n / 3)."""
    order = EpochOrder([100] * 10, seed=4, epoch=0)
    positions = np.array([order[p] for p in range(1000)])
    assert np.abs(np.diff(positions)).mean() == pytest.approx(1000 / 3, rel=0.1)


def test_map_dataset_gives_tensors(images_folder: Path) -> None:
    faces = MapFaces(images_folder)
    assert len(faces) == 50
    item = faces[3]
    np.testing.assert_array_equal(item["depth"].numpy(), open_dataset(images_folder)[3]["depth"])
    assert item["triangle_id"].dtype == torch.int32
    batch = next(iter(DataLoader(faces, batch_size=4)))
    assert batch["image"].shape == (4, 24, 32, 3)


def test_map_dataset_with_policy_and_transform(pairs_folder: Path) -> None:
    faces = MapFaces(pairs_folder, transform=lambda arrays: arrays["matchability_mask"].sum(), matchability="visible")
    assert faces[0] == (open_dataset(pairs_folder)[0]["matchability"] == 1).sum()


def stream(folder: Path, world: int, rank: int, batch: int = 4, ending: str = "keep", seed: int = 7) -> IterableFaces:
    options = StreamOptions(seed=seed, window=2, batch_size=batch, ending=ending)  # type: ignore[arg-type]
    return IterableFaces(folder, options, transform=name_of, rank=rank, world_size=world)


def whole_order(folder: Path, epoch: int = 0) -> list[bytes]:
    faces = stream(folder, 1, 0)
    faces.set_epoch(epoch)
    return list(faces)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_share_an_epoch(images_folder: Path, world: int) -> None:
    """Taken step by step, the ranks together follow the one global order."""
    order = whole_order(images_folder)
    assert len(set(order)) == 50
    parts = [list(stream(images_folder, world, rank)) for rank in range(world)]
    assert [len(part) for part in parts] == [len(stream(images_folder, world, rank)) for rank in range(world)]
    joined = [parts[p % world][p // world] for p in range(50)]
    assert joined == order


@pytest.mark.parametrize("resumed_world", [1, 2, 3])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_resume_in_the_middle_with_another_world_size(images_folder: Path, world: int, resumed_world: int) -> None:
    order, steps = whole_order(images_folder, epoch=2), 3
    seen: list[bytes] = []
    states = []
    for rank in range(world):
        faces = stream(images_folder, world, rank)
        faces.set_epoch(2)
        seen += list(faces)[: steps * 4]
        states.append(faces.state_dict(batches=steps))
    assert all(state == states[0] for state in states)
    assert states[0] == {"epoch": 2, "position": 12 * world, "seed": 7, "samples": 50}
    assert sorted(seen) == sorted(order[: 12 * world])
    for rank in range(resumed_world):
        faces = stream(images_folder, resumed_world, rank)
        faces.load_state_dict(states[0])
        seen += list(faces)
    assert sorted(seen) == sorted(order)
    faces.set_epoch(3)
    assert faces.state_dict()["position"] == 0


@pytest.mark.parametrize("world", [1, 2])
def test_loader_workers_share_the_batches_of_a_rank(images_folder: Path, world: int) -> None:
    """Two worker processes deliver the same batches in the same order as none."""
    for rank in range(world):
        plain = list(DataLoader(stream(images_folder, world, rank), batch_size=4, collate_fn=list))
        loader = DataLoader(stream(images_folder, world, rank), batch_size=4, collate_fn=list, num_workers=2)
        assert list(loader) == plain


def test_persistent_workers_follow_the_epoch(images_folder: Path) -> None:
    faces = stream(images_folder, 1, 0)
    loader = DataLoader(faces, batch_size=4, collate_fn=list, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        faces.set_epoch(epoch)
        assert [name for batch in loader for name in batch] == whole_order(images_folder, epoch)
    del loader


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_drop_gives_every_rank_equally_many(images_folder: Path, world: int) -> None:
    parts = [list(stream(images_folder, world, rank, batch=3, ending="drop")) for rank in range(world)]
    assert {len(part) for part in parts} == {50 // (3 * world) * 3}
    assert len({name for part in parts for name in part}) == sum(len(part) for part in parts)
    assert len(stream(images_folder, world, 0, batch=3, ending="drop")) == len(parts[0])


def test_more_ranks_than_samples_of_a_shard_do_not_hang(images_folder: Path) -> None:
    parts = [list(stream(images_folder, 60, rank)) for rank in range(60)]
    assert sorted(name for part in parts for name in part) == sorted(whole_order(images_folder))


def test_states_and_places_that_do_not_fit_are_refused(images_folder: Path, pairs_folder: Path) -> None:
    state = stream(images_folder, 1, 0).state_dict()
    with pytest.raises(UsageError, match="another stream"):
        stream(images_folder, 1, 0, seed=8).load_state_dict(state)
    with pytest.raises(UsageError, match="another stream"):
        stream(pairs_folder, 1, 0).load_state_dict(state)
    with pytest.raises(UsageError, match="rank 2"):
        stream(images_folder, 2, 2)
    with pytest.raises(UsageError, match="both"):
        IterableFaces(images_folder, rank=1)
    with pytest.raises(UsageError, match="at least 1"):
        stream(images_folder, 1, 0, batch=0)


def test_chosen_samples_come_as_often_as_they_are_named(images_folder: Path) -> None:
    options = StreamOptions(seed=1, batch_size=2, chosen=(3, 3, 0, 7, 5), positions=True)
    stream = IterableFaces(images_folder, options, transform=lambda arrays: int(arrays["position"]))
    first = list(stream)
    assert sorted(first) == [0, 3, 3, 5, 7] and len(stream) == 5
    stream.set_epoch(1)
    assert sorted(stream) == sorted(first) and stream.state_dict(1)["samples"] == 5
