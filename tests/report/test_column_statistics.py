"""Columns in parts give what NumPy gives for the whole."""

from collections import Counter

import numpy as np
import pyarrow
import pytest

from synthgen.report.column_statistics import (
    MOST_VALUES,
    NumberColumn,
    TextColumn,
    bin_counts,
    joint_counts,
    rows_as_table,
    summarise,
)

RNG = np.random.default_rng(5)
A = np.concatenate([RNG.normal(1e6, 2.0, 700), RNG.normal(1e6 + 5, 1.0, 300)])
LISTS = RNG.uniform(size=(1000, 4))
TEXTS = RNG.choice(["b", "a", ""], 1000).tolist()
HOLES = [None if k % 10 == 0 else float("nan") if k % 10 == 1 else k % 3 for k in range(1000)]


def table() -> pyarrow.Table:
    columns = {"a": A, "lists": list(LISTS), "texts": TEXTS, "holes": HOLES, "whole": np.arange(1000) % 3,
               "yes": (np.arange(1000) % 4 == 0), "nothing": [None] * 1000, "record": [{"x": 1}] * 1000}  # fmt: skip
    whole = pyarrow.table(columns)
    return pyarrow.concat_tables([whole.slice(start, 137) for start in range(0, 1000, 137)])


def test_numbers_far_from_zero() -> None:
    column = summarise(rows_as_table(table()), "a")
    assert isinstance(column, NumberColumn) and column.values is None and not column.is_list
    assert (column.count, column.missing) == (1000, 0)
    np.testing.assert_allclose(
        [column.mean, column.stddev, column.low, column.high], [A.mean(), A.std(), A.min(), A.max()], rtol=1e-9
    )
    edges = np.linspace(A.min(), A.max() + 1e-6, 14)
    np.testing.assert_array_equal(bin_counts(rows_as_table(table()), "a", edges), np.histogram(A, edges)[0])


def test_numbers_beyond_the_edges_are_left_out_and_edges_belong_to_the_right() -> None:
    rows = rows_as_table(pyarrow.table({"x": [0.0, 1.0, 1.0, 2.0, 3.0, -1.0]}))
    assert bin_counts(rows, "x", np.array([0.0, 1.0, 2.0])).tolist() == [1, 2]


def test_lists_count_element_by_element() -> None:
    rows = rows_as_table(table())
    column = summarise(rows, "lists")
    assert isinstance(column, NumberColumn) and column.is_list and column.count == 4000
    np.testing.assert_allclose(column.mean, LISTS.mean())
    edges = np.linspace(0, 1, 9)
    np.testing.assert_array_equal(bin_counts(rows, "lists", edges), np.histogram(LISTS, edges)[0])


def test_few_values_are_counted_one_by_one() -> None:
    rows = rows_as_table(table())
    holes, whole, yes = (summarise(rows, name) for name in ("holes", "whole", "yes"))
    kept = [value for value in HOLES if value is not None and value == value]
    assert isinstance(holes, NumberColumn) and (holes.count, holes.missing) == (800, 200)
    assert holes.values == dict(Counter(map(float, kept)))
    assert isinstance(whole, NumberColumn) and whole.values == {0.0: 334, 1.0: 333, 2.0: 333}
    assert isinstance(yes, NumberColumn) and yes.values == {0.0: 750, 1.0: 250}
    many = summarise(rows_as_table(pyarrow.table({"x": np.arange(MOST_VALUES + 1)})), "x")
    assert isinstance(many, NumberColumn) and many.values is None


def test_texts_and_what_is_neither() -> None:
    rows = rows_as_table(table())
    texts = summarise(rows, "texts")
    assert isinstance(texts, TextColumn) and texts.texts == Counter(TEXTS) and texts.others == 0
    nothing = summarise(rows, "nothing")
    assert isinstance(nothing, NumberColumn) and (nothing.count, nothing.missing) == (0, 1000)
    assert summarise(rows, "record") is None


def test_texts_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthgen.report.column_statistics.MOST_TEXTS", 10)
    column = summarise(rows_as_table(pyarrow.table({"x": [str(k % 50) for k in range(200)]})), "x")
    assert isinstance(column, TextColumn)
    assert (len(column.texts), column.count, column.others) == (10, 200, 160)


def test_two_columns_together() -> None:
    rows = rows_as_table(table())
    edges = (np.array([-0.5, 0.5, 1.5, 2.5]), np.array([-0.5, 0.5, 1.5]))
    expected = np.zeros((3, 2), int)
    for k in range(1000):
        expected[k % 3, int(k % 4 == 0)] += 1
    np.testing.assert_array_equal(joint_counts(rows, ("whole", "yes"), edges), expected)
