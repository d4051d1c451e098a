"""The command line on a small 300W, and what it writes."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from eval.__main__ import main
from eval.protocols.registry import TITLES, load_protocol
from tests.eval.benchmark_files import faces, write_predictions, write_w300

POINTS = faces(14)[0][..., :2]
KEPT = [row for row in range(14) if row % 7 < 5]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("w300")
    ids = write_w300(folder / "300W", POINTS, pictures=True)
    noise = np.random.default_rng(0).normal(0, 3, POINTS.shape)
    return folder / "300W", write_predictions(folder / "mine.npz", ids, (POINTS + noise)[KEPT])


@pytest.fixture(scope="module")
def written(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "new"
    data, predictions = files
    options = [text for kind in ("json", "markdown", "html") for text in (f"--{kind}", str(out / f"r.{kind}"))]
    code = main(["w300", "--data", str(data), "--predictions", str(predictions), "--resamples", "50", *options,
                 "--plots", str(out / "r.svg"), "--name", "mine & <yours>"])  # fmt: skip
    assert code == 0
    return out


def test_json(written: Path, files: tuple[Path, Path]) -> None:
    content = json.loads((written / "r.json").read_text())
    assert content["protocol"] == "w300"
    (errors,) = [part for part in content["errors"] if part["variant"] == "full/inter-ocular"]
    (number,) = [n for n in content["numbers"] if (n["variant"], n["metric"]) == ("full/inter-ocular", "NME")]
    assert number["value"] == pytest.approx(np.mean(errors["values"])) and number["low"] < number["value"]


def test_markdown_has_published_rows_above_ours(written: Path) -> None:
    text = (written / "r.markdown").read_text()
    table = text.split("### anisotropic, Table 1 (Inter-ocular Normalisation)")[1].split("###")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert "| Anisotropic loss * | 2.35 ± 0.15 | 4.05 ± 0.5 | 2.91 ± 0.22 |" in rows
    assert re.fullmatch(r"\| \*\*mine & <yours>\*\* \(here\) \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", rows[-1])
    assert "Comparable? Same data and metric" in table


def test_page_is_self_contained_and_shows_cases(written: Path) -> None:
    page = (written / "r.html").read_text()
    assert "mine &amp; &lt;yours&gt;" in page and "<yours>" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == 6 and all(base64.b64decode(text)[:2] == b"\xff\xd8" for text in pictures)
    worst = [float(x) for x in re.findall(r"<strong>([\d.]+) %</strong>", page)]
    assert worst[:3] == sorted(worst[:3], reverse=True) and worst[3:] == sorted(worst[3:]) and worst[2] >= worst[-1]
    assert "anisotropic, Table 5 (8 %)" in page


def test_plots_are_the_same_bytes_for_the_same_errors(written: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["w300", "--data", str(files[0]), "--predictions", str(files[1]), "--resamples", "0"]
    assert main([*arguments, "--plots", str(tmp_path / "again.svg")]) == 0
    assert (tmp_path / "again.svg").read_bytes() == (written / "r.svg").read_bytes()
    assert main([*arguments, "--plots", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_compare_and_runs(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = str(written / "r.json")
    assert main(["compare", result, result]) == 0
    assert "+0.000" in capsys.readouterr().out
    assert main(["runs", result, result, result]) == 0
    assert "of 3 runs" in capsys.readouterr().out


def test_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["published", "dal2d"]) == 0
    out = capsys.readouterr().out
    assert "dal2d, Table III" in out and "8.67" in out and "tddfa_v2" not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["w300", "--data", "DATA"], "give one of --predictions FILE and --model"),
        (["w300", "--data", "DATA", "--predictions", "P", "--model", "M"], "give one of"),
        (["w300", "--data", "nowhere", "--predictions", "P"], "nowhere: no such folder"),
        (["w300", "--data", "DATA", "--predictions", "none.npz"], "none.npz: the file cannot be read"),
        (["w300", "--data", "DATA", "--predictions", "P", "--missing", "ignore"], "expected fail or exclude"),
        (["w300", "--data", "DATA", "--predictions", "P", "--set", "x=1"], "expected NAME=VALUE with a name of crop"),
        (["w300", "--data", "DATA", "--predictions", "P", "--plots", "a.gif"], "plots are .svg, .png, .pdf"),
        (["w300", "--data", "DATA", "--predictions", "P", "--json", "P/x.json"], "the folder cannot be made"),
        (["w300", "--data", "DATA", "--predictions", "P", "--html", "P/x.html"], "the folder cannot be made"),
        (["w300", "--data", "DATA", "--predictions", "P", "--first-pixel", "7"], "expected 0 or 0.5 or 1"),
        (["w300", "--data", "DATA", "--predictions", "P", "--first-pixel", "nan"], "expected 0 or 0.5 or 1"),
        (["micc", "--data", "DATA", "--predictions", "P", "--model", "M"], "micc takes no --model"),
        (["helen_parts", "--data", "DATA", "--predictions", "P", "--in-order"], "helen_parts takes no --in-order"),
        (["synthetic", "--data", "DATA", "--predictions", "P", "--first-pixel", "0"], "takes no --first-pixel"),
        (["tracking", "--data", "DATA", "--predictions", "P"], "tracking takes no --predictions"),
        (["speed", "--methods", "nobody"], "no network nobody"),
        (["demo", "--models", "nowhere"], "make train-compact"),
        (["published", "nobody"], "no paper 'nobody'"),
        (["compare", "none.json", "none.json"], "none.json: the file cannot be read"),
        (["rubbish"], "No such command"),
        (["w300"], "Missing option"),
    ],
)
def test_mistakes_are_one_message(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    data, file = (str(path) for path in files)
    named = {"DATA": data, "P": file, "P/x.json": f"{file}/x.json", "P/x.html": f"{file}/x.html"}
    assert main([named.get(word, word) for word in arguments]) != 0
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_list_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in TITLES)
    assert main(["aflw2000", "--help"]) == 0
    out = capsys.readouterr().out
    assert "image00002.mat" in out and "--set reannotated" in out and "--first-pixel" in out


@pytest.mark.parametrize("name", sorted(TITLES))
def test_protocols_are_called_what_the_command_line_calls_them(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name and protocol.title and protocol.data and protocol.predictions
