"""docs/differentiable.md shows code that runs and names that exist."""

import re
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "differentiable.md").read_text(encoding="utf-8")


def test_the_example_runs_and_descends() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "docs/differentiable.md", "exec"), names)
    losses = names["losses"]
    assert isinstance(losses, list) and losses[-1] < 0.01 * losses[0]


def test_every_function_of_the_table_exists() -> None:
    functions = re.findall(r"`((?:geometry|morphable|raster|render|shading)\.\w+)\.(\w+)`", TEXT)
    assert len(functions) > 10
    for module, name in functions:
        assert callable(getattr(import_module(f"synthgen.{module}"), name))


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT)
    assert pictures
    assert all((DOCS / name).stat().st_size < 300_000 for name in pictures)
