"""Which landmarks lie on which curve of the face, and which are corners, for 68, 98 and 19 points.

Curves are those of adaptive wing's boundary lines (CONVENTIONS I), which the anisotropic paper follows. It does not
list its corners ("well defined corners" of eyes and mouth): these are the end points of lids and lips.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CurveScheme:
    """curves: open curves of landmark numbers, 0-based; corners: numbers with equal weight in all directions."""

    points: int
    curves: tuple[tuple[int, ...], ...]
    corners: tuple[int, ...]


def _run(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


SCHEMES: dict[str, CurveScheme] = {
    "ibug68": CurveScheme(
        68,
        (
            _run(0, 16),
            _run(17, 21),
            _run(22, 26),
            _run(27, 30),
            _run(31, 35),
            _run(36, 39),
            (36, 41, 40, 39),
            _run(42, 45),
            (42, 47, 46, 45),
            _run(48, 54),
            (48, 59, 58, 57, 56, 55, 54),
            _run(60, 64),
            (60, 67, 66, 65, 64),
        ),
        (36, 39, 42, 45, 48, 54, 60, 64),
    ),
    # Brows are closed in WFLW: their lower halves run back to the end of the upper ones.
    "wflw98": CurveScheme(
        98,
        (
            _run(0, 32),
            _run(33, 37),
            (33, 41, 40, 39, 38),
            _run(42, 46),
            (42, 50, 49, 48, 47),
            _run(51, 54),
            _run(55, 59),
            _run(60, 64),
            (60, 67, 66, 65, 64),
            _run(68, 72),
            (68, 75, 74, 73, 72),
            _run(76, 82),
            (76, 87, 86, 85, 84, 83, 82),
            _run(88, 92),
            (88, 95, 94, 93, 92),
        ),
        (60, 64, 68, 72, 76, 82, 88, 92, 96, 97),
    ),
    # Brows, eyes, nose and mouth of three points each; adaptive wing's brow 3-4 is taken to be 3-5, and the chin,
    # which is on no curve, weighs equally in all directions.
    "aflw19": CurveScheme(
        19,
        (_run(0, 2), _run(3, 5), _run(6, 8), _run(9, 11), _run(12, 14), _run(15, 17)),
        (6, 8, 9, 11, 15, 17, 18),
    ),
}
