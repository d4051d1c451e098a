"""What the runs of a table found, as JSON values and as a page of Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from training.ablation.table import AblationTable, Budget, Row
from training.ablation.verdict import ENOUGH_SEEDS, compare, spread_of

Runs = Mapping[str, Sequence[Mapping[str, Any]]]  # row with runs of its own -> what each finished run found


def row_values(table: AblationTable, name: str, runs: Runs) -> dict[str, list[float]]:
    """Measure -> its value for each finished seed of a row, in the unit that the table shows."""
    row = table.rows[name]
    found: dict[str, list[float]] = {}
    for run in runs.get(row.of or name, ()):
        for measure in table.measures:
            value = _measured(row, name, run).get(row.measures.get(measure, measure))
            if value is not None:
                found.setdefault(measure, []).append(float(value) * (100.0 if measure in table.percent else 1.0))
    return found


def _measured(row: Row, name: str, run: Mapping[str, Any]) -> Mapping[str, float]:
    if row.options:
        found: Mapping[str, float] = run["variants"][name]
    elif row.stage is not None:
        found = run["stages"].get(row.stage, {})
    else:
        found = run["measures"]
    # A row that shows a measure under another name shows no others: they are those of the other row.
    return found if not row.measures else {key: found[key] for key in row.measures.values() if key in found}


def table_of(table: AblationTable, budget: Budget, runs: Runs, failed: Mapping[str, str]) -> dict[str, Any]:
    """The table as JSON values. failed: "row seed" -> why."""
    values = {name: row_values(table, name, runs) for name in table.rows}
    rows = {}
    for name, row in table.rows.items():
        own = runs.get(row.of or name, ())
        rows[name] = {
            "title": row.title,
            "measures": {measure: asdict(spread_of(found)) for measure, found in values[name].items()},
            "paper": dict(row.paper),
            "cost": dict(own[0]["cost"]) if own else None,
            "seconds": [round(run["seconds"], 1) for run in own],
            "loading_share": [round(run["loading_s"] / max(run["loading_s"] + run["step_s"], 1e-9), 3) for run in own],
            "own_runs": row.of is None,
        }
    claims = []
    for claim in table.claims:
        measure = claim.measure or table.measures[0]
        first, second = (values[row].get(measure, []) for row in (claim.better, claim.than))
        result = compare(first, second, measure in table.higher)
        claims.append({**claim.model_dump(), "measure": measure, **asdict(result)})
    return {
        "title": table.title,
        "source": table.source,
        "recipe": table.recipe,
        "set": list(table.set),
        "budget": budget.model_dump(),
        "measures": list(table.measures),
        "higher": list(table.higher),
        "percent": list(table.percent),
        "rows": rows,
        "claims": claims,
        "failed": dict(failed),
        "notes": list(table.notes),
    }


def markdown(content: Mapping[str, Any]) -> str:
    """The page of a table (`table_of`)."""
    budget = content["budget"]
    lines = [f"### {content['title']}", ""]
    lines += [
        f"{content['source']}. Recipe `{content['recipe']}`, {budget['updates']} updates of the weights per row, "
        f"{budget['seeds']} seeds; mean ± (largest − smallest) over the seeds.",
        "",
        *_rows_table(content),
    ]
    if content["claims"]:
        lines += ["", *_claims_table(content)]
    few = [claim for claim in content["claims"] if claim["seeds"] < ENOUGH_SEEDS and claim["verdict"] != "not measured"]
    if few:
        lines += ["", f"With fewer than {ENOUGH_SEEDS} seeds a gap above the spread is a hint, no result."]
    for name, why in content["failed"].items():
        lines += ["", f"Failed: {name}: {why}"]
    for note in content["notes"]:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _rows_table(content: Mapping[str, Any]) -> list[str]:
    papers = list(dict.fromkeys(column for row in content["rows"].values() for column in row["paper"]))
    heads = ["row", *(_head(name, content) for name in content["measures"])]
    heads += [f"paper: {column}" for column in papers] + ["updates", "gradients", "samples seen", "minutes", "seeds"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in content["rows"].values():
        cells = [row["title"]]
        cells += [shown(row["measures"].get(measure)) for measure in content["measures"]]
        cells += [f"{row['paper'][column]:g}" if column in row["paper"] else "" for column in papers]
        if row["own_runs"] and row["cost"]:
            cost, seconds = row["cost"], row["seconds"]
            cells += [str(cost["updates"]), str(cost["gradients"]), str(cost["samples"])]
            cells += [f"{sum(seconds) / len(seconds) / 60:.1f}", str(len(seconds))]
        else:
            cells += ["", "", "", "", str(len(row["seconds"]))]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _head(measure: str, content: Mapping[str, Any]) -> str:
    return measure + (", %" if measure in content["percent"] else "") + (" ↑" if measure in content["higher"] else "")


def _claims_table(content: Mapping[str, Any]) -> list[str]:
    lines = ["| claim | measure | gap | spread | verdict | paper |", "|---|---|---|---|---|---|"]
    for claim in content["claims"]:
        numbers = ["", ""]
        if claim["verdict"] != "not measured":
            numbers = [f"{claim['gap']:.3g}", f"{claim['spread']:.2g}"]
        cells = [claim["says"], _head(claim["measure"], content), *numbers, _verdict(claim), claim["paper"]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _verdict(claim: Mapping[str, Any]) -> str:
    """As the page says it: a difference needs ENOUGH_SEEDS."""
    said, seeds = str(claim["verdict"]), int(claim["seeds"])
    if said in ("better", "worse") and seeds < ENOUGH_SEEDS:
        return f"no difference ({seeds} seeds hint at {said})"
    return f"{said} ({seeds} seeds)" if seeds else said


def shown(spread: Mapping[str, Any] | None) -> str:
    """`0.0312 ± 0.0010`, with three digits that count; empty for nothing."""
    if spread is None:
        return ""
    return f"{spread['mean']:.3g} ± {spread['spread']:.2g}"
