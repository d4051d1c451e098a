"""`synthgen report` and the numbers it draws from a recipe."""

from pathlib import Path

import numpy as np
from scipy import stats

from synthgen.cli.recipe_draws import DRAWS, draw_from_recipe
from synthgen.recipe.load import parse_recipe
from tests.cli.conftest import Run

BASE = "kind: images\ncount: 1\nsize: [200, 100]\n"


def test_the_command_writes_a_page(run: Run, image_dataset: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    result = run("report", image_dataset, "-o", page, "--samples", 3)
    assert result.code == 0 and result.out.strip() == str(page)
    assert "3 samples shown" in result.err
    assert "drawn again with this recipe" in page.read_text()
    assert run("report", tmp_path / "none", "-o", page).code == 1
    assert run("report", image_dataset, "--samples", 0).code == 2


def test_scale_and_skin_are_drawn_as_the_sampler_draws_them() -> None:
    recipe = parse_recipe(BASE + "pose: {scale: {distribution: uniform, low: 0.5, high: 1}}\n").model_dump(mode="json")
    drawn = draw_from_recipe(recipe)
    scale = drawn.numbers["scale_px_per_mm"]
    assert len(scale) == drawn.draws == DRAWS and drawn.reasons == ()
    # Scale is a share of the height over the side of one box: uniform, its ends one to two.
    assert 1.95 < scale.max() / scale.min() < 2.0
    assert stats.kstest(scale, stats.uniform(scale.max() / 2, scale.max() / 2).cdf).statistic < 0.03
    skin = drawn.numbers["skin_haemoglobin"]
    assert stats.kstest(skin, stats.uniform(0.55, 0.75).cdf).statistic < 0.03
    assert sum(drawn.shares["light"].values()) == 1.0


def test_what_cannot_be_drawn_is_said() -> None:
    recipe = parse_recipe(BASE).model_dump(mode="json")
    drawn = draw_from_recipe(recipe | {"model": {"path": "/nowhere/model.npz"}})
    assert "scale_px_per_mm" not in drawn.numbers and "skin_lips" in drawn.numbers
    assert "/nowhere/model.npz" in drawn.reasons[0]
    assert "another version" in draw_from_recipe(recipe | {"new_key": 1}).reasons[0]


def test_steps_of_clips() -> None:
    clip = "kind: video\ncount: 1\nsize: [32, 32]\nfittings: {path: f.npz}\n"
    motion = "video: {frames: 3, motion: iid, yaw_deg: {distribution: uniform, low: 1, high: 2}}\n"
    drawn = draw_from_recipe(parse_recipe(clip + motion).model_dump(mode="json"))
    steps = drawn.numbers["step_yaw_deg"].reshape(DRAWS, 3)
    assert (steps[:, 0] == 0).all()  # frame 0 is the still
    assert stats.kstest(steps[:, 1], stats.uniform(1, 1).cdf).statistic < 0.03
    assert np.abs(np.corrcoef(steps[:, 1], steps[:, 2])[0, 1]) < 0.1
