"""Sweeps over components that are dropped, and over finished runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.__main__ import main
from eval.component_sweep import Faces, component_sweep, faces_of, sorted_expressions
from eval.run_sweep import run_sweep
from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.morphable.model import evaluate_vertices
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import evaluate_points
from synthgen.recipe.sections import ProceduralModel


@pytest.fixture(scope="module")
def model():
    return open_model(ProceduralModel())


def test_nothing_dropped_is_no_error_and_more_kept_is_less(model, benchmark: Path) -> None:
    faces = faces_of(open_dataset(benchmark))
    most = len(model.identity_basis), len(model.expression_basis)
    found = component_sweep(model, faces, (0, 10, most[0]), (0, 5, most[1]))
    assert found.nme[-1, -1] < 1e-6
    assert found.nme[0, -1] > found.nme[1, -1] > 1e-3
    assert found.nme[-1, 0] > found.nme[-1, 1] > 1e-5


def test_the_command_writes_what_it_prints(benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "components.json"
    arguments = ["components", "--data", str(benchmark), "--identity", "0,10", "--expression", "5", "--json", str(file)]
    assert main(arguments) == 0
    content = json.loads(file.read_text())
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [[str(n), f"{100 * row[0]:.3f}"] for n, row in zip((0, 10), content["nme"], strict=True)]
    assert content["dataset"] == open_dataset(benchmark).fingerprint
    assert main(["components", "--data", str(benchmark), "--identity", "ten"]) == 2
    assert "'ten' is not a list of whole numbers" in capsys.readouterr().err


def test_dropped_identity_against_the_model_itself(model) -> None:
    random = np.random.default_rng(0)
    count = len(model.identity_basis)
    identity, expression = random.standard_normal((4, count)), np.zeros((4, len(model.expression_basis)))
    pose = np.broadcast_to(np.array([[0.5, 0, 0], [0, -0.5, 0]]), (4, 2, 3))
    found = component_sweep(model, Faces(identity, expression, pose), (7,), (len(model.expression_basis),))
    points = [
        evaluate_points(
            model.template.landmarks["ibug68"], model.template.triangles, evaluate_vertices(model, some, expression)
        )[..., :2].astype(np.float64)
        for some in (identity, np.where(np.arange(count) < 7, identity, 0))
    ]
    side = np.sqrt(np.ptp(points[0], axis=1).prod(axis=-1))
    expected = (np.linalg.norm(points[0] - points[1], axis=-1).mean(axis=1) / side).mean()
    assert found.nme[0, 0] == pytest.approx(expected, rel=1e-5)


def test_expressions_are_rebuilt_from_their_components(model) -> None:
    expression = np.random.default_rng(1).random((30, len(model.expression_basis)))
    axes, scores, middle = sorted_expressions(model, expression)
    np.testing.assert_allclose(middle + scores @ axes, expression, atol=1e-9)
    spread = scores.std(axis=0)
    if model.expression_unit == "weight":
        assert (np.diff(spread) <= 1e-9 * spread[0]).all()


def test_too_many_components_are_refused(model, benchmark: Path) -> None:
    with pytest.raises(UsageError, match="identity and"):
        component_sweep(model, faces_of(open_dataset(benchmark)), (4000,), (1,))


def run(folder: Path, method: str, options: dict, measures: dict) -> Path:
    (folder / "best").mkdir(parents=True)
    state = {"recipe": {"method": method}, "method": {"options": options}, "measures": measures}
    (folder / "best" / "state.json").write_text(json.dumps(state))
    return folder


def test_runs_are_sorted_by_their_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [run(tmp_path / str(bins), "densereg", {"bins": bins}, {"error": 1 / bins}) for bins in (20, 1, 10)]
    found = run_sweep(runs, ["bins"], "error")
    assert [(point.options["bins"], point.value) for point in found] == [(1, 1.0), (10, 0.1), (20, 0.05)]
    assert main(["run-table", *map(str, runs), "--options", "bins", "--measure", "error"]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [["bins", "error"], ["1", "1"], ["10", "0.1"], ["20", "0.05"]]
    with pytest.raises(UsageError, match="no option along"):
        run_sweep(runs, ["along"], "error")
    with pytest.raises(UsageError, match="no measure nme"):
        run_sweep(runs, ["bins"], "nme")
    with pytest.raises(UsageError, match="cannot be compared"):
        run_sweep([runs[0], run(tmp_path / "other", "dfc", {"bins": 1}, {"error": 1})], ["bins"], "error")
    with pytest.raises(DatasetError, match="no run"):
        run_sweep([tmp_path], ["bins"], "error")
    mixed = run_sweep([runs[0], run(tmp_path / "none", "densereg", {"bins": None}, {"error": 1})], ["bins"], "error")
    assert [point.options["bins"] for point in mixed] == [20, None]
    (runs[0] / "best" / "state.json").write_text('{"recipe": 1, "method": {}}')
    with pytest.raises(DatasetError, match="lacks recipe.method"):
        run_sweep(runs, ["bins"], "error")
