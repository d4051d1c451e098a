"""Whole recipes of which single values are hostile, and YAML that would execute, grow or recurse."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from synthgen.core.errors import RecipeError
from synthgen.recipe.load import load_recipe, parse_recipe
from synthgen.recipe.schema import Recipe
from synthgen.recipe.stored import stored_recipe
from tests.fuzzing import hostile_json, in_small_memory, quick, reads_or_refuses

ROOT = Path(__file__).resolve().parents[2]
RECIPES = (
    "demo.yaml",
    "demo_pairs.yaml",
    "dfc/pretrain_coco.yaml",
    "tddfa_v2/short_video.yaml",
    "densereg/fittings.yaml",
)


@pytest.mark.parametrize("name", RECIPES)
def test_one_hostile_value_in_a_whole_recipe(name: str) -> None:
    """Every default written out, so that every key of the schema meets every hostile value; JSON is YAML."""
    whole = load_recipe(ROOT / "recipes" / name).model_dump(mode="json")

    @quick(30)
    @given(hostile_json(whole))
    def check(content: Any) -> None:
        def read() -> None:
            assert isinstance(parse_recipe(json.dumps(content), "hostile.yaml"), Recipe)

        def read_stored() -> None:
            assert isinstance(stored_recipe(content if isinstance(content, dict) else {}, "dataset"), Recipe)

        reads_or_refuses(read, "hostile.yaml")
        reads_or_refuses(read_stored, "dataset")

    check()
    assert stored_recipe(whole, "dataset").model_dump(mode="json") == whole


EXECUTED = [
    "!!python/object/apply:os.mkdir ['{canary}']",
    "!!python/object/new:os.mkdir ['{canary}']",
    "!!python/name:os.mkdir ",
    "!!python/module:antigravity ",
    "!<tag:yaml.org,2002:python/object/apply:os.mkdir> ['{canary}']",
    "!python/object/apply:os.mkdir ['{canary}']",
]


@pytest.mark.parametrize("tag", EXECUTED)
@pytest.mark.parametrize("place", ["{tag}", "kind: {tag}", "kind: images\nseed: {tag}", "? {tag}\n: 1", "- {tag}"])
def test_tags_are_refused_and_nothing_is_executed(tag: str, place: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = place.format(tag=tag.format(canary=canary))
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "evil.yaml")
    assert caught.value.exit_code == 2 and all(line.startswith("evil.yaml:") for line in caught.value.problems)
    assert not canary.exists()


GROWING = """
import sys
from pathlib import Path
from synthgen.core.errors import RecipeError
from synthgen.recipe.load import load_recipe
cap()
for path in map(Path, sys.argv[1:]):
    try:
        load_recipe(path)
    except RecipeError as error:
        assert str(error).startswith(str(path)), error
        print(path.name, len(str(error)))
    else:
        raise AssertionError(path)
"""


def test_recipes_that_grow_or_recurse_cost_nothing(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
    )
    texts = {
        "aliases.yaml": bomb,
        "lists.yaml": "[" * 20_000,
        "mappings.yaml": "{a: " * 20_000,
        "blocks.yaml": "".join(" " * n + "a:\n" for n in range(1000)),
        "sequences.yaml": "- " * 20_000,
        "keys.yaml": "? " * 20_000,
        "anchors.yaml": "kind: images\n" + "".join(f"k{n}: &k{n} 1\n" for n in range(30_000)),
        "number.yaml": "kind: images\nseed: " + "9" * 300_000,
        "text.yaml": "kind: " + "x" * 300_000,
        "megabytes.yaml": "#" * 2_000_000,
        "directive.yaml": "%YAML " + "9" * 100_000 + ".1\n---\n",
        "escapes.yaml": 'kind: "' + "\\U0010FFFF" * 50_000 + '"',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    printed = in_small_memory(GROWING, *(str(tmp_path / name) for name in texts), megabytes=200)
    lengths = dict(line.split() for line in printed.splitlines())
    assert lengths.keys() == texts.keys() and max(map(int, lengths.values())) < 3000
