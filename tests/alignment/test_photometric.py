"""Photometric fits of rendered heads: nearer to the truth than landmarks alone, the same every time, and never NaN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.rendered_heads import (
    RenderedHeads,
    annotate,
    fit_annotated,
    head_errors,
    landmark_options,
    photo_of,
    render_heads,
    start_of,
    true_head,
)
from synthgen.alignment.lighting_fit import fit_light, open_light_prior
from synthgen.alignment.photo_points import Sampling
from synthgen.alignment.photometric import FacePhoto, PhotometricFit, PhotometricOptions, fit_photometric
from synthgen.alignment.photometric_heads import head_unknowns
from synthgen.alignment.photometric_model import PhotometricModel, open_photometric_model
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.asset_io.lighting import frontal_level
from synthgen.core.errors import ModelError, UsageError
from synthgen.fittings.decomposition import Decomposer
from synthgen.morphable.model import MorphableModel

Array = NDArray[np.float64]
QUICK = PhotometricOptions(points=(300, 600), rounds=1, steps=2)


@pytest.fixture(scope="module")
def points(rendered: RenderedHeads) -> Array:
    return annotate(rendered)


@pytest.fixture(scope="module")
def starts(builtin: MorphableModel, photometric: PhotometricModel, rendered: RenderedHeads, points: Array):  # type: ignore[no-untyped-def]
    return [start_of(photometric, fits) for fits in fit_annotated(builtin, rendered, points)]


def arrays_of(fit: PhotometricFit) -> list[Array]:
    head = fit.head
    numbers = [head.rotation, head.translation, head.focal, head.principal, head.shape]
    return [*numbers, fit.light, fit.albedo, fit.absorbance, np.array(fit.rms), np.array(fit.inliers)]


def assert_kept(fit: PhotometricFit, start: HeadUnknowns, reason: str) -> None:
    """The landmark fit is what comes out, with the reason, and every number can be stored."""
    assert not fit.accepted
    assert any(reason in flag for flag in fit.flags), fit.flags
    for name in ("rotation", "translation", "focal", "principal", "shape"):
        np.testing.assert_array_equal(getattr(fit.head, name), getattr(start, name))
    assert all(np.isfinite(array).all() for array in arrays_of(fit)[5:])


def test_the_light_of_known_surfaces_in_closed_form(rendered: RenderedHeads) -> None:
    for row in range(len(rendered.pixels)):
        seen = np.isfinite(rendered.albedo[row]).all(axis=-1) & np.isfinite(rendered.normals[row]).all(axis=-1)
        albedo, normals = rendered.albedo[row][seen], rendered.normals[row][seen]
        light = fit_light(albedo * rendered.shading[row][seen], albedo, normals)
        # Part of the sphere of normals is not seen, and what is not seen is not determined: compare what is.
        np.testing.assert_allclose(light, rendered.light[row], atol=0.02 * np.abs(rendered.light[row]).max())


def test_the_prior_gives_light_to_a_face_without_any() -> None:
    prior = open_light_prior()
    nothing = np.zeros((0, 3))
    light = fit_light(nothing, nothing, nothing, None, prior)
    np.testing.assert_allclose(light.ravel(), prior.mean, atol=1e-9)
    assert frontal_level(light) == pytest.approx(1.0)
    assert np.isinf(prior.energy(-prior.mean))


def test_the_prior_prefers_white_light_whatever_its_level() -> None:
    """A tinted light costs the same when all of it is dimmer; dimming costs by itself."""
    prior = open_light_prior()
    tint = np.tile([1.3, 1.0, 0.7], 9)
    tinted = prior.mean * tint / float(prior.level @ (prior.mean * tint))

    def hue(light: Array) -> float:
        return prior.energy(light) - 0.5 * (np.log(prior.level @ light) / prior.strength) ** 2

    assert hue(tinted) > hue(prior.mean) + 4.0
    assert hue(0.3 * tinted) == pytest.approx(hue(tinted))
    assert prior.energy(0.3 * tinted) > prior.energy(tinted) + 5.0


@pytest.mark.parametrize("kind", ["builtin", "ict"])
def test_nearer_to_the_truth_than_landmarks(request: pytest.FixtureRequest, builtin: MorphableModel, kind: str) -> None:
    """Mean vertex error (mm) and NME over eight heads each, from points with 1.5 px of noise at 128 px."""
    if kind == "builtin":
        model, truth = request.getfixturevalue("photometric"), request.getfixturevalue("rendered")
    else:
        path: Path = request.getfixturevalue("ict_model_path")
        truth, assets = render_heads(8, f"{{path: {path}}}", "scaled_orthographic")
        model = open_photometric_model(assets.model, landmark_options())
    annotated = annotate(truth)
    before, after = [], []
    for row, fits in enumerate(fit_annotated(model.model, truth, annotated)):
        start = start_of(model, fits)
        fit = fit_photometric(model, photo_of(truth, annotated, row), start)
        assert fit.accepted, fit.flags
        assert all(np.isfinite(array).all() for array in arrays_of(fit))
        assert fit.rms[1] < fit.rms[0]
        before.append(head_errors(model.model, truth, row, start))
        after.append(head_errors(model.model, truth, row, fit.head))
    vertex = [float(np.mean([error.vertex_mm for error in errors])) for errors in (before, after)]
    nme = [float(np.mean([error.nme for error in errors])) for errors in (before, after)]
    print(f"{kind}: vertex error {vertex[0]:.2f} -> {vertex[1]:.2f} mm, NME {nme[0]:.2%} -> {nme[1]:.2%}")
    assert vertex[1] < 0.8 * vertex[0]
    assert nme[1] < 0.7 * nme[0]
    assert sum(new.vertex_mm < old.vertex_mm for old, new in zip(before, after)) >= 7


def test_energies_fall_within_each_round(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    fit = fit_photometric(photometric, photo_of(rendered, points, 0), starts[0])
    assert [one.scale for one in fit.rounds] == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0]
    for one in fit.rounds:
        assert one.energy[1] <= one.energy[0]
        assert one.energy[0] == pytest.approx(one.data[0] + one.landmarks[0] + one.shape[0] + one.appearance[0])


def test_the_same_every_time_and_for_any_order(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    photos = [photo_of(rendered, points, row) for row in range(2)]
    first = [fit_photometric(photometric, photos[row], starts[row], QUICK) for row in (0, 1)]
    again = [fit_photometric(photometric, photos[row], starts[row], QUICK) for row in (1, 0)][::-1]
    for one, other in zip(first, again):
        for array, same in zip(arrays_of(one), arrays_of(other)):
            np.testing.assert_array_equal(array, same)


def test_a_perfect_start_is_hardly_moved(photometric: PhotometricModel, rendered: RenderedHeads) -> None:
    """With a photo that is believed, nothing pulls a true head away but the priors a little: there is no bias."""
    start = true_head(rendered, photometric.fitter.space, 2)
    photo = FacePhoto(rendered.pixels[2], np.ones((128, 128), bool), rendered.contour[2], np.ones(68, bool))
    believed = PhotometricOptions(sampling=Sampling(independent_mm=3.0, relative_noise=0.05))
    error = head_errors(photometric.model, rendered, 2, fit_photometric(photometric, photo, start, believed).head)
    assert error.vertex_mm < 1.4
    assert error.nme < 0.004


def test_a_large_photo_gives_the_same_head(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    """A photo of three times the size is reduced to the same crop; the head comes back in its pixels."""
    photo = photo_of(rendered, points, 1)
    large = FacePhoto(
        np.kron(photo.pixels, np.ones((3, 3, 1), np.uint8)), np.ones((384, 384), bool), 3 * photo.landmarks, photo.seen
    )
    start = starts[1]
    grown = replace(start, focal=3 * start.focal, principal=3 * start.principal, unit=3 * start.unit)
    small, big = fit_photometric(photometric, photo, start), fit_photometric(photometric, large, grown)
    assert big.accepted
    errors = [head_errors(photometric.model, rendered, 1, fit.head).vertex_mm for fit in (small,)]
    moved = replace(big.head, focal=big.head.focal / 3, principal=big.head.principal / 3, unit=big.head.unit / 3)
    errors.append(head_errors(photometric.model, rendered, 1, moved).vertex_mm)
    assert abs(errors[0] - errors[1]) < 0.6


def test_the_decomposition_adds_up(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    photo = photo_of(rendered, points, 3)
    fit = fit_photometric(photometric, photo, starts[3])
    parts = Decomposer(photometric).decompose(photo, fit, rendered.contour[3])
    seen = parts.mask
    assert seen.mean() > 0.3
    np.testing.assert_allclose(parts.model_albedo[seen] * parts.shading[seen], parts.reconstruction[seen], rtol=1e-6)
    assert np.isnan(parts.albedo[~seen]).all() and np.isfinite(parts.albedo[seen]).all()
    assert np.median(np.abs(parts.residual[seen])) < 0.02
    # The photo's own albedo times the shading is the photo, but where it is nearly dark.
    shown = parts.residual[seen] + parts.reconstruction[seen]
    lit = parts.shading[seen] > np.median(parts.shading[seen])
    np.testing.assert_allclose((parts.albedo * parts.shading)[seen][lit], shown[lit], atol=0.03)


def test_absorbances_are_cut_without_a_loss(photometric: PhotometricModel) -> None:
    """The layers take absorbances from 0 on only; what a fit wants beyond comes back as a departure."""
    space, layers, patches = photometric.albedo, photometric.layers[1][:200], photometric.patches[:200]
    albedo = 2.0 * np.random.default_rng(4).standard_normal(space.count)
    constant, linear = space.log_albedo(layers, patches)
    absorbance = space.absorbance(albedo)
    assert (absorbance == 0).any() and (absorbance >= 0).all()
    found = -layers @ absorbance + space.departure(albedo, layers, patches)
    np.testing.assert_allclose(found, constant + linear @ albedo, atol=1e-4)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("black", "black"),
        ("white", "burnt out"),
        ("flat", "one colour"),
        ("masked", "not masked"),
        ("elsewhere", "outside the picture"),
        ("behind", "behind the camera"),
        ("not finite", "not finite"),
    ],
)
def test_photos_that_say_nothing(
    photometric: PhotometricModel,
    rendered: RenderedHeads,
    points: Array,
    starts: list[HeadUnknowns],
    case: str,
    reason: str,
) -> None:
    photo, start = photo_of(rendered, points, 0), starts[0]
    if case in ("black", "white", "flat"):
        value = {"black": 0, "white": 255, "flat": 120}[case]
        photo = replace(photo, pixels=np.full_like(photo.pixels, value))
    elif case == "masked":
        photo = replace(photo, usable=np.zeros((128, 128), bool))
    elif case == "elsewhere":
        start = replace(start, principal=start.principal + 1000.0)
    elif case == "behind":
        start = replace(start, translation=-start.translation)
    else:
        start = replace(start, shape=np.full_like(start.shape, np.nan))
    assert_kept(fit_photometric(photometric, photo, start, QUICK), start, reason)


def test_a_grey_photo_is_fitted_and_flagged(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    photo = photo_of(rendered, points, 0)
    grey = np.repeat(photo.pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    fit = fit_photometric(photometric, replace(photo, pixels=grey), starts[0])
    assert any("grey" in flag for flag in fit.flags)
    assert all(np.isfinite(array).all() for array in arrays_of(fit))
    assert head_errors(photometric.model, rendered, 0, fit.head).nme < 0.012


def test_a_photo_of_something_else_moves_the_head_little(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    fit = fit_photometric(photometric, replace(photo_of(rendered, points, 0), pixels=noise), starts[0], QUICK)
    assert all(np.isfinite(array).all() for array in arrays_of(fit))
    assert head_errors(photometric.model, rendered, 0, fit.head).nme < 0.04


def test_masked_pixels_have_no_say(
    photometric: PhotometricModel, rendered: RenderedHeads, points: Array, starts: list[HeadUnknowns]
) -> None:
    """What lies under a mask may be anything: the result is the same to the last bit."""
    photo = photo_of(rendered, points, 4)
    usable = np.ones((128, 128), bool)
    usable[40:60, 50:90] = False
    scribbled = photo.pixels.copy()
    scribbled[41:59, 51:89] = (0, 255, 0)
    fits = [
        fit_photometric(photometric, replace(photo, pixels=pixels, usable=usable), starts[4], QUICK)
        for pixels in (photo.pixels, scribbled)
    ]
    assert fits[0].accepted
    for array, same in zip(arrays_of(fits[0]), arrays_of(fits[1])):
        np.testing.assert_array_equal(array, same)


def test_wrong_arguments(
    builtin: MorphableModel,
    photometric: PhotometricModel,
    rendered: RenderedHeads,
    points: Array,
    starts: list[HeadUnknowns],
) -> None:
    photo = photo_of(rendered, points, 0)
    with pytest.raises(UsageError, match="uint8"):
        fit_photometric(photometric, replace(photo, pixels=photo.pixels.astype(np.float32)), starts[0])
    with pytest.raises(UsageError, match="usable"):
        fit_photometric(photometric, replace(photo, usable=np.ones((3, 3), bool)), starts[0])
    with pytest.raises(UsageError, match="68"):
        fit_photometric(photometric, replace(photo, landmarks=photo.landmarks[:5]), starts[0])
    bare = replace(builtin, template=replace(builtin.template, landmarks={}))
    with pytest.raises(ModelError, match="ibug68"):
        open_photometric_model(bare)
    islands = replace(builtin, template=replace(builtin.template, uv=np.zeros_like(builtin.template.uv)))
    with pytest.raises(ModelError, match="chart"):
        open_photometric_model(islands)


def test_heads_come_back_from_their_unknowns(photometric: PhotometricModel, rendered: RenderedHeads) -> None:
    space = photometric.fitter.space
    head = true_head(rendered, space, 0)
    identity, expression = space.coefficients(head.shape)
    again = head_unknowns(
        space, head.perspective, (head.rotation[0], head.translation[0], float(head.focal[0]), head.principal[0]),
        identity[0], expression[0],
    )  # fmt: skip
    np.testing.assert_allclose(again.shape, head.shape, atol=1e-12)
    np.testing.assert_allclose(identity[0], rendered.identity[0], atol=1e-12)
