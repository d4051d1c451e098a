from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.alignment.fit_landmarks import (
    CameraModel,
    LandmarkFitOptions,
    LandmarkFits,
    fit_landmarks,
    open_landmark_fitter,
)
from synthgen.core.errors import ModelError, UsageError
from synthgen.morphable.model import MorphableModel
from tests.alignment.head_photos import FOCAL, HeadPhotos, angle_between_deg, draw_heads, vertex_error_mm

MARCHED = LandmarkFitOptions(jaw="marched")
CAMERAS = {
    "scaled_orthographic": CameraModel(),
    "perspective": CameraModel("perspective", focal_px=FOCAL),
}


def damaged(photos: HeadPhotos, noise: float, outliers: float, missing: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(11)
    points = photos.points + noise * rng.standard_normal(photos.points.shape)
    gross = rng.random(points.shape[:2]) < outliers
    points = np.where(gross[..., None], points + rng.uniform(-80, 80, points.shape), points)
    return np.where((rng.random(points.shape[:2]) < missing)[..., None], np.nan, points)


def distance_to_truth(fits: LandmarkFits, photos: HeadPhotos) -> NDArray[np.float64]:
    return np.linalg.norm(fits.landmarks - photos.points, axis=-1)


# case: yaws, noise px, outliers, missing; bounds: degrees median and largest, px median, share of the mean head's
# vertex error that is left. Bounds are about 1.5 times what is measured.
SYNTHETIC = {
    "exact": ((-45, 45), (0.0, 0.0, 0.0), (2.4, 5.0, 0.8, 0.65)),
    "noise": ((-45, 45), (1.0, 0.0, 0.0), (2.4, 5.0, 1.1, 0.70)),
    "outliers": ((-45, 45), (1.0, 0.2, 0.0), (2.6, 6.0, 1.4, 0.75)),
    "missing": ((-45, 45), (1.0, 0.0, 0.3), (2.6, 6.0, 1.4, 0.75)),
    "profile": ((50, 80), (1.0, 0.0, 0.0), (1.2, 4.0, 1.1, 0.70)),
}


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("case", SYNTHETIC)
def test_known_heads_are_found(any_model: MorphableModel, camera: str, case: str) -> None:
    yaws, damage, (degrees, most_degrees, pixels, left) = SYNTHETIC[case]
    yaw = np.linspace(*yaws, 16) * np.where(np.arange(16) % 2, 1, -1)
    photos = draw_heads(any_model, yaw, seed=3, perspective=camera == "perspective")
    fits = fit_landmarks(
        open_landmark_fitter(any_model, MARCHED), damaged(photos, *damage), photos.sizes, CAMERAS[camera]
    )
    angle = angle_between_deg(fits.rotation, photos.rotation)
    assert np.median(angle) < degrees
    assert angle.max() < most_degrees
    assert np.median(distance_to_truth(fits, photos)) < pixels
    zero = (np.zeros_like(fits.identity), np.zeros_like(fits.expression))
    error = vertex_error_mm(any_model, (fits.identity, fits.expression), photos)
    assert error.mean() < left * vertex_error_mm(any_model, zero, photos).mean()
    assert fits.converged.all()


def test_exact_points_and_little_noise_give_the_head_itself(builtin: MorphableModel) -> None:
    photos = draw_heads(builtin, np.linspace(-30, 30, 12), seed=5, marched=False)
    fitter = open_landmark_fitter(builtin, LandmarkFitOptions(jaw="fixed", noise_mm=0.1))
    fits = fit_landmarks(fitter, photos.points, photos.sizes)
    assert np.median(distance_to_truth(fits, photos)) < 0.05
    assert angle_between_deg(fits.rotation, photos.rotation).max() < 0.8
    assert vertex_error_mm(builtin, (fits.identity, fits.expression), photos).mean() < 0.6


def test_any_roll(builtin: MorphableModel) -> None:
    photos = draw_heads(builtin, np.linspace(-85, 85, 16), seed=6, roll_deg=180)
    fits = fit_landmarks(open_landmark_fitter(builtin, MARCHED), damaged(photos, 1.0, 0.2, 0.0), photos.sizes)
    assert angle_between_deg(fits.rotation, photos.rotation).max() < 6.0


def test_sixteen_points_are_enough(builtin: MorphableModel) -> None:
    # What AFLW's 21 have in common with iBUG's 68: brows, eye corners, nose, mouth corners, chin.
    subset = [17, 19, 21, 22, 24, 26, 36, 39, 42, 45, 31, 30, 35, 48, 54, 8]
    photos = draw_heads(builtin, np.linspace(-40, 40, 8), seed=7, marched=False)
    points = np.full_like(photos.points, np.nan)
    points[:, subset] = photos.points[:, subset]
    fits = fit_landmarks(open_landmark_fitter(builtin, MARCHED), points, photos.sizes)
    assert angle_between_deg(fits.rotation, photos.rotation).max() < 6.0
    assert np.median(distance_to_truth(fits, photos)) < 3.0
    np.testing.assert_array_equal(np.isnan(fits.residual_px), np.isnan(points[..., 0]))


def test_a_batch_equals_one_by_one(ict: MorphableModel) -> None:
    photos = draw_heads(ict, np.array([-60.0, 0.0, 10.0, 45.0]), seed=8)
    points = damaged(photos, 1.0, 0.1, 0.1)
    fitter = open_landmark_fitter(ict)
    together = fit_landmarks(fitter, points, photos.sizes, CameraModel("perspective", free_focal=True))
    again = fit_landmarks(fitter, points, photos.sizes, CameraModel("perspective", free_focal=True))
    np.testing.assert_array_equal(again.identity, together.identity)
    for row in range(4):
        rows = slice(row, row + 1)
        alone = fit_landmarks(fitter, points[rows], photos.sizes[rows], CameraModel("perspective", free_focal=True))
        for name in ("rotation", "translation", "focal", "identity", "expression", "landmarks"):
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[row], atol=1e-6, err_msg=name)
        assert alone.iterations[0] == together.iterations[row]


@pytest.mark.parametrize("camera", [CameraModel(), CameraModel("perspective")], ids=["orthographic", "perspective"])
def test_the_size_of_the_picture_does_not_matter(builtin: MorphableModel, camera: CameraModel) -> None:
    photos = draw_heads(builtin, np.array([-30.0, 5.0, 70.0]), seed=9)
    points = damaged(photos, 1.0, 0.1, 0.0)
    fitter = open_landmark_fitter(builtin)
    small = fit_landmarks(fitter, points, photos.sizes, camera)
    large = fit_landmarks(fitter, 4 * points, 4 * photos.sizes, camera)
    np.testing.assert_allclose(large.rotation, small.rotation, atol=1e-6)
    np.testing.assert_allclose(large.identity, small.identity, atol=1e-5)
    np.testing.assert_allclose(large.expression, small.expression, atol=1e-5)
    np.testing.assert_allclose(large.focal, 4 * small.focal, rtol=1e-6)
    np.testing.assert_allclose(large.rms_px, 4 * small.rms_px, rtol=1e-5)


def test_a_free_focal_length_moves_towards_the_truth(builtin: MorphableModel) -> None:
    photos = draw_heads(builtin, np.linspace(-50, 50, 12), seed=10, perspective=True)
    camera = CameraModel("perspective", focal_px=2 * FOCAL, free_focal=True, focal_spread=0.7)
    fits = fit_landmarks(open_landmark_fitter(builtin, MARCHED), photos.points, photos.sizes, camera)
    assert np.median(np.abs(np.log(fits.focal / FOCAL))) < 0.6 * np.log(2.0)
    held = fit_landmarks(
        open_landmark_fitter(builtin, MARCHED), photos.points, photos.sizes, replace(camera, free_focal=False)
    )
    np.testing.assert_array_equal(held.focal, np.full(12, 2 * FOCAL))


def test_expressions_in_standard_deviations_have_no_limits(builtin: MorphableModel) -> None:
    model = replace(builtin, expression_unit="stddev", expression_basis=0.5 * builtin.expression_basis)
    photos = draw_heads(model, np.linspace(-30, 30, 8), seed=14, marched=False)
    signed = replace(photos, expression=-2.0 * photos.expression)
    moved = signed.expression - photos.expression
    landmarks = model.template.landmarks["ibug68"]
    corners = model.expression_basis[:, model.template.triangles[landmarks.triangle]]
    shift = np.einsum("ne,ekcd,kc->nkd", moved, corners, landmarks.barycentric)
    # The pictures' scale is not kept: it is that of the drawn points against the drawn head.
    vertices = model.mean + np.tensordot(photos.identity, model.identity_basis, axes=1)
    vertices = vertices + np.tensordot(photos.expression, model.expression_basis, axes=1)
    before = np.einsum("nkcd,kc->nkd", vertices[:, model.template.triangles[landmarks.triangle]], landmarks.barycentric)
    flat = (before @ photos.rotation.transpose(0, 2, 1))[..., :2] * [1, -1]
    scale = np.ptp(photos.points[..., 0], axis=1) / np.ptp(flat[..., 0], axis=1)
    points = photos.points + scale[:, None, None] * (shift @ photos.rotation.transpose(0, 2, 1))[..., :2] * [1, -1]
    fits = fit_landmarks(open_landmark_fitter(model, LandmarkFitOptions(jaw="fixed")), points, photos.sizes)
    assert angle_between_deg(fits.rotation, photos.rotation).max() < 4.0
    assert np.median(np.linalg.norm(fits.landmarks - points, axis=-1)) < 0.8
    assert fits.expression.min() < -0.3


def test_weights_stay_in_their_range_and_few_are_used(ict: MorphableModel) -> None:
    photos = draw_heads(ict, np.linspace(-20, 20, 8), seed=12)
    fits = fit_landmarks(open_landmark_fitter(ict), damaged(photos, 1.0, 0.0, 0.0), photos.sizes)
    low, high = ict.expression_range.T
    assert (fits.expression >= low).all() and (fits.expression <= high).all()
    assert ((fits.expression > 0.02).sum(axis=1) <= 20).all()


def test_eye_distance_does_not_shrink_with_yaw(builtin: MorphableModel) -> None:
    photos = draw_heads(builtin, np.array([0.0, 75.0]), seed=13)
    fits = fit_landmarks(open_landmark_fitter(builtin, MARCHED), photos.points, photos.sizes)
    mean = open_landmark_fitter(builtin).basis.mean
    expected = np.linalg.norm(mean[45] - mean[36]) * fits.focal
    np.testing.assert_allclose(fits.eye_distance_px, expected, rtol=0.15)


def test_wrong_arguments_are_named(builtin: MorphableModel) -> None:
    fitter = open_landmark_fitter(builtin)
    points, sizes = np.zeros((1, 68, 2)), np.full((1, 2), 450)
    with pytest.raises(UsageError, match="fewer than 6"):
        fit_landmarks(fitter, np.where(np.arange(68)[None, :, None] < 5, points, np.nan), sizes)
    with pytest.raises(UsageError, match=r"\(N, 68, 2\)"):
        fit_landmarks(fitter, points[:, :21], sizes)
    with pytest.raises(UsageError, match="focal length"):
        fit_landmarks(fitter, points, sizes, CameraModel("perspective", focal_px=-3.0))
    with pytest.raises(UsageError, match="field of view"):
        fit_landmarks(fitter, points, sizes, CameraModel("perspective", field_of_view_deg=0.0))
    with pytest.raises(UsageError, match="group_weights"):
        open_landmark_fitter(builtin, LandmarkFitOptions(group_weights={"jaw": 1.0}))
    bare = replace(builtin, template=replace(builtin.template, landmarks={}))
    with pytest.raises(ModelError, match="ibug68"):
        open_landmark_fitter(bare)
