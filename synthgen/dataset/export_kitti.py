"""Export to the folders of KITTI 2015: 16-bit PNG flow between pairs of pictures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import MATCHABLE
from synthgen.dataset.layout import between_frames, frame_prefix
from synthgen.dataset.pictures import plain_png
from synthgen.dataset.reader import Dataset

Array = NDArray[Any]

_KITTI_STEPS, _KITTI_ZERO = 64.0, 1 << 15


def write_kitti(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """image_2 with both pictures, flow_occ with all flow, flow_noc with visible flow.

    A clip gives one pair of pictures per stored flow.
    """
    for name in ("image_2", "flow_occ", "flow_noc"):
        (out / name).mkdir()
    view = dataset.with_labels("image", "flow", "matchability")
    for position in positions:
        pairs = list(_picture_pairs(view, view[position]))
        for number, pair in enumerate(pairs, start=dataset.sample_index(position) * len(pairs)):
            first, second = f"{number:09d}_10.png", f"{number:09d}_11.png"
            (out / "image_2" / first).write_bytes(plain_png(pair.source))
            (out / "image_2" / second).write_bytes(plain_png(pair.target))
            known = np.asarray(np.isfinite(pair.flow).all(-1))
            (out / "flow_occ" / first).write_bytes(encode_kitti_flow(pair.flow, known))
            visible = known & (pair.matchability == MATCHABLE)
            (out / "flow_noc" / first).write_bytes(encode_kitti_flow(pair.flow, visible))


def encode_kitti_flow(flow: Array, valid: Array) -> bytes:
    """KITTI 16-bit PNG bytes: dx and dy as 64 v + 2^15, third channel 1 where valid.

    flow: (H, W, 2), px; valid: (H, W) bool; flow beyond +-512 px cannot be written and becomes invalid.
    """
    steps = np.rint(np.nan_to_num(flow, nan=0.0, posinf=1e6, neginf=-1e6) * _KITTI_STEPS) + _KITTI_ZERO
    fits = valid & np.isfinite(flow).all(-1) & (steps >= 0).all(-1) & (steps <= 0xFFFF).all(-1)
    pixels = np.zeros((*valid.shape, 3), np.uint16)
    pixels[fits, :2] = steps[fits].astype(np.uint16)
    pixels[fits, 2] = 1
    return plain_png(pixels)


class _PicturePair(NamedTuple):
    """Two pictures (H, W, 3), the flow (H, W, 2) between them and its reason codes (H, W)."""

    source: Array
    target: Array
    flow: Array
    matchability: Array


def _picture_pairs(dataset: Dataset, arrays: Mapping[str, Array]) -> Iterator[_PicturePair]:
    """Every flow of a sample with the pictures that it leads from and to."""
    layout = dataset.layout
    if layout.kind == "video":
        for start, end in layout.flow_pairs:
            pictures = [arrays[frame_prefix(frame) + "image"] for frame in (start, end)]
            flow, codes = (arrays[between_frames(label, start, end)] for label in ("flow", "matchability"))
            yield _PicturePair(pictures[0], pictures[1], flow, codes)
    elif layout.kind == "fittings":
        yield _PicturePair(arrays["image"], dataset.template.mean_face, arrays["flow"], arrays["matchability"])
    else:
        yield _PicturePair(arrays["source_image"], arrays["target_image"], arrays["flow"], arrays["matchability"])
