"""Size, names and shape of the source files."""

import ast
import re
from pathlib import Path

import pytest

from synthgen.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("synthgen", "benchmarks", "training", "eval")
MOST_LINES = 400
MOST_PARAMETERS = 8
FORBIDDEN_FILES = re.compile(r"(^|_)(utils?|helpers?|misc|common|manager)(_|$)")
FORBIDDEN_FUNCTIONS = re.compile(r"^_*(get|process|handle|do|manage)_")
FORBIDDEN_CLASSES = re.compile(r"(Manager|Helper|Utils?)$")


def source_files() -> list[Path]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 50
    return files


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def parameter_count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([argument for argument in named if argument.arg not in ("self", "cls")])


def is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A Warp kernel takes its arrays one by one."""
    return any(
        ast.unparse(decorator).split("(")[0] in ("wp.kernel", "wp.func", "wp.func_native")
        for decorator in node.decorator_list
    )


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """The parameters of a command are its options, and no code calls it."""
    arguments = [*node.args.args, *node.args.kwonlyargs]
    if arguments and all(one.annotation and "typer." in ast.unparse(one.annotation) for one in arguments):
        return True
    return node.name in COMMANDS and COMMANDS[node.name].__code__.co_firstlineno == node.lineno


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_are_short() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    long = {
        str(file.relative_to(ROOT)): n for file in [*source_files(), *tests] if (n := line_count(file)) >= MOST_LINES
    }
    assert not long


def line_count(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_functions_take_few_parameters() -> None:
    problems = []
    for file in source_files():
        for node in functions(parse(file)):
            if parameter_count(node) > MOST_PARAMETERS and not is_kernel(node) and not is_command(node):
                problems.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name} takes {parameter_count(node)}")
    assert not problems, "\n".join(problems)


def test_names_say_something() -> None:
    problems = [str(file.relative_to(ROOT)) for file in source_files() if FORBIDDEN_FILES.search(file.stem)]
    for file in source_files():
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and FORBIDDEN_FUNCTIONS.match(node.name):
                problems.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}")
            if isinstance(node, ast.ClassDef) and FORBIDDEN_CLASSES.search(node.name):
                problems.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", ["get_item", "_process_image", "handle_error"])
def test_a_forbidden_name_is_noticed(name: str) -> None:
    assert FORBIDDEN_FUNCTIONS.match(name)


def test_package_files_are_empty() -> None:
    packages = [file for file in (ROOT / "synthgen").rglob("__init__.py") if file.parent != ROOT / "synthgen"]
    assert packages
    assert not [file for file in packages if file.read_text(encoding="utf-8").strip()]


def test_every_folder_with_code_is_a_package() -> None:
    folders = {file.parent for file in (ROOT / "synthgen").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_recipes_hold_no_python() -> None:
    assert list((ROOT / "recipes").rglob("*.yaml"))
    assert not list((ROOT / "recipes").rglob("*.py"))


def test_no_machine_path_in_the_sources() -> None:
    pattern = re.compile(r"/(work|home|root|Users)/\w")
    texts = [*source_files(), *(ROOT / "recipes").rglob("*.yaml"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    assert not [str(file) for file in texts if pattern.search(file.read_text(encoding="utf-8"))]
