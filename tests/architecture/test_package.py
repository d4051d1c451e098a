"""What the package shows to the outside, and what it costs to start."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import synthgen

ROOT = Path(__file__).resolve().parents[2]
EXPORTED = {
    "GenerateOptions",
    "IterableFaces",
    "MapFaces",
    "StreamPlan",
    "__version__",
    "generate",
    "load_recipe",
    "open_dataset",
    "render_sample",
    "torch_stream",
    "verify",
}
HEAVY = ("torch", "warp", "numpy", "scipy", "pyarrow", "PIL", "yaml", "pycocotools")


def loaded_modules(code: str) -> set[str]:
    """Modules in a fresh interpreter after `code`."""
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(result.stdout.split("\n"))


def test_exported_names() -> None:
    assert set(synthgen.__all__) == EXPORTED
    assert set(dir(synthgen)) == EXPORTED


@pytest.mark.parametrize("name", sorted(EXPORTED - {"__version__"}))
def test_exported_names_load(name: str) -> None:
    assert callable(getattr(synthgen, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rubbish'"):
        _ = synthgen.rubbish


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_modules("import synthgen") & set(HEAVY)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["generate", "--help"], ["model", "import", "--help"]], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import contextlib, io
from synthgen.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({arguments!r})
"""
    modules = loaded_modules(code)
    assert "typer" in modules
    assert not modules & set(HEAVY)


def test_reading_a_dataset_needs_no_torch() -> None:
    assert not loaded_modules("from synthgen import open_dataset, load_recipe") & {"torch", "warp"}


def test_entry_point_and_python_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"synthgen": "synthgen.cli.main:main"}
    assert project["requires-python"] == ">=3.11"


def test_every_dependency_has_a_pinned_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [
        text for name in ("dev", "bfm", "dask", "jobqueue", "training") for text in extras[name]
    ]
    names = {re.split(r"[<>=\[]", text)[0].strip().lower() for text in wanted} - {"synthgen"}
    assert names <= pinned
    assert "torch==2.13.0" in lines


def test_the_demo_recipes_travel_with_the_package() -> None:
    for name in ("demo.yaml", "demo_pairs.yaml"):
        packaged = ROOT / "synthgen" / "cli" / "recipes" / name
        assert packaged.read_bytes() == (ROOT / "recipes" / name).read_bytes()


def test_every_kernel_file_is_named_to_the_type_checker() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["overrides"]
    named = {name for override in overrides if override.get("ignore_errors") for name in override["module"]}
    assert named == {f"synthgen.*.{file.stem}" for file in (ROOT / "synthgen").rglob("warp_*.py")}
