"""Derivatives of the photometric term against finite differences, and its parts against independent answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.rendered_heads import RenderedHeads, true_head
from synthgen.alignment.lighting_fit import LIGHTS, open_light_prior, shade
from synthgen.alignment.photo_points import Sampling, choose_points
from synthgen.alignment.photo_pyramid import build_pyramid, sample_smooth
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.photometric_term import AppearancePrior, PhotometricTerm, PhotoUnknowns
from synthgen.alignment.surface_rings import build_rings, ring_normals, ring_pull
from synthgen.core.spherical_harmonics import irradiance
from synthgen.morphable.model import MorphableModel
from synthgen.raster.normals import build_adjacency, vertex_normals

Array = NDArray[np.float64]


def exact(points):  # type: ignore[no-untyped-def]
    """The points in double precision."""
    names = ("mean", "basis", "log_mean", "log_basis", "share", "noise")
    return replace(points, **{name: getattr(points, name).astype(np.float64) for name in names})


def term_and_state(
    photometric: PhotometricModel, truth: RenderedHeads, row: int = 1, scale: int = 0
) -> tuple[PhotometricTerm, PhotoUnknowns]:
    pixels = truth.pixels[row]
    levels = build_pyramid(pixels, np.ones(pixels.shape[:2], bool), 3)
    blank = disturbed_truth(photometric, truth, row)
    chosen = choose_points(photometric, blank.head, levels[0], levels[scale], Sampling(count=60))
    assert chosen is not None
    level = replace(levels[scale], colour=levels[scale].colour.astype(np.float64))
    term = PhotometricTerm(exact(chosen.points), level, chosen.valid.astype(np.float64), ("geman_mcclure", 3.0))
    return term, blank


def disturbed_truth(photometric: PhotometricModel, truth: RenderedHeads, row: int) -> PhotoUnknowns:
    rng = np.random.default_rng(3)
    space = photometric.fitter.space
    head = true_head(truth, space, row)
    shape = space.limited(head.shape + 0.1 * np.abs(rng.standard_normal(head.shape.shape)))
    light = truth.light[row].reshape(1, LIGHTS) + 0.02 * rng.standard_normal((1, LIGHTS))
    return PhotoUnknowns(replace(head, shape=shape), light, 0.3 * rng.standard_normal((1, photometric.albedo.count)))


def differences(value, state: PhotoUnknowns, columns: list[int]) -> Array:  # type: ignore[no-untyped-def]
    found = []
    for column in columns:
        step = np.zeros((1, state.count))
        step[:, column] = 1e-6
        found.append((value(state.moved(step)) - value(state.moved(-step))) / 2e-6)
    return np.stack(found, axis=-1)


@pytest.mark.parametrize("scale", [0, 2])
def test_jacobian(photometric: PhotometricModel, rendered: RenderedHeads, scale: int) -> None:
    term, state = term_and_state(photometric, rendered, scale=scale)
    _, jacobian = term.linearized(state)
    first = state.head_count
    columns = [*range(12), *range(first - 6, first), *range(first, first + LIGHTS), first + LIGHTS, state.count - 1]
    expected = differences(lambda at: term.linearized(at)[0], state, columns)
    # A clamp (no light) or a limit of the shape may lie within the step of a few entries; none does here.
    np.testing.assert_allclose(jacobian[..., columns], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max(axis=(0, 1)).min() > 0


def test_the_normals_have_a_part_in_it(photometric: PhotometricModel, rendered: RenderedHeads) -> None:
    """Without the derivative of shading through the normals the Jacobian would be far off."""
    term, state = term_and_state(photometric, rendered)
    flat = replace(term.level, colour=np.full_like(term.level.colour, 0.3))  # places do not matter
    term = PhotometricTerm(term.points, flat, term.valid, term.kernel)
    _, jacobian = term.linearized(state)
    columns = [0, 1, 2, 6, 7, 8]
    expected = differences(lambda at: term.linearized(at)[0], state, columns)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(jacobian[..., columns], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_gradient_of_the_energy(photometric: PhotometricModel, rendered: RenderedHeads) -> None:
    term, state = term_and_state(photometric, rendered)
    gradient = term.quadratic(state).gradient[0]
    columns = [0, 3, 5, 6, 20, state.head_count, state.head_count + LIGHTS]
    expected = differences(term.energy, state, columns)[0]
    np.testing.assert_allclose(gradient[columns], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_gradient_of_the_prior(photometric: PhotometricModel, rendered: RenderedHeads) -> None:
    _, state = term_and_state(photometric, rendered)
    prior = AppearancePrior(open_light_prior())
    columns = [0, state.head_count, state.head_count + 13, state.head_count + LIGHTS + 2]
    expected = differences(prior.energy, state, columns)[0]
    np.testing.assert_allclose(prior.quadratic(state).gradient[0][columns], expected, rtol=1e-4, atol=1e-6)


def test_ring_normals_are_those_of_the_renderer(builtin: MorphableModel) -> None:
    triangles = torch.from_numpy(builtin.template.triangles)
    expected = vertex_normals(
        torch.from_numpy(builtin.mean)[None], triangles, build_adjacency(triangles, len(builtin.mean))
    )
    rings = build_rings(builtin.template.triangles, np.arange(len(builtin.mean)))
    assert len(rings.vertices) > 0.9 * len(builtin.mean)
    points = builtin.mean[rings.ring].astype(np.float64)
    normals, _, _ = ring_normals(points, rings.following, rings.preceding)
    np.testing.assert_allclose(normals, expected[0].numpy()[rings.vertices], atol=2e-4)


def test_an_open_and_a_forked_surface() -> None:
    """A square of two triangles has normals at its open corners; an edge with three triangles is left out."""
    square = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
    rings = build_rings(square, np.arange(4))
    normals, length, _ = ring_normals(points[rings.ring], rings.following, rings.preceding)
    np.testing.assert_allclose(normals, np.tile([0.0, 0.0, 1.0], (4, 1)))
    np.testing.assert_allclose(length, [2.0, 1.0, 2.0, 1.0])
    forked = np.array([[0, 1, 2], [0, 1, 3]], np.int32)
    assert build_rings(forked, np.arange(4)).vertices.tolist() == [2, 3]


def test_pull_on_the_neighbours_of_an_open_surface() -> None:
    """By finite differences of the summed normal, where the ring is not closed and the point itself counts."""
    square = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    points = np.array([[0, 0, 0.3], [1, 0, 0], [1, 1, -0.2], [0, 1, 0]], np.float64)
    rings = build_rings(square, np.arange(4))
    pull = np.random.default_rng(5).standard_normal((4, 1, 3))

    def pulled(at: Array) -> Array:
        normals, length, _ = ring_normals(at, rings.following, rings.preceding)
        return np.einsum("pd,pd->p", normals * length[:, None], pull[:, 0])

    around = points[rings.ring]
    found = ring_pull(ring_normals(around, rings.following, rings.preceding)[2], pull)[:, 0]
    for column in range(4):
        for axis in range(3):
            step = np.zeros_like(around)
            step[:, column, axis] = 1e-6
            expected = (pulled(around + step) - pulled(around - step)) / 2e-6
            real = (column == 0) | (rings.ring[:, column] != rings.vertices)  # padding stands still
            np.testing.assert_allclose(found[real, column, axis], expected[real], atol=1e-7)
    assert np.abs(found[:, 0]).min(axis=1).max() > 0


def test_a_smooth_photo_is_exact_on_ramps() -> None:
    y, x = np.mgrid[:20, :30] + 0.5
    picture = np.stack([0.02 * x + 0.01 * y, 0.5 - 0.01 * x], axis=-1)
    places = np.random.default_rng(0).uniform(3, 16, (50, 2))
    values, slopes = sample_smooth(picture, places)
    np.testing.assert_allclose(values[:, 0], 0.02 * places[:, 0] + 0.01 * places[:, 1])
    np.testing.assert_allclose(slopes, np.broadcast_to([[0.02, 0.01], [-0.01, 0.0]], slopes.shape), atol=1e-12)


def test_gradient_of_a_rough_photo() -> None:
    rng = np.random.default_rng(1)
    picture, places = rng.random((12, 12, 3)), rng.uniform(-1, 13, (40, 2))
    _, slopes = sample_smooth(picture, places)
    for axis in range(2):
        step = 1e-6 * np.eye(2)[axis]
        expected = (sample_smooth(picture, places + step)[0] - sample_smooth(picture, places - step)[0]) / 2e-6
        np.testing.assert_allclose(slopes[..., axis], expected, atol=1e-7)


def test_shading_is_the_convention(rendered: RenderedHeads) -> None:
    rng = np.random.default_rng(2)
    normals = rng.standard_normal((50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = shade(rendered.light[0], normals)
    np.testing.assert_allclose(found.value, np.maximum(irradiance(rendered.light[0], normals), 0) / np.pi)


def test_a_burnt_out_channel_is_not_used() -> None:
    pixels = np.full((8, 8, 3), 100, np.uint8)
    pixels[2, 3, 0], pixels[5, 5] = 255, 0
    usable = np.ones((8, 8), bool)
    usable[0] = False
    valid = build_pyramid(pixels, usable, 1)[0].valid
    assert valid[2, 3].tolist() == [0, 1, 1]
    assert not valid[5, 5].any() and not valid[0].any()
    assert valid.sum() == 3 * 64 - 1 - 3 - 24
