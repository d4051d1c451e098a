"""Run logs are summed; what is damaged is counted and never an error."""

import json
from pathlib import Path

import pytest

from synthgen.report.run_log import LONGEST_LINE, listed, read_run_history

EVENTS = [
    {"event": "start", "recipe": "r", "workers": 4, "host": "h", "versions": {}},
    {"event": "shard", "shard": 0, "samples": 10, "bytes": 5, "seconds": {"render": 1.5, "write": 0.25}, "attempt": 0},
    {"event": "failed", "shard": 1, "attempt": 0, "reason": "killed"},
    {"event": "restart", "reason": "killed"},
    {"event": "shard", "shard": 1, "samples": 10, "bytes": 5, "seconds": {"render": 0.5}, "attempt": 1},
    {"event": "quarantined", "shard": 7, "start": 70, "stop": 80, "reason": "checks", "command": "do"},
    {"event": "heartbeat"},
    {"event": "end", "built_samples": 20, "seconds": 9.0},
]


def write_log(folder: Path, *lines: object, name: str = "a.jsonl") -> None:
    (folder / "runs").mkdir(exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "runs" / name).write_text("\n".join(texts) + "\n")


def test_sums_over_all_logs(tmp_path: Path) -> None:
    write_log(tmp_path, *EVENTS)
    write_log(tmp_path, {"event": "start", "workers": 2}, EVENTS[1], name="b.jsonl")  # one that was killed
    history = read_run_history(tmp_path)
    assert (history.files, history.runs, history.ended, history.workers) == (2, 2, 1, 4)
    assert (history.shards, history.repeated, history.samples) == (3, 1, 30)
    assert history.stages == {"render": 3.5, "write": 0.5} and history.wall_seconds == 9.0
    assert history.failures == {"killed": 1} and history.restarts == {"killed": 1}
    assert history.other_events == {"heartbeat": 1} and history.damaged == 0
    assert listed(history) == [{"shard": 7, "start": 70, "stop": 80, "reason": "checks", "command": "do"}]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "sha', "[]", "7", "null", "{}", "\x00\x00", '{"event": "shard"}', "[" * 5000,
        '{"event": "shard", "shard": 0, "samples": -1, "seconds": {}}',
        '{"event": "shard", "shard": 0, "samples": 1, "seconds": {"render": NaN}}',
        '{"event": "shard", "shard": 0, "samples": 1, "seconds": [1]}',
        '{"event": "end", "seconds": "long"}', '{"event": "start", "workers": 1.5}',
        '{"event": "quarantined", "shard": true, "start": 0, "stop": 1}',
    ],
)  # fmt: skip
def test_damaged_lines_change_nothing_else(tmp_path: Path, line: str) -> None:
    write_log(tmp_path, *EVENTS)
    whole = read_run_history(tmp_path)
    write_log(tmp_path, *EVENTS[:3], line, *EVENTS[3:])
    history = read_run_history(tmp_path)
    assert history.damaged == 1
    history.damaged = 0
    assert history == whole


def test_a_line_without_end_is_not_read_at_once(tmp_path: Path) -> None:
    write_log(tmp_path, "x" * (3 * LONGEST_LINE), EVENTS[1])
    history = read_run_history(tmp_path)
    assert history.samples == 10 and history.damaged >= 3


def test_the_quarantine_file_has_the_last_word(tmp_path: Path) -> None:
    write_log(tmp_path, *EVENTS)
    shards = [{"shard": 2, "start": 20, "stop": 30, "reason": "again", "command": "c"}, {"shard": "x"}]
    (tmp_path / "quarantine.json").write_text(json.dumps({"shards": shards}))
    history = read_run_history(tmp_path)
    assert [entry["shard"] for entry in listed(history)] == [2] and history.damaged == 1
    (tmp_path / "quarantine.json").write_text("{")
    assert read_run_history(tmp_path).quarantined.keys() == {7}


def test_no_logs_are_a_history_too(tmp_path: Path) -> None:
    history = read_run_history(tmp_path)
    assert history.files == history.damaged == history.runs == 0 and not history.stages
