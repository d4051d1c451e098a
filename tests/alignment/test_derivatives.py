from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.alignment.fit_landmarks import LandmarkFitter, open_landmark_fitter
from synthgen.alignment.landmarks import LandmarkTerm, Observations
from synthgen.alignment.priors import FocalPrior, ShapePrior
from synthgen.alignment.robust import Kernel
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]
CASES = ["scaled_orthographic", "perspective", "free_focal"]


@pytest.fixture(scope="module")
def fitter(builtin: MorphableModel) -> LandmarkFitter:
    return open_landmark_fitter(builtin)


def heads_of(fitter: LandmarkFitter, case: str) -> HeadUnknowns:
    rng = np.random.default_rng(5)
    count = 2
    shape = np.concatenate([rng.standard_normal((count, 40)), rng.uniform(0.2, 0.6, (count, 10))], axis=1)
    perspective = case != "scaled_orthographic"
    return HeadUnknowns(
        perspective=perspective,
        rotation=rotation_from_euler(rng.uniform(-0.6, 0.6, (count, 3))),
        translation=np.array([[20.0, -15.0, 600.0], [-5.0, 9.0, 420.0]]) * perspective,
        focal=np.array([900.0, 700.0]) if perspective else np.array([1.4, 0.9]),
        principal=rng.uniform(190, 260, (count, 2)),
        shape=shape,
        unit=np.array([1.5, 1.1]),
        space=fitter.space,
        free_focal=case == "free_focal",
        free_shape=True,
    )


def term_of(fitter: LandmarkFitter, heads: HeadUnknowns, kernel: tuple[Kernel, float]) -> LandmarkTerm:
    rng = np.random.default_rng(6)
    image, _ = project_points(heads, fitter.basis.points(heads.shape))
    rows = np.tile(np.arange(68), (2, 1))
    rows[:, 3] = 70  # a candidate of the jaw
    chosen = np.take_along_axis(image, rows[..., None], axis=1)
    seen = Observations(
        points=chosen + rng.normal(0, 6, chosen.shape),
        weight=rng.uniform(0, 1, (2, 68)) * (rng.random((2, 68)) > 0.2),
        slide=0.2,
        noise=np.array([2.0, 1.5]),
    )
    return LandmarkTerm(fitter.basis, rows, chosen, seen, kernel)


def differences(value, heads: HeadUnknowns) -> Array:  # type: ignore[no-untyped-def]
    """Central differences of value(heads) by every column of a step, last axis."""
    columns = []
    for column in range(heads.count):
        step = np.zeros((2, heads.count))
        step[:, column] = 1e-5
        columns.append((value(heads.moved(step)) - value(heads.moved(-step))) / 2e-5)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("case", CASES)
def test_jacobian_of_the_landmark_term(fitter: LandmarkFitter, case: str) -> None:
    heads = heads_of(fitter, case)
    term = term_of(fitter, heads, ("huber", 1.5))
    _, jacobian = term.linearized(heads)
    assert jacobian.shape == (2, 68, 2, (7 if case == "free_focal" else 6) + 50)
    expected = differences(lambda at: term.linearized(at)[0], heads)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kernel", [("huber", 1.5), ("geman_mcclure", 3.0)])
def test_gradient_of_the_landmark_energy(fitter: LandmarkFitter, case: str, kernel: tuple[Kernel, float]) -> None:
    heads = heads_of(fitter, case)
    term = term_of(fitter, heads, kernel)
    expected = differences(term.energy, heads)
    found = term.quadratic(heads)
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert (np.linalg.eigvalsh(found.hessian) > -1e-8 * np.abs(found.hessian).max()).all()


def test_gradient_and_hessian_of_the_priors(fitter: LandmarkFitter) -> None:
    heads = heads_of(fitter, "free_focal")
    for term in (ShapePrior(2.0), FocalPrior(np.array([800.0, 800.0]), 0.3)):
        found = term.quadratic(heads)
        np.testing.assert_allclose(found.gradient, differences(term.energy, heads), rtol=1e-5, atol=1e-5)
        curvature = differences(lambda at, term=term: term.quadratic(at).gradient, heads)
        np.testing.assert_allclose(found.hessian, curvature, rtol=1e-5, atol=1e-4)


def test_a_frozen_shape_has_no_columns(fitter: LandmarkFitter) -> None:
    heads = replace(heads_of(fitter, "perspective"), free_shape=False)
    _, jacobian = term_of(fitter, heads, ("huber", 1.5)).linearized(heads)
    assert jacobian.shape[-1] == heads.count == 6


def test_points_behind_the_camera_cost_everything(fitter: LandmarkFitter) -> None:
    heads = heads_of(fitter, "perspective")
    term = term_of(fitter, heads, ("huber", 1.5))
    behind = replace(heads, translation=heads.translation * np.array([[1, 1, 0.05], [1, 1, 1]]))
    assert np.isinf(term.energy(behind)[0])
    assert np.isfinite(term.energy(behind)[1])
