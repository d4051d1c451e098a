"""The synthetic benchmark: the truth has no error, and known changes have known errors."""

from pathlib import Path

import numpy as np
import pytest

from eval.benchmark_bins import light_contrast
from eval.benchmark_scores import score_image
from eval.metrics import box_size, points_box
from eval.protocol import Request, Result
from eval.protocols.synthetic import run
from synthgen.core.errors import DatasetError, SynthgenError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.geometry.rotation import rotation_from_euler


def value(result: Result, metric: str, variant: str = "all") -> float:
    found = [n.value for n in result.numbers if n.variant.startswith(variant) and n.metric.startswith(metric)]
    assert len(found) == 1, [n.key for n in result.numbers]
    return found[0]


def test_the_truth_has_no_error(benchmark: Path, written) -> None:
    result = run(Request(benchmark, predictions=written(benchmark), resamples=20))
    for number in result.numbers:
        if "jaw on the outline" in number.metric:  # another annotation, whose distance is that of the two conventions
            assert number.value > 0.1
            continue
        best = 100.0 if number.metric.startswith(("IoU", "area", "face pixels with")) else 0.0
        assert number.value == pytest.approx(best, abs=2e-4), number.key
        assert f"[{open_dataset(benchmark).fingerprint[:12]} x 16]" in number.variant
        assert number.low is not None and number.low <= number.value <= number.high + 1e-12
    assert result.errors[0].ids == tuple(str(n) for n in range(16))
    assert {
        axis
        for axis in ("|yaw|", "nothing", "even", "strong")
        if any(n.variant.startswith(axis) for n in result.numbers)
    }


def test_known_changes_have_known_errors(benchmark: Path, written) -> None:
    turn = rotation_from_euler(np.radians([0.0, 7.0, 0.0]))

    def change(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        arrays["landmarks_2d"] = arrays["landmarks_2d"] + np.float32([3, 4])
        arrays["uv"] = arrays["uv"] + np.float32([0.03, 0.04])
        arrays["depth"] = arrays["depth"] + 12.0
        arrays["rotation"] = turn @ arrays["rotation"]
        arrays["normals"] = arrays["normals"] * [1, 1, -1]
        arrays["parts"] = np.where(arrays["parts"] == 7, 8, arrays["parts"])
        return arrays

    result = run(Request(benchmark, predictions=written(benchmark, change), resamples=0))
    true = np.stack([sample["landmarks_2d"] for sample in open_dataset(benchmark)])
    expected = (500.0 / box_size(points_box(true.astype(np.float64)))).mean()
    assert value(result, "NME of 68 points over") == pytest.approx(expected, rel=1e-4)
    assert value(result, "NME of the visible") == pytest.approx(expected, rel=1e-4)
    assert value(result, "uv error, median") == pytest.approx(0.05, abs=1e-5)
    assert value(result, "area under ratio") == pytest.approx(50.0, abs=0.01)
    assert value(result, "face pixels within") == 0.0
    assert value(result, "depth error, mean absolute") == pytest.approx(12.0, abs=1e-4)
    assert value(result, "depth error less") == pytest.approx(0.0, abs=1e-4)
    assert value(result, "pose, geodesic") == pytest.approx(7.0, abs=1e-3)
    assert value(result, "IoU, part: nose") == 0.0
    assert value(result, "IoU, part: upper lip") == 100.0
    assert value(result, "normals") > 10.0


def test_bins_partition_the_samples(benchmark: Path, written) -> None:
    result = run(Request(benchmark, predictions=written(benchmark), resamples=0))
    metric = "NME of 68 points over the true box"
    by_bin = [n.count for n in result.numbers if n.metric == metric and n.variant.startswith("|yaw|")]
    assert sum(by_bin) == 16 and len(by_bin) >= 2


def test_pairs_with_a_known_shift(benchmark_pairs: Path, written) -> None:
    def change(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"flow": arrays["flow"] + np.float32([0, 2]), "matchability": arrays["matchability"].astype(np.float32)}

    result = run(Request(benchmark_pairs, predictions=written(benchmark_pairs, change), resamples=10))
    assert value(result, "end-point error of matchable") == pytest.approx(2.0, abs=1e-5)
    for code in (1, 2):
        assert value(result, f"end-point error, code {code}") == pytest.approx(2.0, abs=1e-5)
    assert value(result, "IoU, matchable pixels") == 100.0
    assert value(result, "IoU, code 1") == 100.0
    assert value(result, "end-point error of the affine") > 0.2
    assert result.draw is not None and result.draw("3").shape == (256, 5 * 256, 3)


def test_pictures_show_what_was_predicted(benchmark: Path, written) -> None:
    result = run(Request(benchmark, predictions=written(benchmark), resamples=0))
    assert result.draw is not None
    picture = result.draw("2")
    assert picture.shape == (256, 3 * 256, 3)
    np.testing.assert_array_equal(picture[:, 256:512], picture[:, 512:])  # true and predicted coordinates


@pytest.mark.parametrize("missing", [None, "exclude", "fail"])
def test_samples_without_a_prediction(benchmark: Path, written, missing) -> None:
    def change(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"landmarks_2d": arrays["landmarks_2d"][4:], "ids": np.arange(4, 16)}

    request = Request(benchmark, predictions=written(benchmark, change), missing=missing, resamples=0)
    if missing is None:
        with pytest.raises(UsageError, match="4 of 16 samples have no prediction \\(0, 1, 2, 3\\)"):
            run(request)
        return
    result = run(request)
    expected = 0.0 if missing == "exclude" else 25.0
    assert value(result, "NME of 68 points over") == pytest.approx(expected)
    assert any("4 of 16" in note for note in result.notes)


def test_landmarks_that_a_network_did_not_find_count_as_failures(benchmark: Path) -> None:
    sample = open_dataset(benchmark)[0]
    found = score_image({"landmarks_2d": np.full((68, 2), np.nan)}, sample)
    assert set(found.values.values()) == {1.0} and "landmarks" in found.values


def test_depth_has_no_worst_error(benchmark: Path, written) -> None:
    file = written(benchmark, lambda arrays: {"depth": arrays["depth"][1:], "ids": np.arange(1, 16)})
    with pytest.raises(UsageError, match="no error is the worst"):
        run(Request(benchmark, predictions=file, missing="fail"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: {"landmarks_2d": a["landmarks_2d"].transpose(0, 2, 1)}, "another order"),
        (lambda a: {"landmarks_2d": a["landmarks_2d"][:, :21]}, r"expected \(N, 68, 2\)"),
        (lambda a: {"landmarks": a["landmarks_2d"]}, "holds none of the arrays"),
        (lambda a: {"uv": a["uv"], "extra": a["uv"]}, "unknown arrays extra"),
        (lambda a: {"uv": a["uv"], "landmarks_2d": a["landmarks_2d"][:3]}, "equally many"),
        (lambda a: {"landmarks_2d": a["landmarks_2d"], "ids": np.zeros(16, int)}, "sample 0 is predicted more"),
        (lambda a: {"landmarks_2d": a["landmarks_2d"], "ids": np.zeros(3, int)}, "expected 16 whole numbers"),
        (lambda a: {"landmarks_2d": a["landmarks_2d"].astype(int)}, "expected floats"),
        (lambda a: {"landmarks_2d": a["landmarks_2d"], "ids": np.arange(16) + 100}, "are of no sample"),
        (lambda a: {"landmarks_2d": np.where(a["landmarks_2d"] > 1e9, 0, np.nan)}, "row 0 is not finite"),
        (lambda a: {"rotation": 2 * a["rotation"]}, "orthonormal"),
    ],
)
def test_wrong_predictions_are_refused(benchmark: Path, written, change, expected: str) -> None:
    with pytest.raises(SynthgenError, match=expected):
        run(Request(benchmark, predictions=written(benchmark, change)))


def test_wrong_requests_are_refused(benchmark: Path, benchmark_pairs: Path, written, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of --predictions"):
        run(Request(benchmark))
    with pytest.raises(UsageError, match="flow, matchability"):
        run(Request(benchmark_pairs, predictions=written(benchmark)))
    (tmp_path / "not.npz").write_text("rubbish")
    with pytest.raises(DatasetError, match="expected an .npz file of plain arrays"):
        run(Request(benchmark, predictions=tmp_path / "not.npz"))


def test_a_flash_from_the_side_is_harsher_than_one_from_the_front() -> None:
    frontal, sideways = (light_contrast("builtin", "flash", angle) for angle in (0.0, 90.0))
    assert 1.0 <= frontal < 0.5 * sideways


def test_a_prediction_that_covers_less_says_so(benchmark: Path, written) -> None:
    def change(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        depth = arrays["depth"].copy()
        depth[:, :, 32:] = np.nan
        return {"depth": depth}

    result = run(Request(benchmark, predictions=written(benchmark, change), resamples=0))
    true = np.isfinite(np.stack([sample["depth"] for sample in open_dataset(benchmark)]))
    left = true[:, :, :32].sum(axis=(1, 2)) / true.sum(axis=(1, 2))
    assert value(result, "face pixels with a depth") == pytest.approx(100 * left.mean())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda points: {"landmarks_2d": points[..., ::-1]}, "x and y are exchanged"),
        (lambda points: {"landmarks_2d": points / 64}, "fractions of the picture"),
        (lambda points: {"landmarks_2d": np.concatenate([points, points])}, r"16 of 32 predictions are of no sample"),
        (lambda points: {"landmarks_2d": points, "ids": np.arange(1, 17)}, r"1 of 16 .* of no sample \(16\)"),
    ],
)
def test_predictions_of_something_else_are_refused(benchmark: Path, written, change, words: str) -> None:
    file = written(benchmark, lambda arrays: change(arrays["landmarks_2d"]))
    with pytest.raises(SynthgenError, match=words):
        run(Request(benchmark, predictions=file, resamples=0))
