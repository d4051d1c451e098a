"""The grid of the head: columns of constant theta, rows that follow brows, lids, nose base, lips and jaw.

Rows run from the neck up to the crown. Three slits (mouth, right and left eye) cut the row that passes through them:
there each column has a lower and an upper vertex.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from synthgen.morphable.procedural.chart import POLE_T

# Feature columns (degrees) of the left half and the number of columns up to each.
INNER_CANTHUS, MOUTH_CORNER, OUTER_CANTHUS = 11.25, 14.85, 30.7
EAR_FRONT, EAR_BACK = 84.0, 112.0
COLUMN_KEYS = (
    (INNER_CANTHUS, 14), (MOUTH_CORNER, 4), (OUTER_CANTHUS, 16), (75.0, 12), (EAR_FRONT, 3), (EAR_BACK, 14), (180.0, 6),
)  # fmt: skip

# Rows between one key row and the next, from the neck to the crown; names in KEY_ROWS.
NECK, NECK_RIM, THROAT, JAW, CHIN_FURROW, LOWER_LIP, MOUTH, UPPER_LIP, NOSE_BASE, NOSE_TIP = range(10)
LOWER_FOLD, EYE, UPPER_FOLD, BROW_LOWER, BROW_UPPER, HAIRLINE, CROWN = range(10, 17)
ROWS_AFTER = (1, 5, 4, 4, 5, 5, 5, 4, 7, 6, 5, 5, 2, 4, 5, 5)

# (theta in degrees, t in mm) knots of each key row on the left half. `(lower, upper)` pairs for the slit rows.
KEY_ROWS: dict[int, tuple[tuple[float, float], ...]] = {
    NECK: ((0, -200), (180, -200)),
    NECK_RIM: ((0, -197.5), (180, -197.5)),
    THROAT: ((0, -121), (40, -117), (80, -100), (120, -105), (180, -118)),
    JAW: ((0, -98), (10, -97.5), (25, -91), (42, -82), (62, -68), (78, -57), (95, -52), (130, -70), (180, -85)),
    CHIN_FURROW: ((0, -69), (9, -69), (20, -66), (40, -59), (75, -45), (110, -44), (180, -66)),
    LOWER_LIP: ((0, -59.4), (4, -59.0), (8, -57.3), (12, -54.3), (14.85, -51.8), (18, -52.8), (24, -56), (45, -49),
                (80, -37), (180, -54)),
    UPPER_LIP: ((0, -42.8), (3.2, -41.8), (7, -43.4), (11.3, -46.4), (14.85, -48.8), (18, -47.6), (24, -45), (45, -38),
                (80, -26), (180, -32)),
    NOSE_BASE: ((0, -28.9), (5, -28.4), (11, -27.8), (16, -29), (30, -29), (60, -24), (85, -14), (180, -20)),
    NOSE_TIP: ((0, -16.6), (8, -15), (12, -14.5), (30, -14), (60, -10), (90, -3), (180, -6)),
    LOWER_FOLD: ((0, 5), (8, 4.5), (20, 3.5), (31, 6), (45, 4), (75, 5), (100, 6), (180, 8)),
    UPPER_FOLD: ((0, 22), (9, 22), (12.5, 22.5), (19, 26.4), (26, 25.4), (31, 21.5), (45, 21.5), (90, 23), (180, 34)),
    BROW_LOWER: ((0, 30), (7, 30.5), (15, 32.7), (23.6, 34.8), (30, 33.6), (37, 31), (45, 29), (90, 31), (180, 42)),
    BROW_UPPER: ((0, 39), (7, 39.2), (15, 41.2), (23.6, 42.3), (30, 39.4), (37, 35), (45, 37), (90, 40), (180, 54)),
    HAIRLINE: ((0, 84), (20, 85), (45, 80), (65, 66), (90, 66), (180, 85)),
    CROWN: ((0, POLE_T), (180, POLE_T)),
}  # fmt: skip
MOUTH_LINE = ((0, -50.7), (3, -50.2), (8, -50.0), (14.85, -50.3), (24, -49.0), (45, -43.2), (80, -32), (180, -43))
EYE_LOWER = ((0, 14), (6, 14), (11.25, 14.6), (14.2, 13.2), (17.2, 11.9), (20.5, 11.2), (24, 11.6), (27.3, 13.3),
             (30.7, 16.4), (36, 15.5), (50, 13.5), (90, 14), (180, 20))  # fmt: skip
EYE_UPPER = ((0, 14), (6, 14), (11.25, 14.6), (13.6, 17.6), (16.2, 20.2), (19.5, 21.5), (23.2, 21.1), (27, 19.1),
             (30.7, 16.4), (36, 15.5), (50, 13.5), (90, 14), (180, 20))  # fmt: skip


@dataclass(frozen=True)
class HeadGrid:
    """Chart coordinates and numbering of the grid vertices.

    theta, t: (G,) float64, chart coordinates of each grid vertex, radians and mm.
    row: (G,) float64, row number, counted from the neck; `side`: (G,) int, -1 lower and +1 upper vertex of a slit,
        else 0.
    lower, upper: (R, C) int vertex numbers seen from the row below and from the row above.
    pole: number of the crown vertex, neck_centre: number of the vertex that closes the neck.
    key: row number of each key row.
    mouth, eyes: column numbers of the slits, corner to corner, in order of rising theta; eyes = (right, left).
    """

    theta: NDArray[np.float64]
    t: NDArray[np.float64]
    row: NDArray[np.float64]
    side: NDArray[np.int64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    pole: int
    neck_centre: int
    key: tuple[int, ...]
    mouth: NDArray[np.int64]
    eyes: tuple[NDArray[np.int64], NDArray[np.int64]]


def _column_thetas() -> NDArray[np.float64]:
    """Column angles (C,), degrees, rising from -180 (exclusive) to 180."""
    left, start = [], 0.0
    for stop, count in COLUMN_KEYS:
        left.append(np.linspace(start, stop, count + 1)[1:])
        start = stop
    half = np.concatenate(left)
    # Even out the jumps in spacing between the keys, keeping the keys themselves in place.
    keys = np.cumsum([0, *(count for _, count in COLUMN_KEYS)])
    smooth = PchipInterpolator(keys, [0.0, *(stop for stop, _ in COLUMN_KEYS)])(np.arange(1, len(half) + 1))
    half = 0.5 * half + 0.5 * smooth
    return np.concatenate([-half[-2::-1], [0.0], half])


def _curve(knots: tuple[tuple[float, float], ...], degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """t of a key row at column angles, smooth and symmetric in theta."""
    angle = np.array([knot[0] for knot in knots], dtype=np.float64)
    value = np.array([knot[1] for knot in knots], dtype=np.float64)
    angle = np.concatenate([-angle[:0:-1], angle])
    value = np.concatenate([value[:0:-1], value])
    return np.asarray(PchipInterpolator(angle, value)(degrees))


def _band(keys: list[NDArray[np.float64]], counts: tuple[int, ...]) -> NDArray[np.float64]:
    """Rows (R, C) of t through the key rows with `counts` steps between them, spacing varying smoothly."""
    stops = np.concatenate([[0], np.cumsum(counts)])
    rows, knots = np.arange(stops[-1] + 1), np.stack(keys)
    before = np.clip(np.searchsorted(stops, rows, side="right") - 1, 0, len(counts) - 1)
    part = ((rows - stops[before]) / np.array(counts)[before])[:, None]
    straight = knots[before] * (1.0 - part) + knots[before + 1] * part
    # The monotone cubic alone squeezes the rows next to a slit.
    return np.asarray(0.65 * straight + 0.35 * PchipInterpolator(stops, knots)(rows))


def build_grid() -> HeadGrid:
    """The grid of the mean head; the same on every call."""
    degrees = _column_thetas()
    curves = {name: _curve(knots, degrees) for name, knots in KEY_ROWS.items()}
    mouth_line = _curve(MOUTH_LINE, degrees)
    eye_low, eye_high = _curve(EYE_LOWER, degrees), _curve(EYE_UPPER, degrees)
    below = _band([curves[k] for k in range(NECK, MOUTH)] + [mouth_line], ROWS_AFTER[:MOUTH])
    middle = _band([mouth_line, *(curves[k] for k in range(UPPER_LIP, EYE)), eye_low], ROWS_AFTER[MOUTH:EYE])
    above = _band([eye_high, *(curves[k] for k in range(UPPER_FOLD, CROWN + 1))], ROWS_AFTER[EYE:])
    key = tuple(int(k) for k in np.concatenate([[0], np.cumsum(ROWS_AFTER)]))
    t = np.concatenate([below, middle[1:], above[1:-1]])  # the crown row is one vertex
    rows, columns = t.shape
    lower = np.arange(rows * columns).reshape(rows, columns)
    upper = lower.copy()
    mouth = np.flatnonzero(np.abs(degrees) <= MOUTH_CORNER + 1e-9)
    in_eye = (np.abs(degrees) >= INNER_CANTHUS - 1e-9) & (np.abs(degrees) <= OUTER_CANTHUS + 1e-9)
    eyes = (np.flatnonzero(in_eye & (degrees < 0)), np.flatnonzero(in_eye & (degrees > 0)))
    theta = np.repeat(degrees[None], rows, axis=0).ravel()
    row = np.repeat(np.arange(rows, dtype=np.float64), columns)
    side = np.zeros(rows * columns, dtype=np.int64)
    extra_theta, extra_t, extra_row = [], [], []
    count = rows * columns
    for slit, key_row, high in ((mouth, MOUTH, mouth_line), (eyes[0], EYE, eye_high), (eyes[1], EYE, eye_high)):
        inner = slit[1:-1]
        upper[key[key_row], inner] = np.arange(count, count + len(inner))
        side[lower[key[key_row], inner]] = -1
        extra_theta.append(degrees[inner])
        extra_t.append(high[inner])
        extra_row.append(np.full(len(inner), float(key[key_row])))
        count += len(inner)
    slit_count = count - rows * columns
    ends_t = [[float(POLE_T), -200.0]]
    return HeadGrid(
        theta=np.deg2rad(np.concatenate([theta, *extra_theta, [0.0, 0.0]])),
        t=np.concatenate([t.ravel(), *extra_t, *ends_t]),
        row=np.concatenate([row, *extra_row, [float(rows), 0.0]]),
        side=np.concatenate([side, np.ones(slit_count, dtype=np.int64), [0, 0]]),
        lower=lower, upper=upper, pole=count, neck_centre=count + 1, key=key, mouth=mouth, eyes=eyes,
    )  # fmt: skip
