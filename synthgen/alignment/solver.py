"""Damped Gauss-Newton for a batch of independent problems, each the plain sum of weighted terms, with box limits.

A term gives its energy and its quadratic model at a state; what the unknowns are is the state's affair. The energy of
a solution is the sum of its terms' energies: adding a term never changes another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST_DAMPING, _MOST_DAMPING = 1e-9, 1e9
_LIMIT_PASSES = 5  # how often a step is solved again with more unknowns held at their limits
_EASED, _RAISED = 0.2, 8.0  # how damping changes after a step that helped, and after one that did not
_NARROWED = 0.75  # with this share of the rows left to move, the others are not computed any more


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


@runtime_checkable
class Selectable(Protocol):
    """A term or state that can be cut to some rows of the batch: what has finished costs no time then."""

    def selected(self, rows: NDArray[np.intp]) -> Any:
        """The same for `rows` alone."""


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
    """state: the last ones; energy: (N,); iterations: (N,) int32 steps tried; converged: (N,) bool.

    trace: (I + 1, T, N), energy of each term at the start and after each step; rows that have finished repeat theirs.
    """

    state: State
    energy: Array
    iterations: NDArray[np.int32]
    converged: NDArray[np.bool_]
    trace: Array


def minimize(terms: Sequence[Term[State]], start: State, options: SolverOptions | None = None) -> Solution[State]:
    """States of least energy found from `start`; the energy never rises, and finished rows of the batch stay put.

    Levenberg-Marquardt with Marquardt's scaling by the diagonal; unknowns that stand at a limit and want to leave it
    are held (projected Newton, Bertsekas 1982).
    """
    options = options or SolverOptions()
    search = _Search(terms, start, options)
    for _ in range(options.iterations):
        if not search.step(options.tolerance):
            break
    return search.solution()


class _Search(Generic[State]):
    """The rows that still move, `rows` of the batch, and what is known of all."""

    def __init__(self, terms: Sequence[Term[State]], start: State, options: SolverOptions) -> None:
        self.terms, self.state = terms, start
        self.found: list[tuple[NDArray[np.intp], State]] = []  # states of rows that were set aside
        parts = _energies(terms, start)
        count = parts.shape[1]
        self.trace = [parts]
        self.rows = np.arange(count)
        self.damping = np.full(count, options.damping)
        self.iterations = np.zeros(count, np.int32)
        self.converged, self.stuck = np.zeros((2, count), bool)
        self.narrows = all(isinstance(part, Selectable) for part in (start, *terms))

    def step(self, tolerance: float) -> bool:
        """One step of every row that is not finished; False when there is none."""
        active = ~(self.converged | self.stuck)[self.rows]
        if not active.any():
            return False
        if self.narrows and active.sum() <= _NARROWED * len(active):
            self._narrow(active)
            active = active[active]
        rows = self.rows
        parts = self.trace[-1].copy()
        energy = parts[:, rows].sum(axis=0)
        damping = self.damping[rows]
        step, expected = _damped_step(_quadratic(self.terms, self.state), damping, self.state.room(), active)
        trial = self.state.moved(step)
        trial_parts = _energies(self.terms, trial)
        trial_energy = trial_parts.sum(axis=0)
        better = (trial_energy < energy) & active
        gain = np.where(better, energy - np.where(better, trial_energy, 0.0), expected)
        self.iterations[rows] += active
        self.state = self.state.taken(better, trial)
        parts[:, rows[better]] = trial_parts[:, better]
        self.trace.append(parts)
        # A refused step ends the search only when the quadratic model promises nothing either; a step cut by limits
        # may promise a rise (gain < 0), which calls for more damping.
        least = tolerance * parts[:, rows].sum(axis=0)
        self.converged[rows] |= active & (gain >= 0) & (gain <= least)
        self.stuck[rows] |= damping > _MOST_DAMPING
        self.damping[rows] = np.maximum(damping * np.where(better, _EASED, _RAISED), _LEAST_DAMPING)
        return True

    def _narrow(self, active: NDArray[np.bool_]) -> None:
        """Sets the finished rows aside."""
        self.found.append((self.rows, self.state))
        kept = np.flatnonzero(active)
        self.rows, self.state = self.rows[kept], selected(self.state, kept)
        self.terms = [selected(term, kept) for term in self.terms]

    def solution(self) -> Solution[State]:
        """The states of all rows, in their order."""
        state, rows = self.state, self.rows
        for earlier, whole in reversed(self.found):
            place = np.searchsorted(earlier, rows)
            inside = np.zeros(len(earlier), np.intp)
            inside[place] = np.arange(len(rows))
            moved = np.zeros(len(earlier), bool)
            moved[place] = True
            state, rows = whole.taken(moved, selected(state, inside)), earlier
        trace = np.stack(self.trace)
        return Solution(state, trace[-1].sum(axis=0), self.iterations, self.converged, trace)


def selected(part: Any, rows: NDArray[np.intp]) -> Any:
    """A `Selectable` cut to `rows`."""
    return part.selected(rows)


def _energies(terms: Sequence[Term[State]], state: State) -> Array:
    """(T, N) energies of each term."""
    return np.stack([term.energy(state) for term in terms])


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
    least = np.maximum(1e-12 * diagonal.max(axis=1, keepdims=True), 1e-200)
    system[:, numbers, numbers] += damping[:, None] * diagonal + least
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
    reduced = system
    if not free.all():
        reduced = np.where(free[:, :, None] & free[:, None, :], system, 0.0)
        numbers = np.arange(gradient.shape[1])
        reduced[:, numbers, numbers] += ~free
    return np.asarray(np.linalg.solve(reduced, pull[..., None])[..., 0], np.float64)
