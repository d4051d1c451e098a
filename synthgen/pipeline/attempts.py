"""Failure budgets: how often a shard is tried, and when a run stops giving shards up.

Two budgets, because two things fail. A worker that dies may be the victim of a preempted node or of the machine's
memory, so a shard may take several workers with it; an exception comes from the shard itself, so it is tried once more.
"""

from collections import Counter
from dataclasses import dataclass

from synthgen.core import errors
from synthgen.core.errors import RecipeError, SynthgenError
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.worker import Crashed, Refused


@dataclass(frozen=True)
class FailureBudget:
    """How much may go wrong. deaths: workers that may die on one shard, or in a row before they have
    opened the renderer; errors: exceptions that one shard may raise;
    quarantined: shards that may be given up before the whole run stops."""

    deaths: int = 3
    errors: int = 2
    quarantined: int = 10


@dataclass(frozen=True)
class Failed:
    """A try of a shard that failed. attempt: 0 for the first; final: the budget is spent, the shard is given up;
    cause: what the worker said, None when it died."""

    planned: ShardRange
    attempt: int
    reason: str
    final: bool
    cause: Refused | Crashed | None = None

    def error(self) -> Exception:
        """The failure as an exception of the class that the worker met."""
        if isinstance(self.cause, Refused):
            return rebuilt_error(self.cause)
        doing = f"shard {self.planned.shard} (samples {self.planned.start} to {self.planned.stop - 1})"
        if isinstance(self.cause, Crashed):
            return RuntimeError(f"a worker failed on {doing}:\n{self.cause.trace}")
        return errors.DatasetError(f"{doing}: {self.reason}")


class Attempts:
    """Counts the failures of each shard."""

    def __init__(self, budget: FailureBudget) -> None:
        self._budget = budget
        self._deaths: Counter[int] = Counter()
        self._errors: Counter[int] = Counter()

    def number(self, shard: int) -> int:
        """How often a shard has failed so far: the number of its next try."""
        return self._deaths[shard] + self._errors[shard]

    def died(self, planned: ShardRange, ending: str) -> Failed:
        """Note that a worker died on a shard. ending: how, "signal 9"."""
        attempt = self.number(planned.shard)
        self._deaths[planned.shard] += 1
        count = self._deaths[planned.shard]
        reason = f"its worker died ({ending})" if count == 1 else f"{count} workers died, the last by {ending}"
        return Failed(planned, attempt, reason, count >= self._budget.deaths)

    def raised(self, planned: ShardRange, cause: Refused | Crashed) -> Failed:
        """Note that a worker met an exception on a shard."""
        attempt = self.number(planned.shard)
        self._errors[planned.shard] += 1
        reason = cause.message if isinstance(cause, Refused) else cause.trace.strip().splitlines()[-1]
        return Failed(planned, attempt, reason, self._errors[planned.shard] >= self._budget.errors, cause)


def ends_the_run(cause: Refused | Crashed) -> bool:
    """Whether an error is about the store or the run as a whole (a full disk), which no other shard would escape."""
    return isinstance(cause, Refused) and issubclass(_class_of(cause), errors.DatasetError)


def rebuilt_error(message: Refused) -> SynthgenError:
    """The error that a worker met, with its class."""
    kind = _class_of(message)
    return RecipeError(message.message.splitlines()) if kind is RecipeError else kind(message.message)


def _class_of(message: Refused) -> type[SynthgenError]:
    found: type[SynthgenError] = getattr(errors, message.kind, SynthgenError)
    return found
