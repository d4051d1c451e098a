"""Chains of frames: the linear solver, the temporal term against differences, clips against the truth."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentOptions, Pictures, open_alignment
from synthgen.alignment.chain import Chain
from synthgen.alignment.fit_correspondences import AlignmentFits, fit_correspondences
from synthgen.alignment.flow_points import matches_of_flow
from synthgen.alignment.shape_space import ShapePriors, open_shape_space
from synthgen.alignment.temporal import TemporalTerm, vector_from_rotation
from synthgen.alignment.unknowns import HeadUnknowns, rotation_from_vector
from synthgen.fittings.fit_flow import FlowFitOptions, chosen_correspondences
from synthgen.fittings.mean_face_surface import mean_face_surface
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel
from tests.alignment.dense_photos import SIDE, DensePhotos, draw_clip
from tests.alignment.head_photos import angle_between_deg

Array = NDArray[np.float64]
FRAMES = 12


def random_chain(shared: int) -> tuple[Chain, Array]:
    """A positive definite chain of five blocks of three, and the same as one matrix."""
    rng = np.random.default_rng(1)
    half = rng.standard_normal((5, 3, 3))
    blocks = half @ half.transpose(0, 2, 1) + 4.0 * np.eye(3)
    beside, border = rng.uniform(-1, 1, (4, 3)), rng.uniform(-0.4, 0.4, (5, 3, shared))
    chain = Chain(blocks, beside, border, 6.0 * np.eye(shared))
    whole = np.zeros((15 + shared, 15 + shared))
    for n in range(5):
        rows = slice(3 * n, 3 * n + 3)
        whole[rows, rows], whole[rows, 15:], whole[15:, rows] = blocks[n], border[n], border[n].T
        if n:
            before = slice(3 * n - 3, 3 * n)
            whole[before, rows] = whole[rows, before] = np.diag(beside[n - 1])
    whole[15:, 15:] = chain.shared
    return chain, whole


@pytest.mark.parametrize("shared", [0, 2])
def test_a_chain_is_solved_like_the_whole_matrix(shared: int) -> None:
    chain, whole = random_chain(shared)
    right = np.random.default_rng(2).standard_normal(15 + shared)
    found, common = chain.solve(right[:15].reshape(5, 3), right[15:])
    expected = np.linalg.solve(whole, right)
    np.testing.assert_allclose(np.concatenate([found.ravel(), common]), expected, atol=1e-10)
    back, back_common = chain.times(found, common)
    np.testing.assert_allclose(np.concatenate([back.ravel(), back_common]), right, atol=1e-10)
    free = np.random.default_rng(3).random((5, 3)) > 0.3
    held, _ = chain.held(free, np.ones(shared, bool)).solve(np.where(free, right[:15].reshape(5, 3), 0.0), right[15:])
    numbers = np.concatenate([free.ravel(), np.ones(shared, bool)])
    part = np.linalg.solve(whole[np.ix_(numbers, numbers)], right[numbers])
    np.testing.assert_allclose(held[free], part[: free.sum()], atol=1e-10)
    assert (held[~free] == 0).all()


def test_an_indefinite_chain_is_refused() -> None:
    chain, _ = random_chain(0)
    with pytest.raises(LinAlgError):
        replace(chain, blocks=-chain.blocks).solve(np.zeros((5, 3)), np.zeros(0))


def test_rotation_vectors_go_there_and_back() -> None:
    vector = np.random.default_rng(4).uniform(-1.2, 1.2, (20, 3))
    vector[0] = 0.0
    vector[1] = 1e-9
    np.testing.assert_allclose(vector_from_rotation(rotation_from_vector(vector)), vector, atol=1e-9)


@pytest.mark.parametrize("case", ["scaled_orthographic", "perspective", "free_focal"])
def test_gradient_of_the_temporal_term(builtin: MorphableModel, case: str) -> None:
    rng = np.random.default_rng(5)
    count, perspective = 4, case != "scaled_orthographic"
    heads = HeadUnknowns(
        perspective=perspective,
        rotation=rotation_from_euler(rng.uniform(-0.3, 0.3, (count, 3))),
        translation=np.array([5.0, -8.0, 600.0]) * perspective + perspective * rng.uniform(-20, 20, (count, 3)),
        focal=rng.uniform(300, 330, count) if perspective else rng.uniform(0.5, 0.6, count),
        principal=rng.uniform(50, 70, (count, 2)),
        shape=rng.uniform(0.1, 0.9, (count, 50)),
        unit=rng.uniform(0.5, 0.7, count),
        space=open_shape_space(builtin, ShapePriors()),
        free_focal=case == "free_focal",
        free_shape=True,
    )
    term = TemporalTerm(0.7, np.array([1.0, 3.0, 1.0]))
    found = term.coupling(heads)
    for row in range(count):
        for column in (*range(heads.camera_count), 10, 52):
            step = np.zeros((count, heads.count))
            step[row, column] = 1e-6
            slope = (term.energy(heads.moved(step)) - term.energy(heads.moved(-step))) / 2e-6
            np.testing.assert_allclose(found.gradient[row, column], slope, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def clip() -> DensePhotos:
    return draw_clip(FRAMES, seed=6)


def fit_clip(builtin: MorphableModel, clip: DensePhotos, options: AlignmentOptions, **changes) -> AlignmentFits:  # type: ignore[no-untyped-def]
    """The fit of few, noisy correspondences a frame."""
    target = mean_face_surface(builtin, (SIDE, SIDE))
    matches = [matches_of_flow(target, flow, code == 1) for flow, code in zip(clip.flow, clip.code)]
    found = chosen_correspondences(target, matches, FlowFitOptions(count=300), np.arange(FRAMES))
    noise = np.random.default_rng(7).standard_normal(found.points.shape)
    found = replace(found, points=found.points + 1.5 * noise, **changes)
    pictures = Pictures(np.full((FRAMES, 2), SIDE), clip=np.zeros(FRAMES, np.int64))
    return fit_correspondences(open_alignment(builtin, options), found, pictures)


def errors(
    model: MorphableModel, fits: AlignmentFits, clip: DensePhotos, rows: slice = slice(None)
) -> tuple[float, float]:
    """Mean angle in degrees, and mean distance of the heads' vertices without pose in mm."""
    shape = np.tensordot(fits.identity - clip.identity, model.identity_basis[:, ::9], axes=1)
    shape = shape + np.tensordot(fits.expression - clip.expression, model.expression_basis[:, ::9], axes=1)
    distance = np.linalg.norm(shape - shape.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    return float(angle_between_deg(fits.heads.rotation, clip.rotation)[rows].mean()), float(distance[rows].mean())


def test_smoothness_brings_a_noisy_clip_nearer_to_the_truth(builtin: MorphableModel, clip: DensePhotos) -> None:
    alone = fit_clip(builtin, clip, AlignmentOptions())
    smooth = fit_clip(builtin, clip, AlignmentOptions(temporal=True))
    shared = fit_clip(builtin, clip, AlignmentOptions(temporal=True, share_identity=True))
    print([errors(builtin, fits, clip) for fits in (alone, smooth, shared)])
    before = errors(builtin, alone, clip)
    for fits in (smooth, shared):
        after = errors(builtin, fits, clip)
        # What all frames get wrong alike, because they see the head from near the front, stays.
        assert after[0] < 0.85 * before[0] and after[1] < 0.95 * before[1]
    assert np.ptp(shared.identity, axis=0).max() == 0.0 < np.ptp(smooth.identity, axis=0).max()
    assert smooth.converged.all() and shared.converged.all() and not any(smooth.reason + shared.reason)
    stage = smooth.curve.stages[-1]
    assert stage.name == "clips" and stage.terms[-1] == "temporal"
    total = stage.energy.sum(axis=(1, 2))
    assert (np.diff(total) <= 1e-9).all() and total[-1] < total[0]


def test_a_bad_frame_leaves_a_gap(builtin: MorphableModel, clip: DensePhotos) -> None:
    weight = np.where((np.arange(FRAMES) == 4)[:, None], 0.0, 1.0) * np.ones(300)
    smooth = fit_clip(builtin, clip, AlignmentOptions(temporal=True), weight=weight)
    assert [bool(reason) for reason in smooth.reason] == [n == 4 for n in range(FRAMES)]
    assert np.isfinite(smooth.heads.rotation).all()
    rows = slice(5, None)
    assert errors(builtin, smooth, clip, rows)[0] < 4.0


def test_pictures_of_different_clips_do_not_meet(builtin: MorphableModel, clip: DensePhotos) -> None:
    options = AlignmentOptions(temporal=True)
    alone = fit_clip(builtin, clip, AlignmentOptions())
    target = mean_face_surface(builtin, (SIDE, SIDE))
    matches = [matches_of_flow(target, flow, code == 1) for flow, code in zip(clip.flow, clip.code)]
    found = chosen_correspondences(target, matches, FlowFitOptions(count=300), np.arange(FRAMES))
    found = replace(found, points=found.points + 1.5 * np.random.default_rng(7).standard_normal(found.points.shape))
    pictures = Pictures(np.full((FRAMES, 2), SIDE), clip=np.arange(FRAMES))
    single = fit_correspondences(open_alignment(builtin, options), found, pictures)
    np.testing.assert_array_equal(single.identity, alone.identity)
