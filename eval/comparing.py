"""Two results of one protocol on the same samples, and one number over several runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.protocol import FORMAT, Number, SampleErrors
from eval.scoring import SEED
from eval.statistics import bootstrap, cluster_sums, interval, mean_and_deviation, mean_of, sign_flip_test
from synthgen.core.errors import UsageError

FLIPS = 10_000
RESAMPLES = 2_000


@dataclass(frozen=True)
class Saved:
    """What a file written by --json holds."""

    path: str
    protocol: str
    numbers: tuple[Number, ...]
    errors: tuple[SampleErrors, ...]


@dataclass(frozen=True)
class Difference:
    """A variant's errors of two methods on `count` shared samples. difference: second minus first, with its 95 %
    interval; p: of no difference, by flipping signs."""

    variant: str
    unit: str
    count: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def read_saved(path: Path) -> Saved:
    """A result file. Raises UsageError when it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise UsageError(f"{path}: not a result; expected a file that --json wrote")
        return Saved(
            str(path),
            str(content["protocol"]),
            tuple(_number(entry) for entry in content["numbers"]),
            tuple(_errors(entry) for entry in content["errors"]),
        )
    except OSError as error:
        raise UsageError(f"{path}: the file cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: a damaged result ({error}); expected a file that --json wrote") from error


def _number(entry: dict[str, Any]) -> Number:
    value = float("nan") if entry["value"] is None else float(entry["value"])
    return Number(entry["variant"], entry["metric"], value, entry["unit"], count=entry["count"])


def _errors(entry: dict[str, Any]) -> SampleErrors:
    values = np.asarray(entry["values"], np.float64)
    if len(values) != len(entry["ids"]):
        raise ValueError(f"{entry['variant']}: {len(values)} errors for {len(entry['ids'])} ids")
    if not np.isfinite(values).all():
        raise ValueError(f"{entry['variant']}: an error that is no number")
    return SampleErrors(
        entry["variant"], tuple(entry["ids"]), values, entry["unit"], entry["limit"], tuple(entry["clusters"])
    )


def differences(first: Saved, second: Saved, common: bool = False) -> list[Difference]:
    """Every variant that both have.

    common: compare on the shared samples when the two were scored on different ones.
    Raises UsageError for results of different protocols, without a shared variant, or on different samples.
    """
    _same_protocol([first, second])
    others = {part.variant: part for part in second.errors}
    found = [
        _difference(part, others[part.variant], first, second, common)
        for part in first.errors
        if part.variant in others
    ]
    if not found:
        raise UsageError(f"{first.path} and {second.path} have no variant in common")
    return found


def _difference(one: SampleErrors, two: SampleErrors, first: Saved, second: Saved, common: bool) -> Difference:
    row = {name: number for number, name in enumerate(two.ids)}
    shared = [number for number, name in enumerate(one.ids) if name in row]
    if not common and not len(shared) == len(one.ids) == len(two.ids):
        raise UsageError(
            f"{one.variant}: {first.path} has {len(one.ids)} samples, {second.path} {len(two.ids)}, {len(shared)} of "
            "them shared; score both with the same --missing, or say --common to compare the shared ones"
        )
    if not shared:
        raise UsageError(f"{one.variant}: {first.path} and {second.path} share no sample")
    a = one.values[shared]
    b = two.values[[row[one.ids[number]] for number in shared]]
    clusters = tuple(one.clusters[number] for number in shared) if one.clusters else ()
    numbers = np.unique(np.asarray(clusters), return_inverse=True)[1] if clusters else None
    generator = np.random.Generator(np.random.Philox(SEED))
    bounds = interval(bootstrap([mean_of(b - a)], RESAMPLES, generator, numbers))
    p = sign_flip_test(cluster_sums(b - a, clusters), FLIPS, generator)
    return Difference(
        one.variant, one.unit, len(shared), float(a.mean()), float(b.mean()), float((b - a).mean()),
        float(bounds[0, 0]), float(bounds[1, 0]), p,
    )  # fmt: skip


def over_runs(saved: Sequence[Saved]) -> list[tuple[Number, float]]:
    """(number with the mean over runs, sample standard deviation) of every number that all runs have.

    Raises UsageError for results of different protocols, of other samples, or with nothing in common.
    """
    _same_protocol(saved)
    values: dict[str, list[Number]] = {}
    for result in saved:
        for number in result.numbers:
            values.setdefault(number.key, []).append(number)
    rows = []
    for numbers in values.values():
        if len(numbers) == len(saved):
            _same_count(numbers)
            mean, deviation = mean_and_deviation([number.value for number in numbers])
            first = numbers[0]
            rows.append((Number(first.variant, first.metric, mean, first.unit, count=first.count), deviation))
    if not rows:
        raise UsageError("the results have no number in common")
    return rows


def _same_count(numbers: Sequence[Number]) -> None:
    counts = sorted({number.count for number in numbers})
    if len(counts) > 1:
        raise UsageError(
            f"{numbers[0].key}: the runs were scored on {' and '.join(map(str, counts))} samples; score all on the same"
        )


def _same_protocol(saved: Sequence[Saved]) -> None:
    names = sorted({result.protocol for result in saved})
    if len(names) > 1:
        raise UsageError(f"results of different protocols: {', '.join(names)}")
