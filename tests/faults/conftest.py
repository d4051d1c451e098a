"""What every fault test needs: an undisturbed run, the bytes of a folder, and a run in a process of its own."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.verify import verify
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe

TESTS = Path(__file__).parents[1]
IMPORTS = [str(TESTS.parent), str(TESTS / "dataset"), str(TESTS / "pipeline")]
TEXT = "kind: images\nseed: 3\ncount: {count}\nshard_size: 40\nsize: [24, 32]\n"

Start = Callable[..., "subprocess.Popen[str]"]
Sound = Callable[[Path, Path], None]

_SCRIPT = """
import sys
sys.path[:0] = {path!r}
from synthgen.cli.failures import stop_on_terminate
from synthgen.core.errors import SynthgenError
from synthgen.pipeline.attempts import FailureBudget
from synthgen.pipeline.cluster import scheduler_at
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.workers import WorkerLimits
from synthgen.recipe.load import parse_recipe
if __name__ == "__main__":
    stop_on_terminate()
    recipe = parse_recipe({text!r}, "test.yaml")
    try:
        generate(recipe, {out!r}, {options}, lambda state: print(state.done_samples, flush=True))
    except KeyboardInterrupt:
        sys.exit(130)
    except SynthgenError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
"""


def recipe_text(count: int = 200, marks: Path | None = None) -> str:
    """The recipe of the fault tests; marks: a folder that the fake renderers find in it."""
    extra = "" if marks is None else f"background: {{kind: folder, images: {marks}}}\n"
    return TEXT.format(count=count) + extra


@pytest.fixture
def recipe() -> Recipe:
    """200 samples in 5 shards."""
    return parse_recipe(recipe_text(), "test.yaml")


def plain(**changes: object) -> GenerateOptions:
    """Options with the plain fake renderer."""
    values = {"factory": "pipeline_fakes:open_plain", "workers": 0} | changes
    if isinstance(values["factory"], str) and ":" not in values["factory"]:
        values["factory"] = f"pipeline_fakes:{values['factory']}"
    return GenerateOptions(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed run of `recipe`."""
    path = tmp_path_factory.mktemp("calm") / "out"
    generate(parse_recipe(recipe_text(), "test.yaml"), path, plain())
    return path


def content(folder: Path) -> dict[str, str]:
    """File name -> sha256, the logs of runs left out."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture
def assert_survived(recipe: Recipe, calm: Path) -> Callable[..., None]:
    """The invariant: verify finds whole shards only, and a resumed run ends with the bytes of an undisturbed one."""

    def check(out: Path, reference: Path = calm, using: Recipe = recipe) -> None:
        for problem in verify(out, deep=True, factory="pipeline_fakes:open_plain").problems:
            assert "left over from an interrupted run" in problem, problem
        generate(using, out, plain(resume=True))
        assert verify(out, deep=True).sound
        assert content(out) == content(reference)

    return check


@pytest.fixture
def start_run() -> Iterator[Start]:
    """Starts `generate` in a process of its own; options: the text of a GenerateOptions call."""
    runs: list[subprocess.Popen[str]] = []

    def start(out: Path, options: str, text: str | None = None) -> "subprocess.Popen[str]":
        code = _SCRIPT.format(path=IMPORTS, text=text or recipe_text(), out=str(out), options=options)
        run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.poll() is None:
            run.kill()
        run.communicate()


def wait_for_samples(run: "subprocess.Popen[str]", samples: int) -> None:
    """Returns when a started run has reported so many samples."""
    assert run.stdout is not None
    for line in run.stdout:
        if int(line) >= samples:
            return
    raise AssertionError(f"the run ended early: {run.stderr.read() if run.stderr else ''}")
