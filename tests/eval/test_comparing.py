import json
from pathlib import Path

import numpy as np
import pytest

from eval.comparing import differences, over_runs, read_saved
from eval.protocol import Number, Result, SampleErrors, as_json
from synthgen.core.errors import UsageError

RANDOM = np.random.default_rng(2)
IDS = tuple(f"face{row}" for row in range(40))
ERRORS = RANDOM.gamma(2, 1.5, 40)


def save(path: Path, values: np.ndarray, ids: tuple[str, ...] = IDS, **changes: object) -> Path:
    errors = SampleErrors("all", ids, values, clusters=changes.pop("clusters", ()))  # type: ignore[arg-type]
    number = Number("all", "NME", float(values.mean()), "%", 1.0, 2.0, len(ids))
    result = Result(str(changes.get("protocol", "w300")), "300W", (number,), (errors,), ("A note.",))
    path.write_text(json.dumps(as_json(result)))
    return path


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    saved = read_saved(save(tmp_path / "a.json", ERRORS))
    assert saved.protocol == "w300" and saved.errors[0].ids == IDS
    np.testing.assert_array_equal(saved.errors[0].values, ERRORS)
    assert saved.numbers[0].value == ERRORS.mean()


def test_differences_are_paired_by_id(tmp_path: Path) -> None:
    """A constant gain of 0.1 is certain when paired, whatever the order, and invisible when not."""
    order = RANDOM.permutation(40)
    first = read_saved(save(tmp_path / "a.json", ERRORS))
    second = read_saved(save(tmp_path / "b.json", ERRORS[order] + 0.1, tuple(IDS[row] for row in order)))
    (found,) = differences(first, second)
    assert (found.difference, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p < 0.001 and found.count == 40


def test_no_difference_is_not_significant(tmp_path: Path) -> None:
    first = read_saved(save(tmp_path / "a.json", ERRORS))
    second = read_saved(save(tmp_path / "b.json", ERRORS + RANDOM.permutation(np.repeat([-1.0, 1.0], 20))))
    (found,) = differences(first, second)
    assert found.low < 0 < found.high and found.p == 1.0


def test_frames_of_a_video_are_not_independent(tmp_path: Path) -> None:
    change = np.repeat([1.0, 1.0, 1.0, -0.2], 10)
    videos = tuple(np.repeat(list("abcd"), 10))
    pairs = [
        (save(tmp_path / f"a{k}.json", ERRORS, clusters=c), save(tmp_path / f"b{k}.json", ERRORS + change, clusters=c))
        for k, c in enumerate(((), videos))
    ]
    alone, together = (differences(read_saved(a), read_saved(b))[0] for a, b in pairs)
    assert alone.p < 0.001 < 0.1 < together.p
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_other_samples_need_a_choice(tmp_path: Path) -> None:
    first = read_saved(save(tmp_path / "a.json", ERRORS))
    second = read_saved(save(tmp_path / "b.json", ERRORS[:30], IDS[:30]))
    with pytest.raises(UsageError, match="has 40 samples.*30, 30 of them shared.*--common"):
        differences(first, second)
    assert differences(first, second, common=True)[0].count == 30
    third = read_saved(save(tmp_path / "c.json", ERRORS[:2], ("x", "y")))
    with pytest.raises(UsageError, match="share no sample"):
        differences(first, third, common=True)


def test_other_protocols_cannot_be_compared(tmp_path: Path) -> None:
    first = read_saved(save(tmp_path / "a.json", ERRORS))
    second = read_saved(save(tmp_path / "b.json", ERRORS, protocol="wflw"))
    with pytest.raises(UsageError, match="different protocols: w300, wflw"):
        differences(first, second)


def test_runs(tmp_path: Path) -> None:
    saved = [read_saved(save(tmp_path / f"{k}.json", ERRORS + k)) for k in range(3)]
    ((number, deviation),) = over_runs(saved)
    assert number.value == pytest.approx(ERRORS.mean() + 1.0) and deviation == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "synthgen-eval-1"}', "\x00"])
def test_files_that_are_no_result(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UsageError, match="a.json"):
        read_saved(tmp_path / "a.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_saved(tmp_path / "none.json")


def test_runs_on_other_samples_and_errors_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    first = save(tmp_path / "a.json", ERRORS)
    fewer = save(tmp_path / "b.json", ERRORS[:30], IDS[:30])
    with pytest.raises(UsageError, match="scored on 30 and 40 samples"):
        over_runs([read_saved(first), read_saved(fewer)])
    content = json.loads(first.read_text())
    content["errors"][0]["values"][3] = None
    first.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="damaged result .*no number"):
        read_saved(first)
