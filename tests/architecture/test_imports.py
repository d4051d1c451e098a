"""Import direction, seen through the syntax tree, so that imports inside functions count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "synthgen"

# A package imports lower ranks only; packages of equal rank do not know each other.
RANKS = {
    "core": 0,
    "recipe": 1,
    "geometry": 1,
    "asset_io": 1,
    "dataset": 1,
    "morphable": 2,
    "raster": 2,
    "report": 2,
    "shading": 3,
    "labels": 3,
    "sampling": 4,
    "render": 5,
    "alignment": 6,
    "fittings": 7,
    "motion": 8,
    "predict": 8,
    "pipeline": 9,
    "cli": 10,
}
# Stricter than their rank: who may import them, and what they may import.
ALLOWED_IMPORTERS = {
    "dataset": {"render", "fittings", "motion", "pipeline", "cli", "report", "predict"},
    "report": {"cli", "fittings", "predict"},
}
ALLOWED_IMPORTS = {"dataset": {"core"}, "report": {"core", "dataset"}, "asset_io": {"core"}, "recipe": {"core"}}

NUMPY_ONLY = ("core", "recipe", "sampling", "dataset", "asset_io", "report")
NUMPY_ONLY_EXCEPT = "dataset/torch_dataset.py"
SINGLE_IMPORTERS = {
    "yaml": "recipe/load.py",
    "dask": "pipeline/run_dask.py",
    "distributed": "pipeline/run_dask.py",
    "pickletools": "morphable/loaders/safe_pickle.py",
    "h5py": "morphable/loaders/bfm_h5.py",
    "onnxruntime": "predict/onnx_network.py",
}
FORBIDDEN_EVERYWHERE = ("pickle", "click", "cv2", "pandas", "training", "eval")


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Dotted names of every import, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def package_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imported_packages(tree: ast.AST) -> set[str]:
    """Sub-packages of synthgen that a file imports."""
    names = (name.split(".") for name in imports_of(tree))
    return {parts[1] for parts in names if parts[0] == "synthgen" and len(parts) > 1}


def broken_rules(package: str, tree: ast.AST) -> list[str]:
    """What is wrong with the imports of a file in a package."""
    problems = []
    for other in sorted(imported_packages(tree) - {package}):
        if other not in RANKS:
            problems.append(f"imports {other}, which has no rank")
        elif RANKS[other] >= RANKS[package]:
            problems.append(f"{package} (rank {RANKS[package]}) imports {other} (rank {RANKS[other]})")
        elif package not in ALLOWED_IMPORTERS.get(other, {package}):
            problems.append(f"{package} may not import {other}")
        elif other not in ALLOWED_IMPORTS.get(package, {other}):
            problems.append(f"{package} may import {sorted(ALLOWED_IMPORTS[package])} only, not {other}")
    return problems


def test_packages_import_lower_ranks_only() -> None:
    assert len(source_files()) > 50  # the search itself works
    problems = []
    for file in source_files():
        package = package_of(file)
        if package:
            problems += [f"{file.relative_to(ROOT)}: {text}" for text in broken_rules(package, parse(file))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("package", "code", "expected"),
    [
        ("core", "import synthgen.raster.rasterize", "rank"),
        ("raster", "def f():\n    from synthgen.render.frame import open_renderer", "rank"),
        ("labels", "from synthgen.shading import surface", "rank"),
        ("morphable", "from synthgen.dataset.reader import open_dataset", "may not import dataset"),
        ("asset_io", "from synthgen import recipe", "rank"),
        ("report", "from synthgen.recipe.load import load_recipe", "only"),
    ],
)
def test_a_wrong_import_is_noticed(package: str, code: str, expected: str) -> None:
    assert any(expected in problem for problem in broken_rules(package, ast.parse(code)))


def test_every_package_has_a_rank() -> None:
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert packages and packages <= set(RANKS)


def top_level_names(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(parse(file))}


def test_numpy_packages_do_not_import_torch() -> None:
    for file in source_files():
        relative = file.relative_to(PACKAGE).as_posix()
        if relative.startswith(tuple(f"{name}/" for name in NUMPY_ONLY)) and relative != NUMPY_ONLY_EXCEPT:
            assert not top_level_names(file) & {"torch", "warp"}, f"{relative} imports torch or warp"


def test_warp_is_imported_by_warp_files_only() -> None:
    users = {file.name for file in source_files() if "warp" in top_level_names(file)}
    assert users
    assert all(name.startswith("warp_") for name in users), sorted(users)


@pytest.mark.parametrize("library", sorted(SINGLE_IMPORTERS))
def test_single_importers(library: str) -> None:
    users = {file.relative_to(PACKAGE).as_posix() for file in source_files() if library in top_level_names(file)}
    assert users <= {SINGLE_IMPORTERS[library]}


@pytest.mark.parametrize("library", FORBIDDEN_EVERYWHERE)
def test_libraries_that_nothing_imports(library: str) -> None:
    assert not [file for file in source_files() if library in top_level_names(file)]


def uses_environment(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv", "environb"):
            return True
    return any(name in ("os.environ", "os.getenv", "os.putenv") for name in imports_of(tree))


def test_environment_variables_live_in_one_file() -> None:
    users = {file.relative_to(PACKAGE).as_posix() for file in source_files() if uses_environment(parse(file))}
    assert users <= {"core/environment.py"}


def test_programs_beside_the_package_are_not_imported() -> None:
    outside = {"benchmarks", "tests"}
    assert not [file for file in source_files() if top_level_names(file) & outside]
