"""Faults 16 and 17: the same bytes for any workers, shards, order and scheduler, and no mixing of recipes.

The last test breaks the seed path and expects that the comparison notices.
"""

from pathlib import Path

import numpy as np
import pytest
from faults.conftest import content, plain, recipe_text

from synthgen.core.errors import FingerprintError
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.shard_files import ShardFiles
from synthgen.pipeline.run import generate
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_number_of_workers_changes_no_byte(tmp_path: Path, recipe: Recipe, calm: Path, workers: int) -> None:
    generate(recipe, tmp_path / "out", plain(workers=workers))
    assert content(tmp_path / "out") == content(calm)


def samples_of(folder: Path) -> list[list[bytes]]:
    """The members of every sample, whatever shard they lie in."""
    dataset = open_dataset(folder)
    files = ShardFiles(folder, dataset.manifest)
    members = [files.read(sample) for sample in range(len(dataset))]
    files.close()
    dataset.close()
    return members


@pytest.mark.parametrize("size", [1, 7, 32, 200])
def test_the_size_of_shards_changes_no_sample(tmp_path: Path, calm: Path, size: int) -> None:
    recipe = parse_recipe(recipe_text().replace("shard_size: 40", f"shard_size: {size}"), "test.yaml")
    generate(recipe, tmp_path / "out", plain())
    assert samples_of(tmp_path / "out") == samples_of(calm)


def test_the_order_of_shards_changes_no_byte(tmp_path: Path, recipe: Recipe, calm: Path) -> None:
    """Shards built one by one in a random order, each by a run of its own."""
    out = tmp_path / "out"
    order = np.random.default_rng(0).permutation(5).tolist()
    for shard in order:
        generate(recipe, out, plain(resume=True, only=frozenset([shard])))
    generate(recipe, out, plain(resume=True))
    assert content(out) == content(calm)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seed: 3", "seed: 4"), "seed: 3 -> 4"),
        (("size: [24, 32]", "size: [24, 40]"), r"size: \[24, 32\] -> \[24, 40\]"),
        (("kind: images", "kind: pairs"), 'kind: "images" -> "pairs"'),
    ],
)
def test_another_recipe_is_refused_field_by_field(
    tmp_path: Path, recipe: Recipe, change: tuple[str, str], words: str
) -> None:
    out = tmp_path / "out"
    generate(recipe, out, plain(only=frozenset([0])))
    with pytest.raises(FingerprintError, match=words) as caught:
        generate(parse_recipe(recipe_text().replace(*change), "test.yaml"), out, plain(resume=True))
    assert caught.value.exit_code == 5


def test_other_assets_are_refused(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline_fakes

    out = tmp_path / "out"
    generate(recipe, out, plain(only=frozenset([0])))
    record = pipeline_fakes.FakeRenderer(recipe).records()[0]
    record.sha256 = "cd" * 32
    monkeypatch.setattr(pipeline_fakes.FakeRenderer, "records", lambda self: [record])
    with pytest.raises(FingerprintError, match=r'background:fake: "abab\w*" -> "cdcd'):
        generate(recipe, out, plain(resume=True))


def test_a_broken_seed_path_is_noticed(tmp_path: Path, recipe: Recipe) -> None:
    """Mutation: samples that depend on how often the process has rendered. The comparisons above must fail then."""
    broken = plain(factory="open_unseeded")
    generate(recipe, tmp_path / "one", broken)
    generate(recipe, tmp_path / "again", broken)
    assert content(tmp_path / "one") != content(tmp_path / "again")
    small = parse_recipe(recipe_text().replace("shard_size: 40", "shard_size: 7"), "test.yaml")
    generate(small, tmp_path / "small", broken)
    assert samples_of(tmp_path / "small") != samples_of(tmp_path / "one")
    for shard in (4, 0):
        generate(recipe, tmp_path / "order", plain(factory="open_unseeded", resume=True, only=frozenset([shard])))
    generate(recipe, tmp_path / "order", plain(factory="open_unseeded", resume=True))
    assert samples_of(tmp_path / "order") != samples_of(tmp_path / "one")
