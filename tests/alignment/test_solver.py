from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from synthgen.alignment.robust import robust_loss, robust_weight
from synthgen.alignment.solver import Quadratic, SolverOptions, minimize

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """N points in P dimensions between limits."""

    x: Array
    lower: float = -np.inf
    upper: float = np.inf

    def moved(self, step: Array) -> "Box":
        return replace(self, x=np.clip(self.x + step, self.lower, self.upper))

    def room(self) -> tuple[Array, Array]:
        return self.lower - self.x, self.upper - self.x

    def taken(self, mask: NDArray[np.bool_], other: "Box") -> "Box":
        return replace(self, x=np.where(mask[:, None], other.x, self.x))


@dataclass(frozen=True)
class Linear:
    """|A x - b|^2 / 2."""

    matrix: Array
    target: Array

    def _residuals(self, state: Box) -> Array:
        return np.einsum("nrp,np->nr", self.matrix, state.x) - self.target

    def energy(self, state: Box) -> Array:
        return 0.5 * (self._residuals(state) ** 2).sum(axis=1)

    def quadratic(self, state: Box) -> Quadratic:
        gradient = np.einsum("nrp,nr->np", self.matrix, self._residuals(state))
        return Quadratic(gradient, self.matrix.transpose(0, 2, 1) @ self.matrix)


class Rosenbrock:
    """(1 - x)^2 / 2 + 100 (y - x^2)^2 / 2: a bent valley with its floor at (1, 1)."""

    def energy(self, state: Box) -> Array:
        x, y = state.x.T
        return 0.5 * (1 - x) ** 2 + 50 * (y - x**2) ** 2

    def quadratic(self, state: Box) -> Quadratic:
        x, y = state.x.T
        zero = np.zeros_like(x)
        jacobian = np.stack([np.stack([zero - 1, zero], -1), np.stack([-20 * x, zero + 10], -1)], axis=1)
        residuals = np.stack([1 - x, 10 * (y - x**2)], axis=-1)
        return Quadratic(np.einsum("nrp,nr->np", jacobian, residuals), jacobian.transpose(0, 2, 1) @ jacobian)


def test_limited_least_squares_equals_scipy() -> None:
    rng = np.random.default_rng(3)
    matrix, target = rng.standard_normal((12, 30, 9)), rng.standard_normal((12, 30)) * 4
    found = minimize([Linear(matrix, target)], Box(np.zeros((12, 9)), 0.0, 0.4), SolverOptions(60, 1e-14))
    held = 0
    for row in range(12):
        expected = lsq_linear(matrix[row], target[row], bounds=(0.0, 0.4), tol=1e-12).x
        np.testing.assert_allclose(found.state.x[row], expected, atol=1e-4)
        held += int(((expected < 1e-3) | (expected > 0.399)).sum())
    assert held > 40  # the limits were what mattered
    assert found.converged.all()


def test_energies_of_terms_add_up() -> None:
    rng = np.random.default_rng(4)
    matrix, target = rng.standard_normal((3, 8, 4)), rng.standard_normal((3, 8))
    ridge = Linear(np.tile(2.0 * np.eye(4), (3, 1, 1)), np.zeros((3, 4)))
    found = minimize([Linear(matrix, target), ridge], Box(np.ones((3, 4))), SolverOptions(40, 1e-15))
    for row in range(3):
        expected = np.linalg.solve(matrix[row].T @ matrix[row] + 4 * np.eye(4), matrix[row].T @ target[row])
        np.testing.assert_allclose(found.state.x[row], expected, atol=1e-6)


def test_a_bent_valley_is_followed_to_its_floor_without_a_rise() -> None:
    state = Box(np.array([[-1.2, 1.0], [2.0, -3.0], [1.0, 1.0]]))
    term = Rosenbrock()
    before = term.energy(state)
    for _ in range(12):
        state = minimize([term], state, SolverOptions(10, 1e-16)).state
        assert (term.energy(state) <= before).all()
        before = term.energy(state)
    np.testing.assert_allclose(state.x, 1.0, atol=1e-5)


def test_a_row_ends_the_same_alone_and_in_a_batch() -> None:
    start = np.array([[-1.2, 1.0], [0.99, 0.99], [2.0, -3.0]])
    together = minimize([Rosenbrock()], Box(start), SolverOptions(50, 1e-10))
    assert len(set(together.iterations.tolist())) > 1  # rows finish at different times
    for row in range(3):
        alone = minimize([Rosenbrock()], Box(start[row : row + 1]), SolverOptions(50, 1e-10))
        np.testing.assert_array_equal(alone.state.x[0], together.state.x[row])
        assert alone.iterations[0] == together.iterations[row]


def test_too_few_steps_is_not_converged() -> None:
    found = minimize([Rosenbrock()], Box(np.array([[-1.2, 1.0]])), SolverOptions(3, 1e-12))
    assert not found.converged[0]
    assert found.iterations[0] == 3


@pytest.mark.parametrize("kernel", ["huber", "geman_mcclure"])
def test_robust_weights_are_derivatives_of_the_losses(kernel: str) -> None:
    squared = np.array([0.01, 0.5, 3.9, 4.1, 60.0, 900.0])
    step = 1e-6 * squared
    slope = (robust_loss(squared + step, kernel, 2.0) - robust_loss(squared - step, kernel, 2.0)) / (2 * step)
    np.testing.assert_allclose(robust_weight(squared, kernel, 2.0), 2 * slope, rtol=1e-5)


def test_robust_losses_by_hand() -> None:
    # sqrt(s) = 10, width 2: Huber 2 * 10 - 2; Geman-McClure 50 * 4 / 104.
    np.testing.assert_allclose(robust_loss(np.array([100.0]), "huber", 2.0), 18.0)
    np.testing.assert_allclose(robust_loss(np.array([100.0]), "geman_mcclure", 2.0), 200.0 / 104.0)
