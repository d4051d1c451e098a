"""What the README says is so."""

import re
from pathlib import Path

import pytest

from synthgen.cli.main import COMMANDS
from synthgen.core.label_spec import LABELS
from synthgen.recipe.load import parse_recipe

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_label_table_is_the_label_table() -> None:
    section = TEXT.split("## Labels")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| \(([^)]*)\) (\w+) \|", section, re.MULTILINE)
    assert rows == [(spec.name, ", ".join(map(str, spec.shape)), spec.dtype) for spec in LABELS.values()]


def test_the_example_recipe_is_valid() -> None:
    (recipe,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert parse_recipe(recipe, "README.md").count == 10000


def test_every_command_is_mentioned() -> None:
    for name in set(COMMANDS) - {"env", "demo"}:
        assert f"synthgen {name}" in TEXT or f"`{name} " in TEXT or f"/ `{name}" in TEXT, name


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_two_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "check", "bench", "portraits"):
        assert f"\n{target}: " in makefile and f"make {target}" in TEXT
