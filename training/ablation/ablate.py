"""A table from its file to its page: datasets, runs, results."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthgen.core.errors import RecipeError, UsageError
from training.ablation.datasets import make_datasets
from training.ablation.pool import run_all
from training.ablation.results import markdown, table_of
from training.ablation.run import RunOrder, finished, last_words
from training.ablation.table import AblationTable, Budget, cost_of, row_recipe

RUNS, JSON_FILE, PAGE = "runs", "table.json", "table.md"


@dataclass(frozen=True)
class AblationOptions:
    """budget: of the table's; updates, seeds: instead of the budget's; jobs: runs side by side; accelerator: as Fabric
    names it; minutes: after so many, what runs is stopped and the table is written of what is there; rows: these alone.
    """

    budget: str = "smoke"
    updates: int | None = None
    seeds: int | None = None
    jobs: int = 1
    accelerator: str = "cpu"
    minutes: float | None = None
    rows: tuple[str, ...] = ()


def ablate(table: AblationTable, out: Path, options: AblationOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Run what is not done yet of a table, write table.json and table.md into `out`, and give the former's content.

    A run that fails is told of in the table and costs no other; the next call tries it again. Raises RecipeError for
    a table that cannot be run, DatasetError for data that cannot be made, FingerprintError for a folder of another
    budget.
    """
    budget = budget_of(table, options)
    orders = run_orders(table, out, options, budget)
    # The table shows what is done of the other rows, too.
    shown = run_orders(table, out, replace(options, rows=()), budget)
    facts = make_datasets(table.datasets, min(options.jobs, os.cpu_count() or 1), say)
    missing = [order for order in orders if finished(order) is None]
    failed: dict[str, str] = {}
    count = len(orders) - len(missing)
    if count:
        say(f"{count} of {len(orders)} runs are done")

    def ended(order: RunOrder, code: int) -> None:
        nonlocal count
        name = f"{order.row} seed {order.seed}"
        content = finished(order) if not code else None
        if content is None:
            killed = f"killed by signal {-code}; " if code < 0 else ""
            failed[name] = killed + last_words(order)
            say(f"{name} failed: {failed[name]} ({order.folder})")
            return
        count += 1
        first = table.measures[0]
        value = content["measures"].get(first, float("nan"))
        say(f"{count}/{len(orders)} {name}: {first} {value:.4g} ({content['seconds']:.0f} s)")
        save(table, out, budget, shown, failed, facts)

    seconds = None if options.minutes is None else 60 * options.minutes
    if not run_all(missing, options.jobs, ended, seconds):
        say("stopped for lack of time; the same command goes on")
    return save(table, out, budget, shown, failed, facts)


def budget_of(table: AblationTable, options: AblationOptions) -> Budget:
    """The budget, with what the options change. Raises UsageError where the table has none of that name."""
    if options.budget not in table.budgets:
        raise UsageError(f"the table has no budget {options.budget}, but {', '.join(table.budgets)}")
    changes = {"updates": options.updates, "seeds": options.seeds}
    return table.budgets[options.budget].model_copy(update={key: n for key, n in changes.items() if n is not None})


def run_orders(table: AblationTable, out: Path, options: AblationOptions, budget: Budget) -> list[RunOrder]:
    """Runs of all rows, seed by seed, and within a seed the longest first. Raises RecipeError, UsageError."""
    if unknown := set(options.rows) - set(table.rows):
        raise UsageError(f"no row {', '.join(sorted(unknown))}; the table has {', '.join(table.rows)}")
    wanted = {table.rows[name].of or name for name in options.rows} or set(table.rows)
    problems: list[str] = []
    orders: list[RunOrder] = []
    for seed in range(budget.seeds):
        for name, row in table.rows.items():
            if row.of is not None or name not in wanted:
                continue
            try:
                recipe = row_recipe(table, name, seed, budget)
            except RecipeError as error:
                problems += [f"row {name}: {text}" for text in error.problems] if seed == 0 else []
                continue
            if recipe.validation is None:
                raise UsageError(f"row {name}: the recipe names no `validation` to measure it on")
            variants = {
                other: content.options
                for other, content in table.rows.items()
                if content.of == name and content.options
            }
            orders.append(RunOrder(name, seed, out / RUNS / f"{name}-{seed}", recipe, variants, options.accelerator))
    if problems:
        raise RecipeError(problems)
    return sorted(orders, key=lambda order: (order.seed, -cost_of(order.recipe).gradients))


def save(
    table: AblationTable,
    out: Path,
    budget: Budget,
    orders: list[RunOrder],
    failed: dict[str, str],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write the table of what is finished; its content."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for order in orders:
        content = finished(order)
        if content is not None:
            runs.setdefault(order.row, []).append(content)
    text = json.dumps({**table_of(table, budget, runs, failed), "datasets": facts}, indent=1) + "\n"
    result: dict[str, Any] = json.loads(text)
    out.mkdir(parents=True, exist_ok=True)
    for name, written in ((JSON_FILE, text), (PAGE, markdown(result))):
        temporary = out / f".{name}"
        temporary.write_text(written, encoding="utf-8")
        temporary.rename(out / name)
    return result
