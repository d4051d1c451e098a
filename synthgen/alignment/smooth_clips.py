"""Frames of clips solved together: what each shows alone is the start, the temporal term joins them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentOptions
from synthgen.alignment.clip_solver import minimize_clip
from synthgen.alignment.dense_stages import Solved
from synthgen.alignment.fit_curve import Curve, Stage
from synthgen.alignment.solver import Array, SolverOptions, selected
from synthgen.alignment.temporal import TemporalTerm


def smooth_clips(
    options: AlignmentOptions, solved: Solved, clip: NDArray[np.integer], frame: NDArray[np.integer]
) -> Solved:
    """The frames of each clip solved together, from where each was alone.

    clip: (N,) which clip each picture is a frame of; frame: (N,), ascending, its number: between frames with a gap more
    may change. Clips of one frame stay as they are.
    """
    solution = solved.solution
    heads, iterations, converged = solution.state, solution.iterations.copy(), solution.converged.copy()
    traces: list[tuple[NDArray[np.intp], Array]] = []
    for number in np.unique(clip):
        rows = np.flatnonzero(clip == number)
        if len(rows) < 2:
            continue
        own = [selected(term, rows) for term in solved.terms.values()]
        temporal = TemporalTerm(options.energy.temporal, np.diff(frame[rows]).astype(np.float64), options.scales)
        limits = SolverOptions(options.iterations, tolerance=1e-5)
        found = minimize_clip(own, temporal, selected(heads, rows), limits, options.share_identity)
        place = np.zeros(len(clip), np.intp)
        place[rows] = np.arange(len(rows))
        heads = heads.taken(clip == number, selected(found.heads, place))
        iterations[rows] += len(found.trace) - 1
        converged[rows] = found.converged
        traces.append((rows, found.trace))
    if not traces:
        return solved
    names = (*solved.terms, "temporal")
    stages = (*solved.curve.stages, Stage("clips", names, _trace_of_frames(traces, len(names))))
    solution = replace(solution, state=heads, iterations=iterations, converged=converged)
    return Solved(solution, solved.terms, Curve(stages))


def _trace_of_frames(traces: list[tuple[NDArray[np.intp], Array]], terms: int) -> Array:
    """(I + 1, T, N) energies per frame of the clips, in equal parts."""
    steps = max(len(trace) for _, trace in traces)
    parts = []
    for rows, trace in traces:
        longer = np.concatenate([trace, np.repeat(trace[-1:], steps - len(trace), axis=0)])
        parts.append(np.repeat(longer[:, :terms, None] / len(rows), len(rows), axis=2))
    return np.concatenate(parts, axis=2)
