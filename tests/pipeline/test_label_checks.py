"""A sample beyond a limit stops its shard; a shard beyond a limit is found by `verify` and shown in its table."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthgen.cli.check_table import check_table
from synthgen.core.errors import LabelError, QuarantineError
from synthgen.dataset.index import index_from_json, index_to_json
from synthgen.dataset.sample import Sample
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.verify import verify
from synthgen.pipeline.verify_checks import check_problems, summarise_checks
from synthgen.recipe.schema import Recipe
from tests.pipeline.pipeline_fakes import FakeRenderer

MakeRecipe = Callable[..., Recipe]
BAD = 53


class _Wrong(FakeRenderer):
    """Sample 53 has a reprojection error."""

    def __call__(self, block: int) -> list[Sample]:
        samples: Sequence[Sample] = super().__call__(block)
        return [replace(s, checks={"reprojection_px": 0.5 if s.index == BAD else 1e-5}) for s in samples]


def open_wrong(recipe: Any, device: str, check_assets: bool = True) -> FakeRenderer:
    return _Wrong(recipe)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_shard_with_a_wrong_label_is_not_published(make_recipe: MakeRecipe, tmp_path: Path, workers: int) -> None:
    options = GenerateOptions(workers=workers, factory="tests.pipeline.test_label_checks:open_wrong")
    # In this process the error ends the run; worker processes give the shard up and build the rest.
    with pytest.raises(LabelError if workers == 0 else QuarantineError) as caught:
        generate(make_recipe(), tmp_path / "out", options)
    message = str(caught.value)
    assert "sample 53: check reprojection_px is 0.5 px, limit at most 0.01: " in message
    assert "Shard 1 is not published" in message
    assert "synthgen preview RECIPE --first 53 -n 1 -o sample_53.png" in message
    assert not list((tmp_path / "out").glob("*000001*"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synthgen.recipe.load import parse_recipe

    path = tmp_path_factory.mktemp("checks") / "out"
    text = "kind: images\nseed: 3\ncount: 50\nshard_size: 20\nsize: [24, 32]\n"
    generate(parse_recipe(text, "t"), path, GenerateOptions(workers=0, factory="pipeline_fakes:open_plain"))
    return path


def edited(whole: Path, folder: Path, checks: Any) -> Path:
    """A copy whose shard 1 carries other checks, with the right hash of its index."""
    copy = Path(shutil.copytree(whole, folder / "copy"))
    file = copy / "shard-000001.json"
    file.write_bytes(index_to_json(replace(index_from_json(file.read_bytes(), "i"), checks=checks)))
    return copy


def summary(value: float) -> dict[str, float]:
    return {"min": value, "mean": value, "max": value}


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({"source_warp_px": {"min": 0, "mean": 0.1, "max": 0.9}}, "check source_warp_px of shard 1 is 0.9 px, limit"),
        ({"drawn_share": {"min": 0, "mean": 0.5, "max": 1}}, "check drawn_share of shard 1 is 0 share, limit at least"),
        ({}, "shard 1 carries no label checks"),
        ({"unknown": summary(5.0)}, "shard 1 carries no label checks"),
        ({"depth_mm": {"min": 2e-3, "mean": 1e-3, "max": 1e-3}}, "expected min <= max"),
    ],
)
def test_verify_compares_with_the_limits(whole: Path, tmp_path: Path, checks: Any, expected: str) -> None:
    assert verify(whole).sound
    problems = verify(edited(whole, tmp_path, checks)).problems
    assert len(problems) == 1 and expected in problems[0]
    assert "synthgen repair rebuilds the shard" in problems[0]


def test_values_at_the_limit_and_numbers_without_one_pass(whole: Path, tmp_path: Path) -> None:
    checks = {"reprojection_px": summary(0.01), "coverage": summary(0.0), "landmark_fit_px": summary(90.0)}
    index = index_from_json((edited(whole, tmp_path, checks) / "shard-000001.json").read_bytes(), "i")
    assert list(check_problems(index)) == []


def test_the_table_shows_the_worst(whole: Path, tmp_path: Path) -> None:
    checks = {
        "coverage": {"min": 0.1, "mean": 0.2, "max": 0.7},
        "source_warp_px": summary(0.1),
        "target_warp_px": summary(0.9),
    }
    copy = edited(whole, tmp_path, checks)
    (copy / "shard-000002.json").write_bytes(b"{}")  # damaged: told elsewhere
    summaries, shards = summarise_checks(copy)
    assert shards == 2
    found = {item.row.name: (item.min, item.mean, item.max) for item in summaries}
    assert found["coverage"] == pytest.approx((0.1, 0.3, 0.7))  # the other shard's is 0.4 everywhere
    assert found["warp_px"] == pytest.approx((0.1, 0.5, 0.9))
    lines = check_table(copy).splitlines()
    assert lines[0].split() == ["label", "check", "min", "mean", "max", "limit"]
    assert lines[1].split() == ["coverage", "0.1", "0.3", "0.7"]
    assert lines[2].split() == ["warp_px", "0.1", "0.5", "0.9", "<=", "0.4", "BROKEN"]
    assert lines[3] == "of 2 shards"
