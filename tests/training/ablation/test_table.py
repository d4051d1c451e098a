"""Tables as data: the shipped ones, what is refused, and how a budget becomes steps."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from synthgen.core.errors import RecipeError, UsageError
from training.ablation.ablate import AblationOptions, budget_of, run_orders
from training.ablation.results import markdown, table_of
from training.ablation.table import AblationTable, Budget, cost_of, load_table, row_recipe

ROOT = Path(__file__).resolve().parents[3]
TABLES = sorted((ROOT / "training" / "ablations").glob("*.yaml"))
COMPACT = str(ROOT / "training" / "recipes" / "tddfa_v2" / "compact.yaml")


def table(**changes: Any) -> AblationTable:
    """Two rows of their own, and one of the runs of another."""
    content = {
        "title": "A table",
        "source": "A paper",
        "recipe": COMPACT,
        "datasets": {},
        "measures": ["nme", "face_iou"],
        "higher": ["face_iou"],
        "percent": ["nme"],
        "budgets": {"smoke": {"updates": 100, "seeds": 2}},
        "rows": {
            "plain": {"title": "plain", "set": ["options.loss=vdc"], "paper": {"set": 4.5}},
            "meta": {"title": "meta", "set": ["options.loss=meta", "options.look_ahead=10"]},
            "head": {"title": "its head", "of": "plain", "measures": {"nme": "nme_head"}},
        },
        "claims": [{"better": "plain", "than": "meta", "says": "plain is better"}],
    }
    return AblationTable.model_validate(content | changes)


def test_there_are_tables_of_every_method() -> None:
    methods = {path.name.split("_")[0] for path in TABLES}
    assert methods == {"anisotropic", "dal2d", "densereg", "dfc", "tddfa"}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_shipped_tables_can_be_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # paths in tables belong to the current folder
    loaded = load_table(path)
    assert set(loaded.budgets) == {"smoke", "full"} and loaded.budgets["full"].seeds >= 3
    text = path.read_text(encoding="utf-8")
    assert f"# Command: python -m training ablate training/ablations/{path.name}" in text and "# Purpose:" in text
    for order in loaded.datasets.values():
        assert Path(order.recipe).is_file()
    for name in loaded.budgets:
        for order in run_orders(
            loaded, Path("out"), AblationOptions(), budget_of(loaded, AblationOptions(budget=name))
        ):
            folders = {order.recipe.validation, *(stage.data for stage in order.recipe.stages.values())}
            assert folders <= set(loaded.datasets)


def test_rows_take_equal_updates() -> None:
    budget = Budget(updates=100, seeds=2, evaluations=4)
    plain, meta = (row_recipe(table(), name, 1, budget) for name in ("plain", "meta"))
    assert plain.stages["training"].steps == 100 and plain.evaluate_every == 25 and plain.seed == 1
    assert meta.stages["training"].steps == 10  # of k = 10 updates each
    assert (cost_of(plain).updates, cost_of(plain).gradients, cost_of(plain).samples) == (100, 100, 3200)
    assert (cost_of(meta).updates, cost_of(meta).gradients, cost_of(meta).samples) == (100, 200, 10 * 11 * 32)


def test_stages_share_the_updates_as_in_the_recipe() -> None:
    second = "{data: out/x, steps: 500, options: {loss: vdc}, optimizer: {learning_rate: 1e-3}}"
    rows = {"two": {"title": "two", "set": ["options.loss=fwpdc", "stages.training.steps=1500", f"stages.b={second}"]}}
    stages = row_recipe(table(rows=rows, claims=[]), "two", 0, Budget(updates=200, seeds=1)).stages
    assert {name: stage.steps for name, stage in stages.items()} == {"training": 150, "b": 50}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": {"a": {"title": "a", "of": "b"}}, "claims": []}, "is of b, which is no row"),
        ({"rows": {"a": {"title": "a", "options": {"x": 1}}}, "claims": []}, "belong to a row `of`"),
        ({"claims": [{"better": "plain", "than": "other", "says": ""}]}, "other, which is no row"),
        ({"claims": [{"better": "plain", "than": "meta", "says": "", "measure": "x"}]}, "x, which is no measure"),
        ({"higher": ["height"]}, "height are no measures"),
    ],
)
def test_tables_that_make_no_sense(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        table(**changes)


def test_orders_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="no budget huge, but smoke"):
        budget_of(table(), AblationOptions(budget="huge"))
    budget = Budget(updates=1, seeds=2)
    with pytest.raises(UsageError, match="no row other; the table has plain, meta, head"):
        run_orders(table(), Path("out"), AblationOptions(rows=("other",)), budget)
    rows = {"bad": {"title": "bad", "set": ["options.widht=1"]}}
    with pytest.raises(RecipeError, match="row bad: tddfa_v2: options.widht: Extra inputs"):
        run_orders(table(rows=rows, claims=[]), Path("out"), AblationOptions(), budget)


def test_a_page_by_hand() -> None:
    def run(nme: float, **more: float) -> dict[str, Any]:
        cost = {"updates": 100, "gradients": 100, "samples": 3200}
        measures = {"nme": nme, **more}
        return {"measures": measures, "cost": cost, "seconds": 90.0, "loading_s": 1.0, "step_s": 3.0}

    runs = {"plain": [run(0.04, nme_head=0.05), run(0.05, nme_head=0.07)], "meta": [run(0.08), run(0.081)]}
    content = table_of(table(), Budget(updates=100, seeds=2), runs, {"meta seed 2": "out of memory"})
    assert content["rows"]["plain"]["loading_share"] == [0.25, 0.25]
    assert content["claims"][0]["verdict"] == "better" and content["claims"][0]["gap"] == pytest.approx(3.55)
    page = markdown(content)
    assert "| plain | 4.5 ± 1 |  | 4.5 | 100 | 100 | 3200 | 1.5 | 2 |" in page
    assert "| its head | 6 ± 2 |  |  |  |  |  |  | 2 |" in page
    assert "| plain is better | nme, % | 3.55 | 1 | no difference (2 seeds hint at better) |  |" in page
    assert "Failed: meta seed 2: out of memory" in page and "With fewer than 3 seeds" in page
    runs = {name: [*found, found[-1]] for name, found in runs.items()}
    assert "| better (3 seeds) |" in markdown(table_of(table(), Budget(updates=100, seeds=3), runs, {}))
