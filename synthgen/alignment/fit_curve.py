"""The way of a fit's energy: per stage, per step, per term."""

from dataclasses import dataclass

from synthgen.alignment.solver import Array


@dataclass(frozen=True)
class Stage:
    """name; terms: T names; energy: (I + 1, T, N), at the stage's start and after each step. Stages differ in their
    losses, so that energies are compared within one."""

    name: str
    terms: tuple[str, ...]
    energy: Array


@dataclass(frozen=True)
class Curve:
    """The stages of a fit in order."""

    stages: tuple[Stage, ...]
