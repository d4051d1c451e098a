"""What a protocol is: the data and predictions it takes, and a result whose every number names its variant."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Missing = Literal["fail", "exclude"]
# What is given to the centre of the first pixel: OpenCV and most networks, this project, MATLAB.
FIRST_PIXELS = (0.0, 0.5, 1.0)
Draw = Callable[[str], NDArray[np.uint8]]


@dataclass(frozen=True)
class Request:
    """What is to be scored.

    data: file or folder of the benchmark as it is released; predictions: file of any system's output, or model: a
    checkpoint folder or ONNX file that makes it; exactly one of the two is there.
    missing: what a sample without a prediction is, None when nobody has chosen (then it is an error).
    first_pixel: what the predictions give to the centre of the first pixel; ours is 0.5.
    in_order: predictions without ids are those of the benchmark's order.
    resamples: of the bootstrap, 0 for no intervals; options: what a protocol takes besides, by name (Protocol.options).
    """

    data: Path
    predictions: Path | None = None
    model: Path | None = None
    missing: Missing | None = None
    first_pixel: float = 0.0
    in_order: bool = False
    resamples: int = 1000
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Number:
    """One number of a result.

    variant: which of the protocol's variants, such as "68 points, 2D, original"; metric: such as "NME [0, 30]";
    unit: "%", "px", "mm", "deg", "ms" or "" for a ratio; low, high: 95 % interval of the bootstrap over samples, None
    without one; count: of samples; note: what a reader must know to compare it.
    """

    variant: str
    metric: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    count: int = 0
    note: str = ""

    @property
    def key(self) -> str:
        """By what columns of published tables name it."""
        return f"{self.variant}: {self.metric}"


@dataclass(frozen=True)
class SampleErrors:
    """The errors behind the numbers of a variant, one a sample, for curves, worst cases and paired tests.

    ids: of the samples; values: (N,) in `unit`, finite; limit: to which a cumulative curve is drawn; clusters: what
    samples belong together (the video of a frame), empty when they are independent.
    """

    variant: str
    ids: tuple[str, ...]
    values: NDArray[np.float64]
    unit: str = "%"
    limit: float = 10.0
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a protocol found.

    errors: the first one ranks the samples; notes: one sentence each, printed with the numbers; draw: id -> picture
    (H, W, 3) uint8 of a sample with what was expected and predicted, None where there is nothing to draw.
    """

    protocol: str
    title: str
    numbers: tuple[Number, ...]
    errors: tuple[SampleErrors, ...] = ()
    notes: tuple[str, ...] = ()
    draw: Draw | None = None


@dataclass(frozen=True)
class Protocol:
    """A benchmark's rules.

    name: on the command line; data, predictions: what each of them is, a sentence for --help; options: name -> what it
    does, given as --set NAME=VALUE; run raises SynthgenError for data or predictions that cannot be scored.
    takes_model, takes_predictions: whether it looks at them; takes_points: whether predictions are points with ids, to
    which Request.first_pixel and in_order apply.
    """

    name: str
    title: str
    data: str
    predictions: str
    run: Callable[[Request], Result]
    options: Mapping[str, str] = field(default_factory=dict)
    takes_model: bool = True
    takes_predictions: bool = True
    takes_points: bool = True


def as_json(result: Result) -> dict[str, Any]:
    """A result as JSON values: what `--json` writes and `compare` reads."""
    return {
        "format": FORMAT,
        "protocol": result.protocol,
        "title": result.title,
        "numbers": [
            {"variant": n.variant, "metric": n.metric, "value": _plain(n.value), "unit": n.unit, "low": _plain(n.low),
             "high": _plain(n.high), "count": n.count, "note": n.note}
            for n in result.numbers
        ],
        "errors": [
            {"variant": e.variant, "unit": e.unit, "limit": e.limit, "ids": list(e.ids), "values": e.values.tolist(),
             "clusters": list(e.clusters)}
            for e in result.errors
        ],
        "notes": list(result.notes),
    }  # fmt: skip


FORMAT = "synthgen-eval-1"


def _plain(value: float | None) -> float | None:
    """JSON has no NaN."""
    return None if value is None or not np.isfinite(value) else float(value)
