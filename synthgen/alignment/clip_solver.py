"""Damped Gauss-Newton for all frames of a clip: terms of single frames, the temporal term, one identity if wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from synthgen.alignment.chain import Chain
from synthgen.alignment.solver import Array, SolverOptions, Term
from synthgen.alignment.temporal import TemporalTerm
from synthgen.alignment.unknowns import HeadUnknowns

_LEAST_DAMPING, _MOST_DAMPING = 1e-9, 1e9
_LIMIT_PASSES = 5
_EASED, _RAISED = 0.2, 8.0


@dataclass(frozen=True)
class ClipSolution:
    """heads: of the N frames. trace: (I + 1, T + 1) energies of the clip at the start and after each step, one per term
    and the temporal one last. converged: whether the last step changed next to nothing."""

    heads: HeadUnknowns
    trace: Array
    converged: bool


def minimize_clip(
    terms: Sequence[Term[HeadUnknowns]],
    temporal: TemporalTerm,
    start: HeadUnknowns,
    options: SolverOptions | None = None,
    share_identity: bool = False,
) -> ClipSolution:
    """Heads of least energy of all frames together, found from `start`; the energy never rises.

    share_identity: one identity for the clip, that of the start's mean at first. Each step solves the whole
    block-tridiagonal system, so that what one frame shows well helps its neighbours.
    """
    options = options or SolverOptions()
    heads = _with_one_identity(start) if share_identity else start
    shared = _shared_columns(heads) if share_identity else np.zeros(heads.count, bool)
    parts = _energies(terms, temporal, heads)
    trace, damping, converged = [parts], options.damping, False
    for _ in range(options.iterations):
        step, expected = _step(terms, temporal, heads, damping, shared)
        trial = heads.moved(step) if step is not None else heads
        trial_parts = _energies(terms, temporal, trial)
        better = step is not None and bool(trial_parts.sum() < parts.sum())
        gain = parts.sum() - trial_parts.sum() if better else expected
        if better:
            heads, parts = trial, trial_parts
        trace.append(parts)
        converged = step is not None and 0 <= gain <= options.tolerance * parts.sum()
        if converged or damping > _MOST_DAMPING:
            break
        damping = max(damping * (_EASED if better else _RAISED), _LEAST_DAMPING)
    return ClipSolution(heads, np.stack(trace), converged)


def _with_one_identity(heads: HeadUnknowns) -> HeadUnknowns:
    shape = heads.shape.copy()
    identity = slice(0, heads.space.identity_count)
    shape[:, identity] = shape[:, identity].mean(axis=0)
    return replace(heads, shape=shape)


def _shared_columns(heads: HeadUnknowns) -> NDArray[np.bool_]:
    column = np.arange(heads.count) - heads.camera_count
    return np.asarray((column >= 0) & (column < heads.space.identity_count))


def _energies(terms: Sequence[Term[HeadUnknowns]], temporal: TemporalTerm, heads: HeadUnknowns) -> Array:
    return np.array([*(term.energy(heads).sum() for term in terms), temporal.energy(heads)])


def _step(
    terms: Sequence[Term[HeadUnknowns]],
    temporal: TemporalTerm,
    heads: HeadUnknowns,
    damping: float,
    shared: NDArray[np.bool_],
) -> tuple[Array | None, float]:
    """Steps (N, P) within their room, None for a singular system; and by how much they should lower the energy."""
    model = [term.quadratic(heads) for term in terms]
    coupling = temporal.coupling(heads)
    gradient = np.sum([part.gradient for part in model], axis=0) + coupling.gradient
    hessian = np.sum([part.hessian for part in model], axis=0)
    numbers = np.arange(heads.count)
    hessian[:, numbers, numbers] += np.where(shared, 0.0, coupling.diagonal)
    chain = _chain(hessian, coupling.beside, shared)
    damped = _damped(chain, damping)
    own, common = gradient[:, ~shared], gradient[:, shared].sum(axis=0)
    lower, upper = heads.room()
    low, high = lower[:, ~shared], upper[:, ~shared]
    held = ((low >= 0) & (own > 0)) | ((high <= 0) & (own < 0))
    step, together = np.zeros_like(own), np.zeros_like(common)
    every = np.ones(len(common), bool)
    try:
        for _ in range(_LIMIT_PASSES):
            pull = damped.times(step, together)
            right = np.where(held, 0.0, own + pull[0])
            change = damped.held(~held, every).solve(right, common + pull[1])
            found, together = step - change[0], together - change[1]
            beyond = (found < low) | (found > high)
            step = np.clip(found, low, high)
            held |= beyond
            if not beyond.any():
                break
    except LinAlgError:
        return None, np.inf
    whole = np.zeros_like(gradient)
    whole[:, ~shared], whole[:, shared] = step, together
    curved = chain.times(step, together)
    expected = -float((own * step).sum() + common @ together + 0.5 * ((curved[0] * step).sum() + curved[1] @ together))
    return whole, expected


def _chain(hessian: Array, beside: Array, shared: NDArray[np.bool_]) -> Chain:
    """The system of all frames from blocks (N, P, P) and links (N - 1, P); links of shared unknowns cancel."""
    own = ~shared
    return Chain(
        hessian[:, own][:, :, own],
        beside[:, own],
        hessian[:, own][:, :, shared],
        hessian[:, shared][:, :, shared].sum(0),
    )


def _damped(chain: Chain, damping: float) -> Chain:
    blocks, shared = chain.blocks.copy(), chain.shared.copy()
    diagonal = np.einsum("nff->nf", blocks)  # a view: it writes through
    diagonal += damping * diagonal + 1e-12 * diagonal.max()
    own = np.einsum("ss->s", shared)
    own += damping * own + 1e-12 * diagonal.max()
    return replace(chain, blocks=blocks, shared=shared)
