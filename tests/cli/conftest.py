"""A command runner, and a small dataset made with the pipeline's stand-in renderer."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthgen.cli.main import main
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe

FAKE = "pipeline_fakes:open_plain"
IMAGES = "kind: images\ncount: 5\nsize: [32, 48]\nseed: 3\nshard_size: 3\n"
PAIRS = "kind: pairs\ncount: 3\nsize: [32, 48]\nseed: 4\n"


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = stop.value.code
        assert "Traceback" not in captured.err
        return Result(code if isinstance(code, int) else 0, captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def image_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "images"
    generate(parse_recipe(IMAGES), folder, GenerateOptions(workers=0, factory=FAKE))
    return folder


@pytest.fixture(scope="session")
def pair_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "pairs"
    generate(parse_recipe(PAIRS), folder, GenerateOptions(workers=0, factory=FAKE))
    return folder


@pytest.fixture
def fake_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `generate` use the stand-in, in this process."""

    def options(**asked: Any) -> GenerateOptions:
        return GenerateOptions(**asked | {"workers": 0, "factory": FAKE})

    monkeypatch.setattr("synthgen.pipeline.run.GenerateOptions", options)


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(IMAGES)
    return file
