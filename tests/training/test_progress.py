"""What a bar tells, and learning curves."""

import json
from pathlib import Path

import pytest
from PIL import Image

from synthgen.core.errors import UsageError
from training.curves import averaged, draw_learning_curves, names_of
from training.journal import Journal, read_log
from training.progress import WINDOW, Speed, told, training_progress


def test_speed_by_hand() -> None:
    now = [100.0]
    speed = Speed(lambda: now[0])
    for _ in range(4):
        now[0] += 0.5
        speed.take(32, 0.125)
    assert speed.samples_per_s == 64.0 and speed.loading_share == 0.25
    assert told({"total": 0.03125, "rate": 1e-3}, speed) == "loss 0.03125, rate 0.001, 64 samples/s, 25 % loading"
    for _ in range(WINDOW):  # older steps are forgotten
        now[0] += 0.25
        speed.take(32, 0.0)
    assert speed.samples_per_s == 128.0 and speed.loading_share == 0.0


def test_a_bar_on_a_terminal_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    step = {"total": 0.5, "rate": 0.1, "loading_s": 0.0, "stage": "only"}
    with training_progress(2, True) as report:
        report(1, 8, step)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with training_progress(2, True) as report:
        report(1, 8, step)  # type: ignore[arg-type]
    assert "1/2" in (shown := capsys.readouterr().err) and "loss 0.5, rate 0.1" in shown


def test_means_of_stretches() -> None:
    points = [(float(n), 2.0 * n) for n in range(6)]
    assert averaged(points, 3) == [(0.5, 1.0), (2.5, 5.0), (4.5, 9.0)]
    assert averaged(points, 10) == points


def write_log(folder: Path, steps: int, scale: float) -> None:
    folder.mkdir(parents=True)
    with Journal(folder, True) as journal:
        journal.begin(0)
        for step in range(1, steps + 1):
            journal.step(step, {"stage": "only", "samples": 8 * step, "rate": 0.1, "total": scale / step})
            if step % 2 == 0:
                journal.evaluation(step, {"stage": "only", "nme": scale / step}, None)


def test_curves_of_runs(tmp_path: Path) -> None:
    runs = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    assert names_of(runs) == ["a/run", "b/run"] and names_of(runs[:1]) == ["run"]
    for scale, run in enumerate(runs, start=1):
        write_log(run, 6, scale)
    for across in ("minutes", "samples", "steps"):
        draw_learning_curves(runs, tmp_path / f"{across}.png", across)
        with Image.open(tmp_path / f"{across}.png") as image:
            assert image.size == (1100, 420)  # nme, and the loss
    draw_learning_curves(runs, tmp_path / "one.png", losses=False)
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (760, 420)
    with pytest.raises(UsageError, match="has no log.jsonl"):
        draw_learning_curves([tmp_path], tmp_path / "no.png")
    with pytest.raises(UsageError, match="expected minutes, samples, steps"):
        draw_learning_curves(runs, tmp_path / "no.png", "hours")


def test_a_log_goes_on_after_its_step(tmp_path: Path) -> None:
    """Lines of work that is done again go away; a line that was cut off, too; time goes on."""
    folder = tmp_path / "run"
    write_log(folder, 5, 1.0)
    file = folder / "log.jsonl"
    lines = read_log(file)
    for line in lines:
        line["elapsed_s"] = 100.0 + line["step"]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 6, "tot')
    with Journal(folder, True) as journal:
        journal.begin(3)
        journal.step(4, {"stage": "only", "total": 1.0})
    found = read_log(file)
    assert [line["step"] for line in found] == [1, 2, 2, 3, 4]
    assert found[-1]["elapsed_s"] == pytest.approx(103.0, abs=30) and found[-1]["elapsed_s"] >= 103.0
