"""Each method learns eight samples by heart: what it is trained for falls far below where it began."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.loop import RunOptions, train

CPU = RunOptions(accelerator="cpu")
# method, data, options, steps, rate, measure and how far it must fall
CASES: dict[str, tuple[str, str, dict[str, Any], int, float, str, float]] = {
    "dfc": ("dfc", "pairs", {"widths": [8, 16, 32, 32], "flow_scale": 4.0}, 160, 3e-3, "flow_error_px", 0.55),
    "densereg": ("densereg", "faces", {"depth": 18, "bins": 5, "side": 0}, 25, 2e-3, "error", 0.3),
    # Rare parts come last: the loss falls long before the mean over parts does.
    "segmentation": ("densereg", "faces", {"depth": 18, "head": "segmentation", "side": 0}, 15, 2e-3, "lost_iou", 0.97),
    "tddfa_v2": ("tddfa_v2", "faces", {"width": 0.25, "loss": "fwpdc", "vertices": 200}, 80, 1e-3, "nme", 0.4),
    "tddfa_v2, vdc": ("tddfa_v2", "faces", {"width": 0.25, "loss": "vdc", "vertices": 200}, 80, 1e-3, "nme", 0.5),
    "dal2d": ("dal2d", "faces", {"depth": 18, "consistency": False}, 25, 1e-3, "nme", 0.4),
    "adaptive wing": (
        "anisotropic",
        "faces",
        {"depth": 18, "balance": "none", "loss": "adaptive_wing", "points": 19, "width": 0.5},
        45,
        2e-3,
        "nme",
        0.7,
    ),
    "anisotropic": ("anisotropic", "faces", {"depth": 18, "balance": "none", "scale": 10.0}, 40, 1e-3, "nme", 0.5),
}


@pytest.mark.parametrize("case", list(CASES))
def test_eight_samples_are_learnt(
    case: str, tmp_path: Path, recipe_of: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    method, data, options, steps, rate, measure, share = CASES[case]
    folder = request.getfixturevalue(data)
    before = train(recipe_of(method, folder, 1, 1e-9, options=options), tmp_path / "before", CPU)
    after = train(recipe_of(method, folder, steps, rate, options=options), tmp_path / "after", CPU)
    assert after.measures[measure] < share * before.measures[measure], (before.measures, after.measures)
    lines = [json.loads(line) for line in (tmp_path / "after" / "log.jsonl").read_text().splitlines()]
    losses = [line["total"] for line in lines if "total" in line]
    assert len(losses) == steps and losses[-1] < 0.5 * losses[0]
    assert (tmp_path / "after" / "best" / "weights.safetensors").is_file()
    assert list((tmp_path / "after").glob("tensorboard/events*"))
