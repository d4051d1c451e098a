"""The correspondence rule of dfc, section 3.3: the target pixel with the nearest template coordinate."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synthgen.core.conventions import EMPTY_FLOAT, MATCHABLE, NO_FACE, NO_NEAR_UV
from synthgen.core.errors import UsageError

DFC_THRESHOLD = 0.015


def match_nearest_uv(
    source_uv: torch.Tensor, target_uv: torch.Tensor, threshold: float = DFC_THRESHOLD
) -> tuple[torch.Tensor, torch.Tensor]:
    """flow (N, H, W, 2) float32 px and matchability (N, H, W) uint8 between pictures with known template coordinates.

    source_uv, target_uv: (N, H, W, 2) in [0, 1], NaN without face surface; the two may differ in H and W.
    threshold: uv distance below which two pixels correspond.

    Flow leads from pixel centre to pixel centre, so it is whole pixels; it leads to the nearest pixel also beyond the
    threshold and is NaN only where either picture has no face. Codes: 0 no face here, 1 matchable, 8 nothing within
    the threshold. Occlusion is not considered, as in the paper. Computed on the CPU.

    Raises UsageError for a wrong shape or a threshold that is not positive.
    """
    if source_uv.ndim != 4 or target_uv.ndim != 4 or len(source_uv) != len(target_uv):
        raise UsageError(f"uv must be (N, H, W, 2), got {tuple(source_uv.shape)} and {tuple(target_uv.shape)}")
    if not threshold > 0:
        raise UsageError(f"`threshold` must be positive, got {threshold}")
    pairs = zip(source_uv.cpu().numpy(), target_uv.cpu().numpy(), strict=True)
    matched = [_match_pair(source, target, threshold) for source, target in pairs]
    flow = torch.from_numpy(np.stack([flow for flow, _ in matched]))
    code = torch.from_numpy(np.stack([code for _, code in matched]))
    return flow.to(source_uv.device), code.to(source_uv.device)


def _match_pair(
    source_uv: NDArray[np.float32], target_uv: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    flow = np.full(source_uv.shape, EMPTY_FLOAT, np.float32)
    code = np.full(source_uv.shape[:2], NO_FACE, np.uint8)
    source = np.argwhere(np.isfinite(source_uv).all(axis=-1))  # (P, 2) row, column
    target = np.argwhere(np.isfinite(target_uv).all(axis=-1))
    rows, columns = source.T
    code[rows, columns] = NO_NEAR_UV
    if len(source) == 0 or len(target) == 0:
        return flow, code
    tree = cKDTree(target_uv[target[:, 0], target[:, 1]])
    distance, nearest = tree.query(source_uv[rows, columns])
    flow[rows, columns] = (target[nearest] - source)[:, ::-1]
    code[rows[distance < threshold], columns[distance < threshold]] = MATCHABLE
    return flow, code
