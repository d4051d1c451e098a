"""The data term against finite differences, a case done by hand, and its promises about weights."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.alignment.correspondences import Correspondences, CorrespondenceTerm
from synthgen.alignment.priors import ExpressionPrior, FocalPrior, IdentityPrior, ShapePrior
from synthgen.alignment.shape_space import ShapePriors, ShapeSpace, open_shape_space
from synthgen.alignment.solver import SolverOptions, minimize
from synthgen.alignment.surface_basis import SurfaceBasis, open_surface_basis
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.core.errors import ModelError, UsageError
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]
CASES = ["scaled_orthographic", "perspective", "free_focal"]
COUNT = 30


@pytest.fixture(scope="module")
def space(builtin: MorphableModel) -> ShapeSpace:
    return open_shape_space(builtin, ShapePriors())


@pytest.fixture(scope="module")
def surface(builtin: MorphableModel, space: ShapeSpace) -> SurfaceBasis:
    return open_surface_basis(builtin, space, "float64")


def heads_of(space: ShapeSpace, case: str) -> HeadUnknowns:
    rng = np.random.default_rng(5)
    shape = np.concatenate([rng.standard_normal((2, 40)), rng.uniform(0.2, 0.6, (2, 10))], axis=1)
    perspective = case != "scaled_orthographic"
    return HeadUnknowns(
        perspective=perspective,
        rotation=rotation_from_euler(rng.uniform(-0.6, 0.6, (2, 3))),
        translation=np.array([[20.0, -15.0, 600.0], [-5.0, 9.0, 420.0]]) * perspective,
        focal=np.array([900.0, 700.0]) if perspective else np.array([1.4, 0.9]),
        principal=rng.uniform(50, 70, (2, 2)),
        shape=shape,
        unit=np.array([1.5, 1.1]),
        space=space,
        free_focal=case == "free_focal",
        free_shape=True,
    )


def correspondences(surface: SurfaceBasis) -> Correspondences:
    rng = np.random.default_rng(6)
    weight = rng.uniform(0.5, 2.0, (2, COUNT))
    weight[1, 20:] = 0.0  # padding
    return Correspondences(
        rng.integers(0, len(surface.corners), (2, COUNT)).astype(np.int32),
        rng.dirichlet(np.ones(3), (2, COUNT)),
        rng.uniform(0, 300, (2, COUNT, 2)),
        weight,
        np.array([1.0, 2.5]),
    )


def differences(value, heads: HeadUnknowns) -> list[Array]:  # type: ignore[no-untyped-def]
    columns = []
    for column in range(heads.count):
        step = np.zeros((2, heads.count))
        step[:, column] = 1e-5
        ahead, back = value(heads.moved(step)), value(heads.moved(-step))
        columns.append([(a - b) / 2e-5 for a, b in zip(ahead, back)])
    return [np.stack([column[n] for column in columns], axis=-1) for n in range(2)]


@pytest.mark.parametrize("case", CASES)
def test_jacobian_is_that_of_finite_differences(space: ShapeSpace, surface: SurfaceBasis, case: str) -> None:
    heads = heads_of(space, case)
    term = CorrespondenceTerm.of(surface, correspondences(surface), ("huber", 1.5))
    for jacobian, expected in zip(term.jacobians(heads), differences(term.residuals, heads)):
        assert len(jacobian) == (7 if case == "free_focal" else 6) + 50
        found = np.moveaxis(jacobian, 0, -1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kernel", [("huber", 1.5), ("geman_mcclure", 60.0)])
def test_gradient_of_the_energy(space: ShapeSpace, surface: SurfaceBasis, case: str, kernel) -> None:  # type: ignore[no-untyped-def]
    heads = heads_of(space, case)
    term = CorrespondenceTerm.of(surface, correspondences(surface), kernel, np.array([0.3, 2.0]))
    expected = np.stack(differences(term.energy, heads))
    found = term.quadratic(heads)
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert (np.linalg.eigvalsh(found.hessian) > -1e-8 * np.abs(found.hessian).max()).all()


def test_single_precision_is_enough(builtin: MorphableModel, space: ShapeSpace, surface: SurfaceBasis) -> None:
    heads, found = heads_of(space, "free_focal"), correspondences(surface)
    double = CorrespondenceTerm.of(surface, found, ("huber", 1e9))
    single = CorrespondenceTerm.of(open_surface_basis(builtin, space), found, ("huber", 1e9))
    np.testing.assert_allclose(single.energy(heads), double.energy(heads), rtol=1e-6)
    exact, light = double.quadratic(heads), single.quadratic(heads)
    np.testing.assert_allclose(light.gradient, exact.gradient, atol=1e-5 * np.abs(exact.gradient).max())
    np.testing.assert_allclose(light.hessian, exact.hessian, atol=1e-5 * np.abs(exact.hessian).max())


def test_a_case_by_hand(builtin: MorphableModel, space: ShapeSpace, surface: SurfaceBasis) -> None:
    # The first corner of triangle 7 of the mean head, upright, 500 mm before a camera of 250 px: half a px per mm at
    # its depth of 500 - z. Seen 3 px to the right and 4 px below where it is: a distance of 5 px, in a picture of side
    # 256 that is 2.5 px of 128. Huber's loss of width 10: 2.5^2 / 2, times the weights 0.5 and 3.
    x, y, z = builtin.mean[builtin.template.triangles[7, 0]].astype(np.float64)
    scale = 250.0 / (500.0 - z)
    place = np.array([128.0 + scale * x, 128.0 - scale * y]) + (3.0, 4.0)
    found = Correspondences(
        np.array([[7]], np.int32), np.array([[[1.0, 0.0, 0.0]]]), place[None, None], np.array([[0.5]]), np.array([2.0])
    )
    heads = HeadUnknowns(
        True, np.eye(3)[None], np.array([[0.0, 0.0, 500.0]]), np.array([250.0]), np.full((1, 2), 128.0),
        np.zeros((1, 50)), np.array([0.5]), space,
    )  # fmt: skip
    term = CorrespondenceTerm.of(surface, found, ("huber", 10.0), 3.0)
    np.testing.assert_allclose(term.energy(heads), 3.0 * 0.5 * 2.5**2 / 2.0, rtol=1e-6)
    # Moving the head right and down by a mm moves the point by scale px, scale / 2 in those of 128.
    gradient = term.quadratic(heads).gradient[0]
    np.testing.assert_allclose(gradient[3:5], -3.0 * 0.5 * np.array([1.5, 2.0]) * scale / 2.0, rtol=1e-6)


def test_the_projection_is_that_of_the_landmarks(space: ShapeSpace, surface: SurfaceBasis) -> None:
    heads, found = heads_of(space, "perspective"), correspondences(surface)
    term = CorrespondenceTerm.of(surface, found, ("huber", 1.0))
    points = np.zeros((2, COUNT, 3))
    for n in range(2):
        vertices = surface.mean + surface.basis @ heads.shape[n]
        corners = vertices[:, surface.corners[found.triangle[n]]]
        points[n] = np.einsum("dkc,kc->kd", corners, found.barycentric[n])
    image, _ = project_points(heads, points)
    expected = (image - found.points) / found.unit[:, None, None]
    np.testing.assert_allclose(term.residuals(heads)[0], expected[0].T, atol=1e-9)
    np.testing.assert_allclose(term.residuals(heads)[1], expected[1, :20].T, atol=1e-9)  # padding is left out


def test_points_behind_the_camera_cost_everything(space: ShapeSpace, surface: SurfaceBasis) -> None:
    heads = heads_of(space, "perspective")
    term = CorrespondenceTerm.of(surface, correspondences(surface), ("huber", 1.5))
    behind = replace(heads, translation=heads.translation * np.array([[1, 1, 0.05], [1, 1, 1]]))
    assert np.isinf(term.energy(behind)[0]) and np.isfinite(term.energy(behind)[1])


def test_a_thinned_term_weighs_as_much(space: ShapeSpace, surface: SurfaceBasis) -> None:
    term = CorrespondenceTerm.of(surface, correspondences(surface), ("huber", 1.5))
    few = term.thinned(12)
    assert few.counts().tolist() == [12, 12]
    for thin, whole in zip(few.rows, term.rows):
        np.testing.assert_allclose(thin.weight.sum(), whole.weight.sum())
    assert term.thinned(100).counts().tolist() == term.counts().tolist() == [COUNT, 20]


def test_adding_a_term_changes_no_other(space: ShapeSpace, surface: SurfaceBasis) -> None:
    heads = heads_of(space, "free_focal")
    terms = {
        "data": CorrespondenceTerm.of(surface, correspondences(surface), ("geman_mcclure", 30.0)),
        "identity": IdentityPrior(0.5),
        "expression": ExpressionPrior(2.0),
        "focal": FocalPrior(np.array([800.0, 800.0]), 0.3, 0.7),
    }
    alone = {name: term.energy(heads) for name, term in terms.items()}
    for count in range(1, len(terms) + 1):
        names = list(terms)[:count]
        trace = minimize([terms[name] for name in names], heads, SolverOptions(2)).trace
        assert trace.shape[1:] == (count, 2)
        np.testing.assert_array_equal(trace[0], [alone[name] for name in names])
        assert (np.diff(trace.sum(axis=1), axis=0) <= 1e-9).all()
    half = ShapePrior(0.5).energy(heads)
    np.testing.assert_allclose(IdentityPrior(0.5).energy(heads) + ExpressionPrior(0.5).energy(heads), half)


def test_gradients_of_the_separate_priors(space: ShapeSpace) -> None:
    heads = heads_of(space, "free_focal")
    for term in (IdentityPrior(0.3), ExpressionPrior(1.7), FocalPrior(np.array([800.0, 650.0]), 0.3, 0.2)):
        found, expected = term.quadratic(heads), np.stack(differences(term.energy, heads))
        np.testing.assert_allclose(found.gradient, expected, rtol=1e-5, atol=1e-5)


def test_wrong_arrays_are_named(builtin: MorphableModel, space: ShapeSpace, surface: SurfaceBasis) -> None:
    good = correspondences(surface)
    for change, match in (
        ({"barycentric": good.barycentric[:, :5]}, r"barycentric \(N, K, 3\)"),
        ({"weight": good.weight[:1]}, "weight must be"),
        ({"weight": -good.weight}, ">= 0"),
        ({"unit": np.array([1.0, 0.0])}, "> 0"),
        ({"triangle": good.triangle + 10**7}, "carry labels"),
        ({"points": np.full_like(good.points, np.nan)}, "finite"),
    ):
        with pytest.raises(UsageError, match=match):
            CorrespondenceTerm.of(surface, replace(good, **change), ("huber", 1.0))
    for name in ("identity", "expression"):
        bare = replace(builtin, **{f"{name}_basis": np.zeros((0, *builtin.mean.shape), np.float32)})
        with pytest.raises(ModelError, match=f"no {name} basis"):
            open_surface_basis(bare, space)
