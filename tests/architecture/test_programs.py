"""What training and eval may import: any package of synthgen but cli and pipeline, and little of each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# NumPy only: training imports these for its measures.
METRICS = ("metrics",)
NUMPY_ALONE = (*METRICS, "statistics")
CLI_AND_PIPELINE = ("synthgen.cli", "synthgen.pipeline")


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def broken_rules(program: str, name: str, code: str) -> list[str]:
    """What is wrong with the imports of the file `name` (no suffix) of a program."""
    tree = ast.parse(code)
    names = set(imports_of(tree))
    bare = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    problems = [imported for imported in names if imported.startswith(CLI_AND_PIPELINE)]
    problems += [imported for imported in names if imported.split(".")[0] in ("yaml", "dask", "pickle", "benchmarks")]
    problems += ["import eval hides the built-in function"] if "eval" in bare else []
    problems += [imported for imported in names if imported.startswith("tests")]
    if program == "training":
        allowed = tuple(f"eval.{metrics}" for metrics in METRICS)
        problems += [x for x in names if x.split(".")[0] == "eval" and not x.startswith(allowed)]
    if program == "eval" and name in NUMPY_ALONE:
        problems += [x for x in names if x.split(".")[0] in ("torch", "synthgen", "training", "scipy", "eval")]
    return problems


@pytest.mark.parametrize("program", ["training", "eval"])
def test_programs_import_what_they_may(program: str) -> None:
    files = sorted((ROOT / program).rglob("*.py"))
    assert len(files) > 5
    problems = {
        str(file.relative_to(ROOT)): wrong
        for file in files
        if (wrong := broken_rules(program, file.stem, file.read_text(encoding="utf-8")))
    }
    assert not problems


@pytest.mark.parametrize(
    ("program", "name", "code"),
    [
        ("eval", "plots", "def f():\n    from synthgen.cli.console import say"),
        ("eval", "plots", "import eval"),
        ("eval", "metrics", "import torch"),
        ("eval", "published_tables", "import yaml"),
        ("training", "loop", "from eval.protocol import Request"),
        ("training", "loop", "from synthgen.pipeline import run"),
    ],
)
def test_a_wrong_import_is_noticed(program: str, name: str, code: str) -> None:
    assert broken_rules(program, name, code)


def test_training_may_use_metrics() -> None:
    assert not broken_rules("training", "loop", "from eval.metrics import mean_error")


@pytest.mark.parametrize("name", NUMPY_ALONE)
def test_metrics_are_there(name: str) -> None:
    assert (ROOT / "eval" / f"{name}.py").is_file()
