"""Batches: every sample once an epoch for any number of devices, and augmentation that belongs to the sample."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset
from training import data as data_module
from training.data import Layout, TrainingData
from training.pose_bins import balanced, mean_of_bin_means, pose_bins, procrustes


class Random:
    """An item is a random number; `chosen` takes some samples repeatedly."""

    name, labels, takes_pairs, takes_clips, frames_per_sample = "test", ("image",), False, False, 1
    labels_if_there: tuple[str, ...] = ()

    def __init__(self, some: list[int] | None = None) -> None:
        self._some = some

    def item(self, arrays: dict[str, Any], random: np.random.Generator | None) -> dict[str, torch.Tensor]:
        assert random is not None
        return {"number": torch.tensor(random.random())}

    def opened(self, dataset: Dataset) -> None:
        assert len(dataset) == 8

    def chosen(self, dataset: Dataset, seed: int) -> Any:
        return None if self._some is None else np.array(self._some)


def numbers(folder: Path, world: int, workers: int = 0, epochs: int = 2) -> dict[tuple[int, int], float]:
    """(epoch, sample) -> its random number, over all ranks."""
    found: dict[tuple[int, int], float] = {}
    for rank in range(world):
        data = TrainingData(Random(), str(folder), 3, 4, Layout(rank, world, workers=workers))
        for step in range(2 * epochs):
            (batch,) = data.next()
            for position, number in zip(batch["position"].tolist(), batch["number"].tolist(), strict=True):
                assert (step // 2, position) not in found
                found[step // 2, position] = number
    return found


@pytest.mark.parametrize(("world", "workers"), [(2, 0), (4, 0), (1, 2)])
def test_each_sample_once_an_epoch_with_its_own_random_numbers(faces: Path, world: int, workers: int) -> None:
    alone = numbers(faces, 1)
    assert set(alone) == {(epoch, sample) for epoch in range(2) for sample in range(8)}
    assert len(set(alone.values())) == 16
    assert numbers(faces, world, workers) == alone


def test_going_on_in_the_middle_of_an_epoch(faces: Path) -> None:
    whole = TrainingData(Random(), str(faces), 3, 4, Layout())
    seen = [whole.next()[0]["number"].tolist() for _ in range(5)]
    for stop in range(5):
        first = TrainingData(Random(), str(faces), 3, 4, Layout())
        for _ in range(stop):
            first.next()
        again = TrainingData(Random(), str(faces), 3, 4, Layout())
        again.resume(first.state())
        assert [again.next()[0]["number"].tolist() for _ in range(5 - stop)] == seen[stop:]


def test_chosen_samples_alone(faces: Path) -> None:
    data = TrainingData(Random([1, 1, 5, 6]), str(faces), 3, 2, Layout())
    positions = [number for _ in range(2) for number in data.next()[0]["position"].tolist()]
    assert sorted(positions) == [1, 1, 5, 6]
    with pytest.raises(DatasetError, match="4 samples to train on"):
        TrainingData(Random([1, 1, 5, 6]), str(faces), 3, 5, Layout())


def test_parts_share_a_batch(faces: Path) -> None:
    data = TrainingData(Random(), str(faces), 3, 4, Layout(parts=2))
    parts = data.next()
    assert [len(part["position"]) for part in parts] == [2, 2]
    assert len({int(number) for part in parts for number in part["position"]}) == 4


def shapes_of(yaws: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Five points of a head, turned by yaw, at other places, sizes and rolls in the picture."""
    random = np.random.default_rng(0)
    head = np.array([[-30.0, 30, -20], [30, 30, -20], [0, 0, 30], [-20, -30, 0], [20, -30, 0]])
    flat = []
    for yaw in yaws:
        x = head[:, 0] * np.cos(yaw) + head[:, 2] * np.sin(yaw)
        points = np.stack([x, -head[:, 1]], axis=-1) * random.uniform(0.5, 2.0)
        angle = random.uniform(-0.3, 0.3)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        flat.append(points @ turn.T + random.uniform(-50, 50, 2))
    return np.stack(flat)


def test_bins_are_poses() -> None:
    yaws = np.linspace(-1.2, 1.2, 61)
    bins = pose_bins(shapes_of(yaws), 9)
    order = bins if bins[0] < bins[-1] else 8 - bins
    assert set(order) == set(range(9))
    assert (np.diff(order) >= 0).all()  # from one profile to the other


def test_folded_bins_merge_the_profiles() -> None:
    yaws = np.linspace(-1.2, 1.2, 61)
    bins = pose_bins(shapes_of(yaws), 4, folded=True)
    assert bins[0] >= 2 and bins[-1] >= 2 and bins[30] == 0
    assert bins.max() == 3


def test_similarities_are_taken_away() -> None:
    shapes = shapes_of(np.zeros(4))
    aligned = procrustes(shapes)
    assert np.abs(aligned - aligned[0]).max() < 1e-9


def test_balanced_sets_by_hand() -> None:
    bins = np.array([0, 0, 0, 0, 1, 1, 2])
    random = np.random.default_rng(0)
    assert np.bincount(bins[balanced(bins, "undersample", random)]).tolist() == [1, 1, 1]
    assert np.bincount(bins[balanced(bins, "replicate", random)]).tolist() == [4, 4, 4]
    assert balanced(bins, "none", random).tolist() == list(range(7))
    shapes = np.zeros((7, 1, 2))
    shapes[:, 0, 0] = [1, 1, 1, 1, 4, 6, 12]
    assert mean_of_bin_means(shapes, bins).tolist() == [[pytest.approx((1 + 5 + 12) / 3), 0.0]]


class Counted(Random):
    """Counts how often an item is made; `draws`: whether items take random numbers."""

    def __init__(self, draws: bool) -> None:
        super().__init__()
        self.draws, self.made = draws, 0

    def item(self, arrays: dict[str, np.ndarray[Any, Any]], random: np.random.Generator | None) -> Any:
        self.made += 1
        item = super().item(arrays, random if self.draws else np.random.default_rng(0))
        return {**item, "picture": torch.from_numpy(arrays["image"].copy())}


@pytest.mark.parametrize("draws", [True, False])
def test_what_is_kept_is_the_same_again(faces: Path, draws: bool) -> None:
    """Three epochs of two batches with and without memory; without random numbers items are made once."""
    plain, keeping = Counted(draws), Counted(draws)
    streams = [TrainingData(one, str(faces), 3, 4, Layout(keep=one is keeping)) for one in (plain, keeping)]
    before = keeping.made  # one item tells how large they are
    for _ in range(6):
        (one,), (other,) = (stream.next() for stream in streams)
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            assert torch.equal(tensor, other[name]), name
    assert plain.made == 24
    assert keeping.made - before == (24 if draws else 8)


def test_as_many_are_kept_as_have_room(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of eight, met first: three epochs make these once and the other five each time."""
    keeping = Counted(draws=False)
    size = data_module._kept_bytes(keeping, data_module.open_training_dataset(keeping, str(faces)))
    monkeypatch.setattr(data_module, "MOST_KEPT_BYTES", 4 * size - 1)
    stream = TrainingData(keeping, str(faces), 3, 4, Layout())
    before = keeping.made
    for _ in range(6):
        stream.next()
    assert keeping.made - before == 3 + 3 * 5


def test_the_first_samples_alone(faces: Path) -> None:
    data = TrainingData(Random(), str(faces), 3, 2, Layout(), first=4)
    assert sorted(position for _ in range(2) for position in data.next()[0]["position"].tolist()) == [0, 1, 2, 3]
    data = TrainingData(Random([1, 1, 5, 6]), str(faces), 3, 2, Layout(), first=5)
    assert data.next()[0]["position"].tolist() == [1, 1]
    with pytest.raises(DatasetError, match="1 samples to train on"):
        TrainingData(Random(), str(faces), 3, 2, Layout(), first=1)
