"""What a prediction of one sample of the synthetic benchmark is worth: name of a metric -> number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import eval.dense_metrics as dm
from eval.matching import MISSING_ERROR
from eval.metrics import areas, box_size, mean_error, points_box
from synthgen.core.conventions import CAMERA_FROM_WORLD, IGNORED, LANDMARK_VISIBLE, PARTS, REASONS

Arrays = Mapping[str, NDArray[Any]]
UV_LIMIT = 0.1  # to which the area under the ratio of points is taken, in units of the chart
UV_NEAR = 0.02


@dataclass(frozen=True)
class Metric:
    """unit: as it is printed; scale: by which scores are multiplied then; name: in full."""

    name: str
    unit: str
    scale: float = 1.0


IMAGE_METRICS: dict[str, Metric] = {
    "landmarks": Metric("NME of 68 points over the true box", "%", 100.0),
    "landmarks_visible": Metric("NME of the visible points of 68", "%", 100.0),
    "landmarks_contour": Metric("NME of 68 points, jaw on the outline", "%", 100.0),
    "uv_median": Metric("uv error, median over face pixels", ""),
    "uv_mean": Metric("uv error, mean over face pixels", ""),
    "uv_near": Metric(f"face pixels within {UV_NEAR} on the chart", "%", 100.0),
    "uv_area": Metric(f"area under ratio of face pixels to {UV_LIMIT}", "%", 100.0),
    "depth": Metric("depth error less its median offset, mean absolute", "mm"),
    "depth_absolute": Metric("depth error, mean absolute", "mm"),
    "depth_covered": Metric("face pixels with a depth", "%", 100.0),
    "normals": Metric("normals, mean angle", "deg"),
    "normals_covered": Metric("face pixels with a normal", "%", 100.0),
    "pose_geodesic": Metric("pose, geodesic", "deg"),
    "pose_pitch": Metric("pose, pitch (our Euler angles)", "deg"),
    "pose_yaw": Metric("pose, yaw (our Euler angles)", "deg"),
    "pose_roll": Metric("pose, roll (our Euler angles)", "deg"),
    "pose_zhu_pitch": Metric("pose, pitch (300W-LP's Euler angles)", "deg"),
    "pose_zhu_yaw": Metric("pose, yaw (300W-LP's Euler angles)", "deg"),
    "pose_zhu_roll": Metric("pose, roll (300W-LP's Euler angles)", "deg"),
}
FLOW_METRICS: dict[str, Metric] = {
    "flow": Metric("end-point error of matchable pixels", "px"),
    "flow_affine": Metric("end-point error of the affine flow that fits each truth best", "px"),
    **{f"flow_{code}": Metric(f"end-point error, code {code}: {REASONS[code]}", "px") for code in (1, 2, 3, 4, 5, 6)},
}
# What each prediction is scored by; it is asked in this order which of them leads.
NEEDED: dict[str, tuple[str, ...]] = {
    "landmarks_2d": ("landmarks", "landmarks_visible", "landmarks_contour"),
    "uv": ("uv_median", "uv_mean", "uv_near", "uv_area"),
    "depth": ("depth", "depth_absolute", "depth_covered"),
    "normals": ("normals", "normals_covered"),
    "rotation": tuple(name for name in IMAGE_METRICS if name.startswith("pose")),
    "parameters_62": tuple(name for name in IMAGE_METRICS if name.startswith("pose")),
    "flow": tuple(FLOW_METRICS),
}


@dataclass(frozen=True)
class SampleScores:
    """values: metric -> score, absent where the prediction or the sample has no such thing; overlaps: class -> pixels,
    to be summed over samples."""

    values: dict[str, float]
    overlaps: dict[str, dm.Overlap]


def score_image(predicted: Arrays, truth: Arrays) -> SampleScores:
    """Scores of whatever is predicted of a picture. truth: a sample of a dataset of kind `images`."""
    values: dict[str, float] = {}
    if "landmarks_2d" in predicted:
        values |= landmark_scores(predicted["landmarks_2d"], truth)
    if "uv" in predicted:
        distance = dm.uv_distances(predicted["uv"], truth["uv"])
        if len(distance):
            values |= {
                "uv_median": float(np.median(distance)),
                "uv_mean": float(distance.mean()),
                "uv_near": float((distance <= UV_NEAR).mean()),
                "uv_area": float(areas(distance, UV_LIMIT).mean()),
            }
    values |= surface_scores(predicted, truth)
    rotation = predicted_rotation(predicted)
    if rotation is not None:
        values |= pose_scores(rotation, true_rotation(truth["camera_from_world"]))
    overlaps: dict[str, dm.Overlap] = {}
    if "parts" in predicted:
        parts = dm.part_overlaps(predicted["parts"], truth["parts"])
        overlaps |= {f"part: {name.replace('_', ' ')}": one for name, one in zip(PARTS[1:], parts, strict=True)}
    if "uv" in predicted:
        said, true = (np.asarray(np.isfinite(field).all(axis=-1)) for field in (predicted["uv"], truth["uv"]))
        overlaps["face (amodal)"] = dm.mask_overlap(said, true)
    return SampleScores(values, overlaps)


def surface_scores(predicted: Arrays, truth: Arrays) -> dict[str, float]:
    """Errors of depth and normals where both are there, and the share of the true ones that is."""
    values: dict[str, float] = {}
    if "depth" in predicted:
        difference = dm.depth_differences(predicted["depth"], truth["depth"])
        if len(difference):
            values["depth_absolute"] = float(np.abs(difference).mean())
            values["depth"] = float(np.abs(dm.without_offset(difference)).mean())
        if true := int(np.isfinite(truth["depth"]).sum()):
            values["depth_covered"] = len(difference) / true
    if "normals" in predicted:
        angles = dm.normal_angles_deg(predicted["normals"], truth["normals"])
        if len(angles):
            values["normals"] = float(angles.mean())
        if true := int(np.isfinite(truth["normals"]).all(axis=-1).sum()):
            values["normals_covered"] = len(angles) / true
    return values


def score_pair(predicted: Arrays, truth: Arrays, policy: str) -> SampleScores:
    """Scores of flow and matchability of a pair. truth: a sample of a dataset of kind `pairs`."""
    values: dict[str, float] = {}
    overlaps: dict[str, dm.Overlap] = {}
    codes = truth["matchability"]
    known = np.isfinite(truth["flow"]).all(axis=-1) & (codes != IGNORED)
    matchable = dm.has_code(codes, dm.matching_codes(policy)) & known
    if "flow" in predicted and matchable.any():
        values["flow"] = float(dm.endpoint_errors(predicted["flow"], truth["flow"], matchable).mean())
        affine = dm.affine_flow(np.where(known[..., None], truth["flow"], 0.0), matchable)
        values["flow_affine"] = float(dm.endpoint_errors(affine, truth["flow"], matchable).mean())
        for code in (1, 2, 3, 4, 5, 6):
            here = (codes == code) & known
            if here.any():
                values[f"flow_{code}"] = float(dm.endpoint_errors(predicted["flow"], truth["flow"], here).mean())
    if "matchability" in predicted:
        said = np.asarray(predicted["matchability"]) > 0.5
        overlaps["matchable pixels"] = dm.matchable_overlap(said, codes, policy)
        overlaps["face pixels that do not match"] = dm.unmatchable_face_overlap(said, codes, policy)
        for code, overlap in dm.matchability_overlaps(said, codes, policy).items():
            overlaps[f"code {code}: {REASONS[code]}"] = overlap
    return SampleScores(values, overlaps)


def landmark_scores(points: NDArray[np.floating], truth: Arrays) -> dict[str, float]:
    """NME by the root of the area of the true points' box (CONVENTIONS C4), of all points and of the visible ones.

    Points that a network did not find are an error of MISSING_ERROR, as a sample without a prediction is.
    """
    found, true = np.asarray(points, np.float64)[None], truth["landmarks_2d"].astype(np.float64)[None]
    size = box_size(points_box(true))
    values = {"landmarks": float(mean_error(found, true, size)[0])}
    visible = (truth["landmarks_visibility"] == LANDMARK_VISIBLE)[None]
    if visible.any():
        values["landmarks_visible"] = float(mean_error(found, true, size, visible)[0])
    if "landmarks_2d_contour" in truth:
        contour = truth["landmarks_2d_contour"].astype(np.float64)[None]
        values["landmarks_contour"] = float(mean_error(found, contour, box_size(points_box(contour)))[0])
    return values if np.isfinite(found).all() else dict.fromkeys(values, MISSING_ERROR)


def predicted_rotation(predicted: Arrays) -> NDArray[np.float64] | None:
    """(3, 3) of `rotation`, or the nearest one to the f R of `parameters_62`."""
    if "rotation" in predicted:
        return np.asarray(predicted["rotation"], np.float64)
    if "parameters_62" not in predicted:
        return None
    matrix = np.asarray(predicted["parameters_62"], np.float64)[:12].reshape(3, 4)[:, :3]
    rotation: NDArray[np.float64] = dm.nearest_rotations(matrix[None])[0]
    return rotation


def true_rotation(camera_from_world: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3, 3) rotation in world axes of the label camera_from_world (4, 4)."""
    rotation: NDArray[np.float64] = CAMERA_FROM_WORLD @ camera_from_world[:3, :3].astype(np.float64)
    return rotation


def pose_scores(rotation: NDArray[np.floating], truth: NDArray[np.floating]) -> dict[str, float]:
    """Degrees by the geodesic distance and by both Euler conventions."""
    errors = dm.pose_errors(np.asarray(rotation)[None], truth[None])
    names = ("pitch", "yaw", "roll")
    return {
        "pose_geodesic": float(errors.geodesic[0]),
        **{f"pose_{name}": float(value) for name, value in zip(names, errors.euler[0], strict=True)},
        **{f"pose_zhu_{name}": float(value) for name, value in zip(names, errors.zhu[0], strict=True)},
    }
