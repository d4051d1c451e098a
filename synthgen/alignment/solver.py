"""Damped Gauss-Newton for a batch of independent problems, each the plain sum of weighted terms, with box limits.

A term gives its energy and its quadratic model at a state; what the unknowns are is the state's affair. The energy of
a solution is the sum of its terms' energies: adding a term never changes another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST_DAMPING, _MOST_DAMPING = 1e-9, 1e9
_LIMIT_PASSES = 5  # how often a step is solved again with more unknowns held at their limits
_EASED, _RAISED = 0.2, 8.0  # how damping changes after a step that helped, and after one that did not


class Unknowns(Protocol):
    """What is solved for: a batch of N states with P numbers each."""

    def moved(self, step: Array) -> Self:
        """The states after steps (N, P)."""

    def room(self) -> tuple[Array, Array]:
        """(N, P) least and largest step that the limits allow; infinite where there is no limit."""

    def taken(self, mask: NDArray[np.bool_], other: Self) -> Self:
        """Other's states where mask (N,) holds, these elsewhere."""


State = TypeVar("State", bound=Unknowns)
StateIn = TypeVar("StateIn", bound=Unknowns, contravariant=True)


@dataclass(frozen=True)
class Quadratic:
    """A term near a state: gradient (N, P), and Gauss-Newton Hessian (N, P, P), positive semi-definite."""

    gradient: Array
    hessian: Array


class Term(Protocol[StateIn]):
    """One summand of the energy; its weight is inside."""

    def energy(self, state: StateIn) -> Array:
        """(N,) energies; infinite where the state is impossible."""

    def quadratic(self, state: StateIn) -> Quadratic:
        """The term's gradient and Gauss-Newton Hessian."""


@dataclass(frozen=True)
class SolverOptions:
    """iterations: most steps. tolerance: a step that lowers the energy by less than this share of it is the last.

    damping: Levenberg-Marquardt's first factor on the Hessian's diagonal.
    """

    iterations: int = 20
    tolerance: float = 1e-6
    damping: float = 1e-4


@dataclass(frozen=True)
class Solution(Generic[State]):
    """state: the last ones; energy: (N,); iterations: (N,) int32 steps tried; converged: (N,) bool."""

    state: State
    energy: Array
    iterations: NDArray[np.int32]
    converged: NDArray[np.bool_]


def minimize(terms: Sequence[Term[State]], start: State, options: SolverOptions | None = None) -> Solution[State]:
    """States of least energy found from `start`; the energy never rises, and finished rows of the batch stay put.

    Levenberg-Marquardt with Marquardt's scaling by the diagonal; unknowns that stand at a limit and want to leave it
    are held (projected Newton, Bertsekas 1982).
    """
    options = options or SolverOptions()
    state, energy = start, _energy(terms, start)
    damping = np.full(len(energy), options.damping)
    iterations = np.zeros(len(energy), np.int32)
    converged, stuck = np.zeros((2, len(energy)), bool)
    for _ in range(options.iterations):
        active = ~(converged | stuck)
        if not active.any():
            break
        model = _quadratic(terms, state)
        step, expected = _damped_step(model, damping, state.room(), active)
        trial = state.moved(step)
        trial_energy = _energy(terms, trial)
        better = (trial_energy < energy) & active
        gain = np.where(better, energy - np.where(better, trial_energy, 0.0), expected)
        iterations += active
        state = state.taken(better, trial)
        energy = np.where(better, trial_energy, energy)
        # A refused step ends the search only when the quadratic model promises nothing either; a step cut by limits
        # may promise a rise (gain < 0), which calls for more damping.
        converged |= active & (gain >= 0) & (gain <= options.tolerance * energy)
        stuck |= damping > _MOST_DAMPING
        damping = np.maximum(damping * np.where(better, _EASED, _RAISED), _LEAST_DAMPING)
    return Solution(state, energy, iterations, converged)


def _energy(terms: Sequence[Term[State]], state: State) -> Array:
    return np.sum([term.energy(state) for term in terms], axis=0)


def _quadratic(terms: Sequence[Term[State]], state: State) -> Quadratic:
    parts = [term.quadratic(state) for term in terms]
    gradient, hessian = parts[0].gradient.copy(), parts[0].hessian.copy()
    for part in parts[1:]:
        gradient += part.gradient
        hessian += part.hessian
    return Quadratic(gradient, hessian)


def _damped_step(
    model: Quadratic, damping: Array, room: tuple[Array, Array], wanted: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Steps (N, P) within their room, 0 where not wanted, and by how much (N,) they should lower the energy.

    Unknowns that the free step would carry beyond a limit are put there, and the others are solved for again.
    """
    lower, upper = room
    gradient, hessian = model.gradient, model.hessian
    numbers = np.arange(gradient.shape[1])
    diagonal = np.einsum("npp->np", hessian)
    # An unknown that no term sees keeps its value: a tiny diagonal makes the system regular.
    system = hessian.copy()
    system[:, numbers, numbers] += damping[:, None] * diagonal + 1e-12 * diagonal.max(axis=1, keepdims=True)
    held = ((lower >= 0) & (gradient > 0)) | ((upper <= 0) & (gradient < 0))
    step = np.zeros_like(gradient)
    rows = np.flatnonzero(wanted)
    for _ in range(_LIMIT_PASSES):
        found = step[rows] - _solve_free(system[rows], gradient[rows], step[rows], ~held[rows])
        beyond = (found < lower[rows]) | (found > upper[rows])
        step[rows] = np.clip(found, lower[rows], upper[rows])
        held[rows] |= beyond
        rows = rows[beyond.any(axis=1)]
        if not len(rows):
            break
    curved = (hessian @ step[..., None])[..., 0]
    return step, -np.einsum("np,np->n", gradient + 0.5 * curved, step)


def _solve_free(system: Array, gradient: Array, step: Array, free: NDArray[np.bool_]) -> Array:
    """What to take from the free unknowns of `step` so that the quadratic model is least; 0 for the others."""
    pull = np.where(free, gradient + (system @ step[..., None])[..., 0], 0.0)
    reduced = np.where(free[:, :, None] & free[:, None, :], system, 0.0)
    numbers = np.arange(gradient.shape[1])
    reduced[:, numbers, numbers] += ~free
    return np.linalg.solve(reduced, pull[..., None])[..., 0]
