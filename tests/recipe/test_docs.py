"""docs/recipes.md names every key and no key that does not exist."""

import re
from pathlib import Path

from synthgen.recipe.distributions import DISTRIBUTION_NAMES
from synthgen.recipe.json_schema import recipe_json_schema
from synthgen.recipe.load import parse_recipe

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text()


def test_every_key_is_documented() -> None:
    schema = recipe_json_schema()
    keys = set(schema["properties"])
    for definition in schema["$defs"].values():
        keys |= set(definition["properties"])
    named = set(re.findall(r"`([a-z_]+)`", PAGE)) | set(re.findall(r"[{ ]([a-z_]+): ", PAGE))
    assert keys <= named, sorted(keys - named)
    assert set(DISTRIBUTION_NAMES) <= named


def test_first_cells_of_the_key_tables_are_keys() -> None:
    schema = recipe_json_schema()
    known = set(schema["properties"]) | set(DISTRIBUTION_NAMES)
    known |= {"gray", "colour", "procedural", "folder", "coco"}
    for definition in schema["$defs"].values():
        known |= set(definition["properties"])
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert len(named) > 40 and named <= known, sorted(named - known)


def test_the_example_loads() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert parse_recipe(example[1]).background.kind == "folder"
