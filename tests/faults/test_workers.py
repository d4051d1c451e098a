"""Faults 1, 4 and 19: workers that are killed, that always crash, that raise, hang, leak or take too much memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import IMPORTS, content, plain, recipe_text

from benchmarks.chaos import torment
from synthgen.core.errors import DatasetError, QuarantineError
from synthgen.pipeline.attempts import FailureBudget
from synthgen.pipeline.repair import repair
from synthgen.pipeline.run import generate
from synthgen.pipeline.status import dataset_status
from synthgen.pipeline.verify import verify
from synthgen.pipeline.workers import WorkerLimits
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe

Survived = Callable[..., None]


@pytest.mark.slow
def test_30_kills_of_workers_and_5_of_the_driver(tmp_path: Path) -> None:
    """The same torment as `make chaos`, on a renderer that takes its time."""
    import subprocess
    import sys

    text, out = recipe_text(count=4000), tmp_path / "out"
    generate(parse_recipe(text, "test.yaml"), tmp_path / "calm", plain(workers=2))
    code = (
        f"import sys; sys.path[:0] = {IMPORTS!r}\n"
        "from synthgen.pipeline.attempts import FailureBudget\n"
        "from synthgen.pipeline.run import GenerateOptions, generate\n"
        "from synthgen.recipe.load import parse_recipe\n"
        f"generate(parse_recipe({text!r}, 'test.yaml'), {str(out)!r}, GenerateOptions(workers=2, resume=True, "
        "factory='pipeline_fakes:open_slow', budget=FailureBudget(deaths=30)))\n"
    )
    kills = torment(lambda: subprocess.Popen([sys.executable, "-c", code]), 30, 5, pause_s=(0.3, 1.2))
    assert (kills.workers, kills.drivers) == (30, 5)
    assert verify(out, deep=True).sound
    assert content(out) == content(tmp_path / "calm")


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("open_segfaulting", r"2 workers died, the last by signal 11, 0 of 40 samples done"),
        ("open_raising", r"ZeroDivisionError: a bug in block 1"),
    ],
)
def test_a_shard_that_always_fails_is_given_up_and_the_rest_is_built(
    tmp_path: Path, recipe: Recipe, calm: Path, assert_survived: Survived, factory: str, reason: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(QuarantineError, match=reason) as caught:
        generate(recipe, out, plain(workers=2, factory=factory, budget=FailureBudget(deaths=2)))
    assert caught.value.exit_code == 3
    # Block 1 holds samples 32 to 63, which lie in shards 0 and 1.
    given_up = dataset_status(out).quarantined
    assert [(entry.shard, entry.start, entry.stop) for entry in given_up] == [(0, 0, 40), (1, 40, 80)]
    assert given_up[1].command == f"synthgen repair {out} --shard 1 --workers 0"
    assert given_up[1].command in str(caught.value) and "120 of 200 samples" in str(caught.value)
    assert dataset_status(out).missing == (0, 1)
    events = [json.loads(line) for line in (out / "runs" / "run-0001.jsonl").read_text().splitlines()]
    assert {event["shard"] for event in events if event["event"] == "quarantined"} == {0, 1}
    assert sum(event["event"] == "failed" for event in events) == 4  # two tries each
    # The command of the message, with the renderer mended, builds that shard and nothing else.
    repair(out, plain(workers=0), shards=[1])
    assert dataset_status(out).missing == (0,)
    assert [entry.shard for entry in dataset_status(out).quarantined] == [0]
    assert_survived(out)
    assert not (out / "quarantine.json").exists()


def test_the_command_of_a_quarantined_shard_shows_where_it_fails(tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "out"
    with pytest.raises(QuarantineError):
        generate(recipe, out, plain(workers=1, factory="open_raising"))
    with pytest.raises(ZeroDivisionError, match="a bug in block 1"):
        repair(out, plain(workers=0, factory="open_raising"), shards=[1])
    assert [entry.shard for entry in dataset_status(out).quarantined] == [0, 1]


def test_a_fault_that_comes_everywhere_stops_the_run(tmp_path: Path) -> None:
    """More shards given up than the budget bears: the disk of a run is not filled with failures."""
    recipe = parse_recipe(recipe_text(count=2000), "test.yaml")
    with pytest.raises(RuntimeError, match="a bug in block 0"):
        generate(recipe, tmp_path / "out", plain(workers=2, factory="open_buggy", budget=FailureBudget(quarantined=2)))
    events = [json.loads(line) for line in (tmp_path / "out/runs/run-0001.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "quarantined" for event in events) == 3


def test_a_fault_that_comes_late_stops_the_run_too(tmp_path: Path) -> None:
    recipe = parse_recipe(recipe_text(count=2000), "test.yaml")
    options = plain(workers=1, factory="open_mostly_raising", budget=FailureBudget(quarantined=2))
    with pytest.raises(DatasetError, match=r"stopped, because 3 shards were given up.*--resume") as caught:
        generate(recipe, tmp_path / "out", options)
    assert caught.value.exit_code == 1
    status = dataset_status(tmp_path / "out")
    assert len(status.quarantined) == 3 and len(status.missing) == 50 - 4


def test_an_error_that_goes_away_costs_one_more_try(tmp_path: Path, assert_survived: Survived) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    recipe = parse_recipe(recipe_text(marks=marks), "test.yaml")
    generate(recipe, tmp_path / "calm", plain())
    generate(recipe, tmp_path / "out", plain(workers=2, factory="open_once_raising", budget=FailureBudget(errors=4)))
    assert content(tmp_path / "out") == content(tmp_path / "calm")


def test_a_worker_that_takes_too_much_memory_is_killed(
    tmp_path: Path, recipe: Recipe, assert_survived: Survived
) -> None:
    limits = WorkerLimits(bytes=1_000_000_000)
    with pytest.raises(QuarantineError, match=r"it used \d+\.\d GB of memory, more than 1\.0"):
        generate(
            recipe,
            tmp_path / "out",
            plain(workers=1, factory="open_greedy", limits=limits, budget=FailureBudget(deaths=1)),
        )
    assert_survived(tmp_path / "out")


def test_a_leaking_worker_is_replaced_between_shards(tmp_path: Path, calm: Path, recipe: Recipe) -> None:
    """40 MB more a block, 7 blocks: one process would end near 375 MB, a limit of 320 MB replaces it at 256 MB."""
    summary = generate(
        recipe, tmp_path / "out", plain(workers=1, factory="open_leaky", limits=WorkerLimits(bytes=320_000_000))
    )
    assert summary.restarts == 0  # nobody died
    assert summary.peak_bytes < 320_000_000
    workers = {
        json.loads(line)["worker"]
        for line in (tmp_path / "out/runs/run-0001.jsonl").read_text().splitlines()
        if '"worker"' in line
    }
    assert len(workers) > 1
    assert content(tmp_path / "out") == content(calm)


def test_a_worker_is_replaced_after_its_number_of_shards(tmp_path: Path, calm: Path, recipe: Recipe) -> None:
    generate(recipe, tmp_path / "out", plain(workers=1, limits=WorkerLimits(shards=2)))
    lines = (tmp_path / "out/runs/run-0001.jsonl").read_text().splitlines()
    workers = [json.loads(line)["worker"] for line in lines if '"worker"' in line]
    assert len(set(workers)) == 3 and workers[0] == workers[1] != workers[2]
    assert content(tmp_path / "out") == content(calm)


def test_a_worker_that_hangs_is_killed(tmp_path: Path, recipe: Recipe, assert_survived: Survived) -> None:
    with pytest.raises(QuarantineError, match="nothing was heard of it for 3 s"):
        generate(
            recipe,
            tmp_path / "out",
            plain(
                workers=2,
                factory="open_silent",
                limits=WorkerLimits(silence_s=3.0),
                budget=FailureBudget(deaths=1),
            ),
        )
    assert_survived(tmp_path / "out")
