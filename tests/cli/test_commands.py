"""Commands, their output on stdout, and their exit codes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import synthgen
from synthgen.cli import demo
from synthgen.cli.export import Format
from synthgen.cli.main import ASSET_COMMANDS, COMMANDS, MODEL_COMMANDS
from synthgen.dataset.export import FORMATS
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe

Run = Callable[..., Any]


def test_version(run: Run) -> None:
    assert run("--version").out == f"synthgen {synthgen.__version__}\n"


def test_commands_are_those_of_the_readme() -> None:
    photos = {"fit", "labels", "profile", "video", "texture"}
    generation = {
        "demo",
        "validate",
        "preview",
        "generate",
        "status",
        "verify",
        "repair",
        "show",
        "report",
        "export",
        "env",
    }
    assert set(COMMANDS) == generation | photos | {"predict"}
    assert set(MODEL_COMMANDS) == {"import", "info", "preview"}
    assert set(ASSET_COMMANDS) == {"check"}


@pytest.mark.parametrize(
    "command", [*[[name] for name in COMMANDS], *[["model", name] for name in MODEL_COMMANDS], ["assets", "check"]]
)
def test_help_has_an_example(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert f"Examples:\n    synthgen {' '.join(command)}" in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("rubbish",),
        ("generate",),
        ("generate", "missing.yaml"),
        ("generate", "missing.yaml", "-o", "x", "--workers", "0"),
        ("generate", "missing.yaml", "-o", "x", "--device", "gpu"),
        ("export", "x", "--to", "mds", "-o", "y"),
        ("verify", "x", "--relabel", "-1"),
        ("validate",),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert result.err and not result.out


def test_validate_accepts_and_shows(run: Run, recipe_file: Path) -> None:
    result = run("validate", recipe_file)
    assert result.code == 0 and "5 images of 32 x 48" in result.out
    resolved = json.loads(run("validate", recipe_file, "--resolved", "--set", "count=9").out)
    assert resolved["count"] == 9 and resolved["background"]["kind"] == "gray"
    assert "properties" in json.loads(run("validate", "--json-schema").out)


def test_validate_reports_every_problem_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("kind: images\ncount: -3\nsize: [32, 32]\npose: {yaww_deg: 3}\n")
    result = run("validate", file)
    assert result.code == 2 and not result.out
    assert f"{file}:2:" in result.err and f"{file}:4:" in result.err and "yaw_deg" in result.err


@pytest.mark.usefixtures("fake_renderer")
def test_generate_status_verify(run: Run, recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    made = run("generate", recipe_file, "-o", out, "--device", "cpu")
    assert made.code == 0
    assert made.out == f"{out}\n"
    assert "5 of 5 samples" in made.err
    state = json.loads(run("status", out, "--json").out)
    assert state["complete"] and state["samples"] == 5 and state["shards"] == 2
    assert "complete" in run("status", out).out
    assert "5 samples in 2 shards" in run("verify", out, "--deep").out


@pytest.mark.usefixtures("fake_renderer")
def test_generate_refuses_and_resumes(run: Run, recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    assert run("generate", recipe_file, "-o", out, "--device", "cpu").code == 0
    again = run("generate", recipe_file, "-o", out, "--device", "cpu")
    assert again.code == 1 and "--resume" in again.err
    assert "nothing to do" in run("generate", recipe_file, "-o", out, "--resume", "--device", "cpu").err
    other = run("generate", recipe_file, "-o", out, "--resume", "--device", "cpu", "--set", "seed=9")
    assert other.code == 5 and "seed: 3 -> 9" in other.err


@pytest.mark.usefixtures("fake_renderer")
def test_generate_count_and_foreign_folder(run: Run, recipe_file: Path, tmp_path: Path) -> None:
    assert "2 of 2 samples" in run("generate", recipe_file, "-o", tmp_path / "two", "--count", 2, "--device", "cpu").err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    result = run("generate", recipe_file, "-o", tmp_path / "full", "--device", "cpu")
    assert result.code == 1 and "letter.txt" in result.err
    assert [file.name for file in (tmp_path / "full").iterdir() if not file.name.startswith(".")] == ["letter.txt"]


def test_ctrl_c_says_how_to_go_on(run: Run, recipe_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthgen.pipeline.run.generate", interrupted)
    result = run("generate", recipe_file, "-o", tmp_path / "data", "--device", "cpu")
    assert result.code == 130
    assert "--resume" in result.err and not result.out


def test_an_ascii_terminal_does_not_end_a_command(image_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "köpfe"
    shutil.copytree(image_dataset, folder)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "synthgen.cli", "status", str(folder)], env=ascii_only, capture_output=True, check=False
    )
    assert done.returncode == 0 and b"k\\xf6pfe: complete" in done.stdout and not done.stderr


def test_verify_finds_damage(run: Run, image_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(image_dataset, folder)
    shard = sorted(folder.glob("*.tar"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    assert run("verify", folder).code == 0  # sizes and index hashes are still right
    result = run("verify", folder, "--deep")
    assert result.code == 4 and shard.name in result.err
    shard.write_bytes(bytes(data[:-1024]))
    assert run("verify", folder).code == 4
    assert "incomplete" in run("status", folder).out


@pytest.mark.parametrize("command", ["status", "verify"])
def test_no_dataset_is_one_message(run: Run, command: str, tmp_path: Path) -> None:
    result = run(command, tmp_path / "nothing")
    assert result.code == 1
    assert result.err.startswith("error: ") and str(tmp_path / "nothing") in result.err.replace("\n", "")


def test_show_writes_a_sheet_and_plain_files(run: Run, pair_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    result = run("show", pair_dataset, 1, "-o", out)
    assert result.code == 0
    names = {file.name for file in out.iterdir()}
    assert {"000000001.sheet.png", "000000001.flow.npy", "000000001.source_image.png"} <= names
    assert set(result.out.split()) == {str(out / name) for name in names}
    stored = synthgen.open_dataset(pair_dataset)[1]
    np.testing.assert_array_equal(np.load(out / "000000001.flow.npy"), stored["flow"])
    with Image.open(out / "000000001.target_image.png") as image:
        np.testing.assert_array_equal(np.asarray(image), stored["target_image"])


def test_show_without_a_picture_writes_the_plain_files(run: Run, tmp_path: Path) -> None:
    recipe = parse_recipe("kind: images\ncount: 1\nsize: [32, 48]\nlabels: [parameters]\n")
    generate(recipe, tmp_path / "numbers", GenerateOptions(workers=0, factory="pipeline_fakes:open_plain"))
    shown = run("show", tmp_path / "numbers", 0, "-o", tmp_path / "out")
    assert shown.code == 0 and "no sheet" in shown.err
    assert (tmp_path / "out" / "000000000.euler.npy").exists()


def test_show_beyond_the_end(run: Run, pair_dataset: Path, tmp_path: Path) -> None:
    result = run("show", pair_dataset, 3, "-o", tmp_path / "one")
    assert result.code == 2 and "0 to 2" in result.err
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(("to", "files"), [("flo", "*.flo"), ("kitti", "flow_occ/*.png"), ("files", "*.meta.json")])
def test_export(run: Run, pair_dataset: Path, tmp_path: Path, to: str, files: str) -> None:
    result = run("export", pair_dataset, "--to", to, "-o", tmp_path / "copy")
    assert result.code == 0
    assert len(list((tmp_path / "copy").glob(files))) in (3, 6)


def test_export_of_some_labels_and_samples(run: Run, image_dataset: Path, tmp_path: Path) -> None:
    chosen = ("--labels", "image,depth", "--samples", "1:3")
    result = run("export", image_dataset, "--to", "files", "-o", tmp_path / "copy", *chosen)
    assert result.code == 0 and "2 samples" in result.err
    names = sorted(file.name for file in (tmp_path / "copy").iterdir())
    endings = ("depth.npy", "image.png", "meta.json")
    assert names == [f"{index:09d}.{ending}" for index in (1, 2) for ending in endings]
    for wrong in ("7:9", "1-3", "2:2"):
        assert run("export", image_dataset, "--to", "files", "-o", tmp_path / "no", "--samples", wrong).code == 2
    unknown = run("export", image_dataset, "--to", "files", "-o", tmp_path / "no", "--labels", "colour")
    assert unknown.code == 2 and "does not hold colour" in unknown.err
    assert not (tmp_path / "no").exists()


def test_every_format_can_be_asked_for() -> None:
    assert [choice.value for choice in Format] == list(FORMATS)


def test_export_of_labels_that_are_not_there(run: Run, image_dataset: Path, tmp_path: Path) -> None:
    result = run("export", image_dataset, "--to", "flo", "-o", tmp_path / "copy")
    assert result.code == 2 and "flow" in result.err


def test_env_is_json_on_request_and_names_no_machine(run: Run) -> None:
    facts = json.loads(run("env", "--json").out)
    assert facts["synthgen"] == synthgen.__version__ and facts["torch"] != "absent"
    assert "node" not in facts and "user" not in facts


def test_model_import_of_nothing(run: Run, tmp_path: Path) -> None:
    result = run("model", "import", tmp_path / "nothing", "-o", tmp_path / "model.npz")
    assert result.code == 1 and not (tmp_path / "model.npz").exists()


def test_model_info_of_a_damaged_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"PK rubbish")
    result = run("model", "info", tmp_path / "bad.npz")
    assert result.code == 1 and "bad.npz" in result.err


def test_model_info(run: Run, ict_model_path: Path) -> None:
    out = run("model", "info", ict_model_path).out
    assert "ibug68, 68 points" in out and "MIT" in out


@pytest.mark.usefixtures("fake_renderer")
def test_demo_makes_both_datasets_and_their_sheets(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "demo.yaml").write_text("kind: images\ncount: 12\nsize: [32, 48]\n")
    (recipes / "demo_pairs.yaml").write_text("kind: pairs\ncount: 8\nsize: [32, 48]\n")
    monkeypatch.setattr(demo, "RECIPES", recipes)
    out = tmp_path / "out" / "demo"
    for _ in range(2):  # the second time everything is there
        result = run("demo", "-o", out, "--workers", 1)
        assert result.code == 0
        for folder, count in ((out, 12), (tmp_path / "out" / "demo_pairs", 8)):
            assert len(synthgen.open_dataset(folder)) == count
            with Image.open(folder / "contact_sheet.png") as sheet:
                assert sheet.width > 500
            assert str(folder / "contact_sheet.png") in result.out
    assert run("verify", out, "--deep").code == 0  # the sheet inside the folder does no harm
