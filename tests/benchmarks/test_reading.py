from pathlib import Path

from benchmarks.reading import measure_reading_of
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe


def test_every_goal_of_reading_has_its_row(tmp_path: Path) -> None:
    recipe = parse_recipe("kind: images\ncount: 4\nsize: [32, 48]\n")
    generate(recipe, tmp_path / "data", GenerateOptions(workers=0, factory="pipeline_fakes:open_plain"))
    figures = {figure.name: figure for figure in measure_reading_of(tmp_path / "data", rounds=1)}
    assert {name: figure.goal for name, figure in figures.items() if figure.goal} == {
        "verify --deep": 1000,
        "read in order, image + 2 labels": 2000,
        "read at random, image + 2 labels": 3000,
    }
    assert all(figure.value > 0 for figure in figures.values())
