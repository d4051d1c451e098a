"""The completion of textures against a dense solve of the same least-squares problem, and hand cases of mirroring."""

import numpy as np

from synthgen.fittings import texture_fill as subject
from synthgen.morphable.albedo.texels import Region, chart_regions

SIZE = 32


def regions(size: int) -> np.ndarray:
    centres = (np.arange(size) + 0.5) / size
    return chart_regions(*np.meshgrid(centres, 1 - centres))


def test_mirror_swaps_the_sides_and_the_eyes() -> None:
    size = 100
    region = regions(size)
    u = np.broadcast_to((np.arange(size, dtype=np.float32) + 0.5) / size, (size, size))[..., None]
    mirrored = subject.mirror_texels(np.ascontiguousarray(u), region)[..., 0]
    skin = region == Region.SKIN
    np.testing.assert_allclose(mirrored[skin], (1 - u[..., 0])[skin], atol=1e-6)
    eyes = np.isin(region, (Region.RIGHT_EYE, Region.LEFT_EYE)) & (u[..., 0] < 0.39)
    np.testing.assert_allclose(mirrored[eyes], (0.4 - u[..., 0])[eyes], atol=1e-6)


def test_filling_is_the_least_squares_solution() -> None:
    rng = np.random.default_rng(0)
    region = regions(SIZE)
    colour = rng.uniform(0.1, 0.9, (SIZE, SIZE, 3)).astype(np.float32)
    ground = rng.uniform(0.1, 0.9, (SIZE, SIZE, 3)).astype(np.float32)
    # Either surely seen, or on neither side: what the difference between two texels shall be needs no mixing.
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[4:14, 8:24] = 1.0
    filled = subject.fill_texture(subject.ChartColours(colour, weight), ground, region)
    np.testing.assert_allclose(filled, _dense(colour, weight, ground, region), atol=2e-3)


def _dense(colour: np.ndarray, weight: np.ndarray, ground: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Every equation as a row of one matrix, solved by NumPy."""
    veil = np.maximum(0.15 * colour[weight > 0].mean(axis=0), 0.005)
    known, below = np.log(colour + veil), np.log(ground + veil)
    rows: list[tuple[dict[int, float], np.ndarray]] = []
    for y in range(SIZE):
        for x in range(SIZE):
            here = y * SIZE + x
            inside = region[y, x] in (Region.INNER_MOUTH, Region.TEETH)
            pull = 1.0 if inside else 6e-5 if region[y, x] in (Region.RIGHT_EYE, Region.LEFT_EYE) else 1e-6
            rows.append(({here: pull**0.5}, pull**0.5 * below[y, x]))
            if weight[y, x] and not inside:
                rows.append(({here: 1.0}, known[y, x]))
            for down, right in ((1, 0), (0, 1)):
                wraps = x + right == SIZE and region[y, x] == Region.SKIN
                if y + down == SIZE or (x + right == SIZE and not wraps):
                    continue
                other = (y + down, (x + right) % SIZE)
                if region[other] != region[y, x]:
                    continue
                ends = {other[0] * SIZE + other[1]: 1.0, here: -1.0}
                steps = [(0.02, below[other] - below[y, x])]
                if weight[y, x] and weight[other]:
                    steps.append((1.0, known[other] - known[y, x]))
                for firm, step in steps:
                    rows.append(({place: firm**0.5 * sign for place, sign in ends.items()}, firm**0.5 * step))
    matrix = np.zeros((len(rows), SIZE * SIZE))
    for number, (entries, _) in enumerate(rows):
        for column, value in entries.items():
            matrix[number, column] += value
    right_side = np.array([value for _, value in rows])
    solved = np.linalg.solve(matrix.T @ matrix, matrix.T @ right_side).reshape(SIZE, SIZE, 3)
    return np.clip(np.exp(solved) - veil, 2e-3, 1.0)


def test_what_is_seen_stays_and_what_is_not_takes_its_tone() -> None:
    size = 64
    region = regions(size)
    colour = np.full((size, size, 3), (0.5, 0.3, 0.2), np.float32)
    weight = np.zeros((size, size), np.float32)
    weight[8:40, 16:48] = 1.0
    ground = np.full((size, size, 3), (0.3, 0.3, 0.3), np.float32)
    filled = subject.fill_texture(subject.ChartColours(colour, weight), ground, region)
    np.testing.assert_allclose(filled[weight > 0], colour[weight > 0], atol=2e-3)
    # Nine texels of 64 away from what is seen the tone is still nearly that.
    np.testing.assert_allclose(filled[20, 5], colour[20, 5], atol=0.03)
    teeth = region == Region.TEETH
    np.testing.assert_allclose(filled[teeth], ground[teeth], atol=1e-3)
