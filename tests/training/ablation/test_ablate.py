"""The runner on eight faces: rows, seeds, a row that fails, and going on."""

import json
from pathlib import Path
from typing import Any

import pytest

from synthgen.core.errors import FingerprintError
from training.ablation.ablate import AblationOptions, ablate
from training.ablation.datasets import make_datasets
from training.ablation.table import AblationTable, DataOrder

ROOT = Path(__file__).resolve().parents[3]


def table(faces: Path, rows: dict[str, Any]) -> AblationTable:
    options = "{network: mobilenet_v1, width: 0.25, loss: fwpdc, vertices: 80, landmark_head: true}"
    content = {
        "title": "Two losses",
        "source": "A paper",
        "recipe": str(ROOT / "training" / "recipes" / "tddfa_v2" / "compact.yaml"),
        "set": [f"options={options}", "batch_size=4", f"validation={faces}", f"stages.training.data={faces}"],
        "datasets": {str(faces): {"recipe": str(ROOT / "recipes" / "tddfa_v2" / "compact.yaml"), "count": 8}},
        "measures": ["nme"],
        "budgets": {"smoke": {"updates": 4, "seeds": 2, "evaluations": 2}},
        "rows": rows,
        "claims": [{"better": "vdc", "than": "fwpdc", "says": "VDC is better"}],
    }
    return AblationTable.model_validate(content)


ROWS = {
    "fwpdc": {"title": "fWPDC"},
    "vdc": {"title": "VDC", "set": ["options.loss=vdc"]},
    "early": {"title": "its end", "of": "vdc", "stage": "training"},
    "own": {"title": "as itself", "of": "vdc", "options": {"vertices": 40}},
}


def test_rows_seeds_and_going_on(tmp_path: Path, faces: Path) -> None:
    said: list[str] = []
    options = AblationOptions(jobs=2)
    result = ablate(table(faces, ROWS), tmp_path, options, said.append)
    rows = result["rows"]
    assert not result["failed"] and [len(rows[name]["seconds"]) for name in ROWS] == [2, 2, 2, 2]
    found = {name: rows[name]["measures"]["nme"]["values"] for name in ROWS}
    assert found["vdc"] != found["fwpdc"] and len(set(found["vdc"])) == 2  # seeds differ
    assert found["early"] == found["vdc"]
    # The error of the landmarks does not depend on the vertices that the loss looks at.
    assert found["own"] == pytest.approx(found["vdc"])
    assert result["claims"][0]["verdict"] in ("better", "no difference", "worse")
    assert json.loads((tmp_path / "table.json").read_text()) == result
    assert "| VDC |" in (tmp_path / "table.md").read_text()
    lines = [json.loads(line) for line in (tmp_path / "runs" / "vdc-0" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "evaluation" in line] == [2, 4]
    times = [line["elapsed_s"] for line in lines]
    assert times == sorted(times)

    kept = (tmp_path / "runs" / "vdc-0" / "done.json").read_bytes()
    (tmp_path / "runs" / "fwpdc-1" / "done.json").unlink()
    said.clear()
    again = ablate(table(faces, ROWS), tmp_path, options, said.append)
    assert said[0] == "3 of 4 runs are done" and len(said) == 2
    assert (tmp_path / "runs" / "vdc-0" / "done.json").read_bytes() == kept
    assert again["rows"]["fwpdc"]["measures"] == rows["fwpdc"]["measures"]  # from its last checkpoint

    with pytest.raises(FingerprintError, match="another recipe or budget"):
        ablate(table(faces, ROWS), tmp_path, AblationOptions(updates=6), said.append)


def test_a_row_that_fails_costs_no_other(tmp_path: Path, faces: Path) -> None:
    rows = {**ROWS, "fwpdc": {"title": "too many at once", "set": ["batch_size=9"]}}
    said: list[str] = []
    result = ablate(table(faces, rows), tmp_path, AblationOptions(seeds=1), said.append)
    assert list(result["failed"]) == ["fwpdc seed 0"]
    assert "8 samples to train on, fewer than a batch of 9" in result["failed"]["fwpdc seed 0"]
    assert len(result["rows"]["vdc"]["measures"]["nme"]["values"]) == 1
    assert result["claims"][0]["verdict"] == "not measured"
    assert "Failed: fwpdc seed 0" in (tmp_path / "table.md").read_text()


def test_no_time_no_runs(tmp_path: Path, faces: Path) -> None:
    said: list[str] = []
    result = ablate(table(faces, ROWS), tmp_path, AblationOptions(minutes=0), said.append)
    assert said[-1] == "stopped for lack of time; the same command goes on"
    assert result["rows"]["vdc"]["measures"] == {}


def test_data_are_made_once(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    recipe = str(ROOT / "recipes" / "tddfa_v2" / "compact.yaml")
    orders = {folder: DataOrder(recipe=recipe, count=2, set=("seed=3", "size=[32, 32]"))}
    said: list[str] = []
    facts = make_datasets(orders, 1, said.append)
    assert facts[folder]["samples"] == 2 and len(said) == 1 and "--set seed=3" in said[0]
    assert make_datasets(orders, 1, said.append) == facts and len(said) == 1
