"""Reading and verifying a dataset of the default labels on one core, from the page cache."""

import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from benchmarks.figures import Figure
from benchmarks.workload import bench_recipe
from synthgen.dataset.pictures import decode_jpeg
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.verify import verify

SAMPLES, ROUNDS = 1024, 5
# The picture, one vector and one plane that has to be decoded.
CHOSEN = ("image", "landmarks_2d", "depth")


def measure_reading() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as folder:
        generate(bench_recipe("images", f"count={SAMPLES}"), folder, GenerateOptions(workers=0))
        return {"reading, one core, 128 x 128, default labels": measure_reading_of(Path(folder))}


def measure_reading_of(folder: Path, rounds: int = ROUNDS) -> list[Figure]:
    """Figures of a dataset folder; the rows take turns, so that a busy moment falls on all of them."""
    dataset = open_dataset(folder)
    some, count = dataset.with_labels(*CHOSEN), len(dataset)
    shuffled = random.Random(0).sample(range(count), count)
    pictures = [dataset.picture_files(position)["image"] for position in range(count)]
    jobs: dict[str, tuple[Callable[[], object], float | None]] = {
        "verify --deep": (lambda: verify(folder, deep=True).raise_unless_sound(), 1000),
        "read in order, image + 2 labels": (lambda: _read(some, range(count)), 2000),
        "read at random, image + 2 labels": (lambda: _read(some, shuffled), 3000),
        "read in order, stored and derived labels": (lambda: _read(dataset, range(count)), None),
        "of which the JPEG, whoever decodes it": (lambda: _decode(pictures, dataset.layout.size), None),
    }
    walls: dict[str, list[float]] = {name: [] for name in jobs}
    busy: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, (job, _goal) in jobs.items():
            wall, cpu = perf_counter(), process_time()
            job()
            walls[name].append(perf_counter() - wall)
            busy[name].append(process_time() - cpu)
    dataset.close()
    some.close()
    # Nothing waits for a disk, so a second of processor time is a second of a core.
    return [
        Figure(
            name, count / median(busy[name]), "samples/s", goal, note=f"{count / median(walls[name]):.0f} by the clock"
        )
        for name, (_, goal) in jobs.items()
    ]


def _read(dataset: Dataset, positions: Iterable[int]) -> None:
    for position in positions:
        dataset[position]


def _decode(pictures: list[bytes], size: tuple[int, int]) -> None:
    for picture in pictures:
        decode_jpeg(picture, size)
