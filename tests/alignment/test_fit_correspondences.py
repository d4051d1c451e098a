"""Known heads found again from dense correspondences, exact, noisy and wrong, and problems that have no answer."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentFitter, AlignmentOptions, Pictures, open_alignment
from synthgen.alignment.cameras import CameraModel
from synthgen.alignment.correspondences import Correspondences
from synthgen.alignment.energy import Energy
from synthgen.alignment.fit_correspondences import AlignmentFits, fit_correspondences
from synthgen.alignment.fit_landmarks import LandmarkFitOptions, fit_landmarks, open_landmark_fitter
from synthgen.alignment.flow_points import TargetSurface, matches_of_flow
from synthgen.core.errors import ModelError, UsageError
from synthgen.fittings.fit_flow import FlowFitOptions, chosen_correspondences
from synthgen.fittings.mean_face_surface import mean_face_surface
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points
from tests.alignment.dense_photos import FOCAL, SIDE, DensePhotos, draw_dense
from tests.alignment.head_photos import angle_between_deg

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def target(builtin: MorphableModel) -> TargetSurface:
    return mean_face_surface(builtin, (SIDE, SIDE))


@pytest.fixture(scope="module")
def fitter(builtin: MorphableModel) -> AlignmentFitter:
    return open_alignment(builtin)


def chosen(target: TargetSurface, dense: DensePhotos, backward: bool = False, count: int | None = 1000):  # type: ignore[no-untyped-def]
    flow, code = (dense.backward, dense.code_backward) if backward else (dense.flow, dense.code)
    matches = [matches_of_flow(target, one, mask == 1, backward) for one, mask in zip(flow, code)]
    return chosen_correspondences(target, matches, FlowFitOptions(count=count), np.arange(len(flow)))


def pictures(count: int) -> Pictures:
    return Pictures(np.full((count, 2), SIDE))


def fitted(fitter: AlignmentFitter, found: Correspondences) -> AlignmentFits:
    fits = fit_correspondences(fitter, found, pictures(len(found.unit)))
    assert fits.reason == ("",) * len(found.unit)
    return fits


def with_outliers(found: Correspondences, share: float, seed: int = 3) -> Correspondences:
    """A share of the correspondences leads to uniformly random places of the picture."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(found.weight.shape) < share
    return replace(found, points=np.where(wrong[..., None], rng.uniform(0, SIDE, found.points.shape), found.points))


def with_wrong_patch(found: Correspondences) -> Correspondences:
    """Nine tenths of a square of the picture are displaced together, by 16 px."""
    middle = np.einsum("nkc,nk->nc", found.points, found.weight) / found.weight.sum(axis=1, keepdims=True)
    inside = (np.abs(found.points - middle[:, None] - (8.0, 4.0)) < 18.0).all(axis=-1)
    moved = found.points + np.where(inside, 1.0, 0.0)[..., None] * np.array([12.0, -10.5])
    return replace(found, points=moved)


def with_noise(found: Correspondences, px: float, seed: int = 4) -> Correspondences:
    return replace(found, points=found.points + px * np.random.default_rng(seed).standard_normal(found.points.shape))


def vertex_errors(model: MorphableModel, shape: tuple[Array, Array], dense: DensePhotos) -> Array:
    """(N,) mm, mean distance of label-carrying vertices after the best translation."""
    used = np.unique(model.template.triangles[: model.template.label_count])
    error = np.tensordot(shape[0] - dense.identity, model.identity_basis[:, used], axes=1)
    error = error + np.tensordot(shape[1] - dense.expression, model.expression_basis[:, used], axes=1)
    return np.linalg.norm(error - error.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)


def true_landmarks(model: MorphableModel, dense: DensePhotos) -> Array:
    """(N, 68, 2) px of the fixed surface points, projected by plain formulas."""
    vertices = model.mean + np.tensordot(dense.identity, model.identity_basis, axes=1)
    vertices = vertices + np.tensordot(dense.expression, model.expression_basis, axes=1)
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, vertices)
    camera = points @ dense.rotation.transpose(0, 2, 1) * (1, -1, -1) + dense.translation[:, None]
    return dense.focal[:, None, None] * camera[..., :2] / camera[..., 2:] + dense.principal[:, None]


@pytest.mark.parametrize("backward", [False, True])
def test_exact_flow_gives_the_head_itself(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos, backward: bool
) -> None:
    fits = fitted(fitter, chosen(target, dense, backward))
    # The issue asks for 0.1 degrees; measured 0.02 and 0.04.
    assert angle_between_deg(fits.heads.rotation, dense.rotation).max() < 0.1
    assert vertex_errors(builtin, (fits.identity, fits.expression), dense).max() < 0.15
    np.testing.assert_allclose(fits.heads.focal, FOCAL, rtol=0.01)
    np.testing.assert_allclose(fits.heads.principal, SIDE / 2)  # the picture's centre, as the paper
    assert fits.converged.all() and fits.median_px.max() < 0.02 and fits.rejected.max() < 0.02


def test_thirty_percent_of_random_outliers(fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos) -> None:
    fits = fitted(fitter, with_outliers(chosen(target, dense), 0.3))
    angle = angle_between_deg(fits.heads.rotation, dense.rotation)
    assert angle.max() < 0.3  # the issue asks for 1 degree
    assert 0.2 < fits.rejected.min() <= fits.rejected.max() < 0.4


def test_a_coherent_wrong_patch(fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos) -> None:
    found = chosen(target, dense)
    patched = with_wrong_patch(found)
    moved = (patched.points != found.points).any(axis=-1) & (found.weight > 0)
    assert moved.sum() > 0.1 * (found.weight > 0).sum()
    fits = fitted(fitter, with_outliers(patched, 0.15))
    assert angle_between_deg(fits.heads.rotation, dense.rotation).max() < 0.3


def test_outliers_and_noise(fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos) -> None:
    fits = fitted(fitter, with_outliers(with_noise(chosen(target, dense), 1.0), 0.3))
    angle = angle_between_deg(fits.heads.rotation, dense.rotation)
    assert np.median(angle) < 2.0 and angle.max() < 6.0


def test_scaled_orthographic_cameras(builtin: MorphableModel, target: TargetSurface) -> None:
    dense = draw_dense(np.linspace(-40, 40, 6), seed=2, perspective=False)
    fitter = open_alignment(builtin, AlignmentOptions(CameraModel("scaled_orthographic")))
    for found in (chosen(target, dense), with_outliers(chosen(target, dense), 0.3)):
        fits = fitted(fitter, found)
        assert angle_between_deg(fits.heads.rotation, dense.rotation).max() < 0.1
        np.testing.assert_allclose(fits.heads.focal, dense.focal, rtol=0.005)
        assert vertex_errors(builtin, (fits.identity, fits.expression), dense).max() < 0.2


def test_flow_beats_landmarks(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    """Noise of a pixel of 128 on both: mean vertex error in mm, and the landmarks' NME over the outer eye corners."""
    landmarks = true_landmarks(builtin, dense)
    noisy = landmarks + np.random.default_rng(5).standard_normal(landmarks.shape)
    unit = np.linalg.norm(landmarks[:, 45] - landmarks[:, 36], axis=-1)
    options = LandmarkFitOptions(jaw="fixed", noise_mm=1.8)
    sparse = fit_landmarks(
        open_landmark_fitter(builtin, options), noisy, np.full((len(unit), 2), SIDE), CameraModel("perspective")
    )
    fits = fitted(fitter, with_noise(chosen(target, dense), 1.0))
    found = replace(
        dense, identity=fits.identity, expression=fits.expression, rotation=fits.heads.rotation,
        translation=fits.heads.translation, focal=fits.heads.focal,
    )  # fmt: skip
    errors = {
        "flow": (vertex_errors(builtin, (fits.identity, fits.expression), dense), true_landmarks(builtin, found)),
        "landmarks": (vertex_errors(builtin, (sparse.identity, sparse.expression), dense), sparse.landmarks),
    }
    mm = {name: float(vertex.mean()) for name, (vertex, _) in errors.items()}
    nme = {
        name: float((np.linalg.norm(points - landmarks, axis=-1).mean(axis=1) / unit).mean())
        for name, (_, points) in errors.items()
    }
    print(f"mean vertex error {mm}, NME {nme}")
    assert mm["flow"] < 0.75 * mm["landmarks"] and mm["flow"] < 2.0
    assert nme["flow"] < 0.6 * nme["landmarks"] and nme["flow"] < 0.015


def test_landmarks_are_a_term_of_the_same_energy(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    few = with_noise(chosen(target, dense, count=40), 1.0)
    plain = fitted(fitter, few)
    fixed = open_alignment(builtin, AlignmentOptions(jaw="fixed"))
    points = true_landmarks(builtin, dense)
    points[0, 5] = np.nan
    both = fit_correspondences(fixed, few, replace(pictures(12), landmarks=points))
    assert set(both.energies) == {*plain.energies, "landmarks"}
    before, after = (vertex_errors(builtin, (f.identity, f.expression), dense).mean() for f in (plain, both))
    assert after < 0.9 * before
    off = open_alignment(builtin, AlignmentOptions(energy=Energy(landmarks=0.0)))
    none = fit_correspondences(off, few, replace(pictures(12), landmarks=points))
    np.testing.assert_array_equal(none.identity, plain.identity)


def test_a_batch_equals_one_by_one(fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos) -> None:
    found = with_outliers(with_noise(chosen(target, dense), 0.5), 0.1)
    together, again = fitted(fitter, found), fitted(fitter, found)
    np.testing.assert_array_equal(again.identity, together.identity)
    for row in (0, 5, 11):
        rows = np.array([row])
        alone = fitted(fitter, Correspondences(*(getattr(found, name)[rows] for name in found.__dataclass_fields__)))
        assert alone.iterations[0] == together.iterations[row]
        np.testing.assert_allclose(alone.heads.rotation[0], together.heads.rotation[row], atol=1e-6)
        np.testing.assert_allclose(alone.identity[0], together.identity[row], atol=1e-4)
        np.testing.assert_allclose(alone.rejected[0], together.rejected[row], atol=1e-9)


def test_double_precision_finds_the_same(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    found = with_noise(chosen(target, dense), 0.3)
    double = fitted(open_alignment(builtin, AlignmentOptions(precision="float64")), found)
    single = fitted(fitter, found)
    assert angle_between_deg(single.heads.rotation, double.heads.rotation).max() < 1e-3
    np.testing.assert_allclose(single.identity, double.identity, atol=1e-3)


def test_a_start_replaces_the_first_pose(fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos) -> None:
    found = chosen(target, dense)
    first = fitted(fitter, found)
    again = fit_correspondences(fitter, found, pictures(12), start=first.heads)
    assert angle_between_deg(again.heads.rotation, first.heads.rotation).max() < 0.02
    bad = replace(first.heads, shape=np.where(np.arange(12)[:, None] == 3, np.nan, first.heads.shape))
    with pytest.raises(UsageError, match="shape of picture 3 is not finite"):
        fit_correspondences(fitter, found, pictures(12), start=bad)
    with pytest.raises(UsageError, match="focal length of picture 0"):
        fit_correspondences(fitter, found, pictures(12), start=replace(first.heads, focal=-first.heads.focal))


def kept(found: Correspondences, mask: Array) -> Correspondences:
    return replace(found, weight=np.where(mask, found.weight, 0.0))


def test_problems_without_an_answer_are_told(
    fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    found = chosen(target, dense)
    number = np.arange(found.weight.shape[1])[None]
    rng = np.random.default_rng(7)
    on_a_line = replace(found, points=found.points * (1.0, 0.01) + (0.0, 60.0))  # a band of half a pixel
    senseless = replace(found, points=rng.uniform(0, SIDE, found.points.shape))
    for broken, match in (
        (kept(found, number < 0), "does the picture show a face"),
        (kept(found, number < 4), "4 correspondences; a pose needs at least 6"),
        (on_a_line, "on a line of the picture"),
        (senseless, "contradict each other"),
    ):
        mixed = Correspondences(
            *(
                np.concatenate([getattr(broken, name)[:2], getattr(found, name)[2:]])
                for name in found.__dataclass_fields__
            )
        )
        fits = fit_correspondences(fitter, mixed, pictures(12))
        assert all(match in reason for reason in fits.reason[:2]), fits.reason[:2]
        assert fits.reason[2:] == ("",) * 10
        for name in ("rotation", "translation", "focal", "principal", "shape"):
            assert np.isfinite(getattr(fits.heads, name)).all()
        assert np.isfinite(fits.median_px).all() and np.isfinite(fits.rms_px).all()
        assert angle_between_deg(fits.heads.rotation, dense.rotation)[2:].max() < 0.1  # the others are not disturbed
    everything = fit_correspondences(fitter, kept(found, number < 0), pictures(12))
    assert all(everything.reason) and np.isfinite(everything.heads.translation).all()


def test_fewer_equations_than_unknowns_are_noted(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    few = kept(chosen(target, dense), np.arange(1000)[None] < 20)
    fits = fitted(fitter, few)
    assert all("equations for 57 unknowns: the priors decide" in note for note in fits.note)
    assert np.median(angle_between_deg(fits.heads.rotation, dense.rotation)) < 8.0
    loose = open_alignment(builtin, AlignmentOptions(energy=Energy(identity=0.0, expression=0.0, focal=0.0)))
    unheld = fit_correspondences(loose, few, pictures(12))
    assert all("singular" in reason and "priors" in reason for reason in unheld.reason)
    assert np.isfinite(unheld.identity).all()


def test_wrong_arguments_are_named(
    builtin: MorphableModel, fitter: AlignmentFitter, target: TargetSurface, dense: DensePhotos
) -> None:
    with pytest.raises(UsageError, match=r"sizes must be \(12, 2\)"):
        fit_correspondences(fitter, chosen(target, dense), pictures(3))
    with pytest.raises(UsageError, match="outlier_px"):
        open_alignment(builtin, AlignmentOptions(outlier_px=0.0))
    with pytest.raises(ModelError, match="no identity basis"):
        open_alignment(replace(builtin, identity_basis=builtin.identity_basis[:0]))


def test_the_papers_weights(builtin: MorphableModel, target: TargetSurface, dense: DensePhotos) -> None:
    paper = open_alignment(builtin, AlignmentOptions(energy=Energy(paper="dfc")))
    fits = fitted(paper, chosen(target, dense))
    # At 1000 px^2 a standard deviation expressions hardly leave rest: what they did is put on identity and pose.
    angle = angle_between_deg(fits.heads.rotation, dense.rotation)
    assert 0.2 < np.median(angle) < 2.5 and angle.max() < 8.0
    assert np.abs(fits.expression).mean() < 0.6 * np.abs(dense.expression).mean()
