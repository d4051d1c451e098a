import itertools

import numpy as np
import pytest

from eval.statistics import (
    bootstrap,
    cluster_sums,
    evaluate,
    interval,
    mean_and_deviation,
    mean_of,
    mean_of_bins,
    sign_flip_test,
)

RANDOM = np.random.default_rng(9)
ERRORS = RANDOM.gamma(2.0, 0.02, 60)
BINS = np.repeat([0, 1, 2], [30, 20, 10])


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_numbers_are_plain_means() -> None:
    used = ERRORS > 0.03
    bins = [ERRORS[number == BINS].mean() for number in range(3)]
    numbers = evaluate([mean_of(ERRORS), mean_of(ERRORS, used), mean_of_bins(ERRORS, BINS, 3),
                        mean_of_bins(ERRORS, BINS, 3, spread=True)])  # fmt: skip
    assert numbers == pytest.approx([ERRORS.mean(), ERRORS[used].mean(), np.mean(bins), np.std(bins)])
    assert np.isnan(evaluate([mean_of_bins(ERRORS, np.zeros(60, int), 3)])).all()


def test_resamples_are_those_of_a_slow_bootstrap() -> None:
    """The same draws, written out: every resample's number from the drawn samples themselves."""
    fast = bootstrap([mean_of(ERRORS), mean_of_bins(ERRORS, BINS, 3)], 40, generator())
    again = generator()
    for row in fast:
        drawn = again.integers(0, len(ERRORS), len(ERRORS), dtype=np.uint32)
        errors, bins = ERRORS[drawn], BINS[drawn]
        assert row[0] == pytest.approx(errors.mean())
        assert row[1] == pytest.approx(np.mean([errors[bins == number].mean() for number in range(3)]))


def test_deviation_of_resamples_is_the_standard_error() -> None:
    values = RANDOM.normal(0, 1, 400)
    resampled = bootstrap([mean_of(values)], 4000, generator())[:, 0]
    assert resampled.std() == pytest.approx(values.std() / 20.0, rel=0.05)
    low, high = interval(resampled[:, None])[:, 0]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20.0, rel=0.07)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap([mean_of(ERRORS)], 30, generator())
    monkeypatch.setattr("eval.statistics._CHUNK_VALUES", 100)
    np.testing.assert_allclose(bootstrap([mean_of(ERRORS)], 30, generator()), whole)


def test_clusters_are_drawn_whole() -> None:
    """Ten copies of six samples: their interval is that of six, not of sixty."""
    six = RANDOM.normal(0, 1, 6)
    copies, clusters = np.repeat(six, 10), np.repeat(np.arange(6), 10)
    clustered = bootstrap([mean_of(copies)], 3000, generator(), clusters)[:, 0]
    alone = bootstrap([mean_of(six)], 3000, generator())[:, 0]
    assert clustered.std() == pytest.approx(alone.std(), rel=0.05)
    assert bootstrap([mean_of(copies)], 3000, generator())[:, 0].std() < 0.5 * clustered.std()


def test_resamples_without_a_bin_have_no_number() -> None:
    bins = np.array([0, 0, 0, 1])
    resampled = bootstrap([mean_of_bins(np.arange(4.0), bins, 2)], 200, generator())[:, 0]
    assert np.isnan(resampled).any() and np.isfinite(resampled).any()
    assert np.isfinite(interval(resampled[:, None])).all()


def test_sign_flips_agree_with_all_of_them() -> None:
    differences = np.array([0.8, 1.1, -0.2, 0.9, 0.4, 1.3, 0.7, -0.1])
    observed = abs(differences.sum())
    every = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    exact = np.mean(np.array(every) >= observed - 1e-9)
    assert sign_flip_test(differences, 20_000, generator()) == pytest.approx(exact, abs=0.005)


def test_sign_flips_of_nothing_and_of_much() -> None:
    assert sign_flip_test(np.zeros(50), 500, generator()) == 1.0
    assert sign_flip_test(np.full(50, 0.3), 500, generator()) == pytest.approx(1 / 501)
    values = [sign_flip_test(RANDOM.normal(0, 1, 30), 400, generator(seed)) for seed in range(200)]
    assert np.mean(np.array(values) < 0.05) < 0.12  # about 5 % of true nulls


def test_cluster_sums_and_runs() -> None:
    assert cluster_sums(np.array([1.0, 2.0, 3.0]), ["b", "a", "b"]).tolist() == [2.0, 4.0]
    assert cluster_sums(np.array([1.0, 2.0]), ()).tolist() == [1.0, 2.0]
    assert mean_and_deviation([3.0, 5.0]) == (4.0, pytest.approx(np.sqrt(2.0)))
    assert np.isnan(mean_and_deviation([3.0])[1])
