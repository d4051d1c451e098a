import json
from pathlib import Path

import pytest

from benchmarks.figures import Figure, print_table, save_figures
from benchmarks.workload import _stand_ins, bench_recipe
from synthgen.asset_io.backgrounds import BackgroundSpec, open_backgrounds


@pytest.mark.parametrize(
    ("value", "goal", "higher", "ratio"), [(400, 350, True, 400 / 350), (0.5, 0.6, False, 1.2), (1.2, 0.6, False, 0.5)]
)
def test_ratio_is_above_one_when_the_goal_is_reached(value: float, goal: float, higher: bool, ratio: float) -> None:
    assert Figure("x", value, "u", goal, higher).ratio == pytest.approx(ratio)
    assert Figure("x", value, "u").ratio is None


def test_table_marks_a_goal_that_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("title", [Figure("slow", 175, "samples/s", 350), Figure("fast", 700, "samples/s", 350)])
    lines = capsys.readouterr().out.splitlines()
    assert "ratio 0.50 !" in lines[-2] and "goal >= 350" in lines[-2]
    assert "ratio 2.00" in lines[-1] and "!" not in lines[-1]


def test_saved_figures_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "out" / "bench.json"
    save_figures({"raster": [Figure("11k", 0.5, "ms", 0.6, False)]}, {"cpu": "x"}, path)
    stored = json.loads(path.read_text())
    assert stored["sections"]["raster"][0]["ratio"] == pytest.approx(1.2)


@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_the_measured_recipes_load(kind: str) -> None:
    recipe = bench_recipe(kind, "model.resolution=fine")
    assert recipe.kind == kind and recipe.size == (128, 128)


def test_stand_in_backgrounds_are_usable(tmp_path: Path) -> None:
    assert open_backgrounds(BackgroundSpec("folder", str(_stand_ins(tmp_path))), (128, 128)).count == 8
