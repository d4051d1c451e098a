"""Flow of a photo that moves, against the flow that is known in closed form."""

import numpy as np
import pytest

from synthgen.core.conventions import IGNORED, MATCHABLE, NO_FACE, OCCLUDED_HERE
from synthgen.fittings.augment import Augmentation, augmentation_similarity, sample_augmentation
from synthgen.geometry.similarity import inverse, move_points
from synthgen.recipe.photo_sections import Augment
from training.moved_photo import moved_photo

SIZE = (40, 48)
# Source to target: an affine map, which interpolation between pixels gives back exactly.
LINEAR, SHIFT = np.array([[0.9, 0.2], [-0.1, 1.2]]), np.array([3.0, -5.0])


def places() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return np.stack([x, y], axis=-1)


def photo() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey levels are the columns, everything matches but a corner without a face."""
    here = places()
    pixels = np.repeat((4 * here[..., :1]).astype(np.uint8), 3, axis=-1)
    codes = np.full(SIZE, MATCHABLE, np.uint8)
    codes[:8, :8] = NO_FACE
    flow = (here @ LINEAR.T + SHIFT - here).astype(np.float32)
    flow[:8, :8] = np.nan
    return pixels, flow, codes


def test_flow_leads_where_it_led() -> None:
    chosen = Augmentation(1.1, 0.3, (2.0, -1.0), ())
    pixels, flow, codes = photo()
    image, moved, code = moved_photo(pixels, flow, codes, chosen)
    back = inverse(augmentation_similarity([chosen], SIZE))
    old = move_points(back, places().reshape(1, -1, 2)).reshape(*SIZE, 2)
    inside = ((old > 1) & (old < [SIZE[1] - 1, SIZE[0] - 1])).all(axis=-1)
    face = inside & ((old > 9.5).any(axis=-1))
    assert face.sum() > 800 and (code[face] == MATCHABLE).all()
    expected = old @ LINEAR.T + SHIFT
    np.testing.assert_allclose((places() + moved)[face], expected[face], atol=1e-3)
    # The picture moves by the same map: its grey levels are still the old columns.
    np.testing.assert_allclose(image[face][:, 0], 4 * old[face][:, 0], atol=6)
    outside = ((old < 0) | (old > [SIZE[1], SIZE[0]])).any(axis=-1)
    assert outside.any() and (code[outside] == IGNORED).all()
    corner = inside & (old < 7).all(axis=-1)
    assert corner.any() and (code[corner] == NO_FACE).all()


def test_nothing_moves_without_a_motion() -> None:
    image, flow, codes = moved_photo(*photo(), Augmentation(1.0, 0.0, (0.0, 0.0), ()))
    assert np.array_equal(image, photo()[0]) and np.array_equal(codes, photo()[2])
    np.testing.assert_allclose(flow, photo()[1], atol=1e-5)


def test_rectangles_occlude_what_they_cover() -> None:
    one, size = ({"distribution": "constant", "value": value} for value in (1, 0.4))
    section = Augment.model_validate({"rectangles": one, "rectangle_size": size})
    chosen = sample_augmentation(section, 3, 0, SIZE)
    own = photo()
    image, _, codes = moved_photo(*own, chosen)
    assert np.array_equal(own[0], photo()[0])
    covered = codes == OCCLUDED_HERE
    assert 50 < covered.sum() < 800
    changed = (image != photo()[0]).any(axis=-1)
    assert not (covered & ~changed).sum() > 0.05 * covered.sum()
    assert not (changed & ~covered & (photo()[2] == MATCHABLE)).any()
    assert codes[covered].tolist() == pytest.approx([OCCLUDED_HERE] * int(covered.sum()))
