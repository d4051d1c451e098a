"""The target picture and the flow to it, against the general functions for pairs of pictures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.core.conventions import IGNORED, INVENTED, MATCHABLE, NO_FACE
from synthgen.fittings.mean_face import MeanFace, flow_to_mean_face, mean_face_scene, render_mean_face
from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.landmarks import landmarks_in_camera, landmarks_in_image
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.raster.interpolate import interpolate
from synthgen.recipe.sections import Flow, ProceduralModel
from synthgen.render.assets import HeadAssets, open_assets, open_head_assets
from synthgen.render.frame import Recipe
from synthgen.render.pair import label_pair
from synthgen.render.photo import Photos, photo_view
from synthgen.render.view import View, ViewOptions, render_view

SIZE = (96, 80)
COUNT = 3


@pytest.fixture(scope="module")
def assets() -> HeadAssets:
    return open_head_assets(ProceduralModel(), "cpu")


@pytest.fixture(scope="module")
def target() -> MeanFace:
    return render_mean_face(ProceduralModel(), SIZE, with_grid=True)


@pytest.fixture(scope="module")
def target_view(assets: HeadAssets) -> View:
    """The same scene, several times, through the path of rendered pictures."""
    whole = open_assets(Recipe(kind="images", count=1, size=SIZE), "cpu")
    return render_view([mean_face_scene(assets, SIZE)] * COUNT, whole, ViewOptions())


def photo_of_heads(assets: HeadAssets, **masks: torch.Tensor) -> View:
    random = np.random.default_rng(4)
    rotation = rotation_from_euler(np.radians([[0, 0, 0], [10, 50, -10], [-10, -70, 20]]))
    cameras = Cameras(
        False,
        torch.from_numpy(rotation.astype(np.float32)),
        torch.zeros(COUNT, 3),
        torch.full((COUNT,), 0.45),
        torch.tensor([[40.0, 50.0]]).repeat(COUNT, 1),
    )
    identity = random.normal(size=(COUNT, len(assets.model.identity_basis)))
    expression = np.zeros((COUNT, len(assets.model.expression_basis)))
    image = torch.zeros((COUNT, *SIZE, 3), dtype=torch.uint8)
    return photo_view(Photos(image, identity, expression, cameras, np.zeros(COUNT), **masks), assets)


def test_the_landmark_box_takes_its_share_in_the_middle(assets: HeadAssets, target: MeanFace) -> None:
    points = assets.model.template.landmarks["ibug68"]
    in_camera = landmarks_in_camera(points, assets.model.template, target.geometry.vertices_camera)
    found = landmarks_in_image(target.geometry.cameras, in_camera)[0]
    low, high = found.min(axis=0), found.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, (SIZE[1] / 2, SIZE[0] / 2), atol=1e-3)
    # 3DDFA crops a square of sqrt(2) times the larger side.
    assert np.sqrt(2) * (high - low).max() == pytest.approx(min(SIZE), abs=1e-3)


def test_the_picture_is_a_lit_face_on_gray(target: MeanFace) -> None:
    face = target.geometry.fragments.triangle_id[0].numpy() >= 0
    assert target.picture.shape == (*SIZE, 3) and target.picture.dtype == np.uint8
    assert target.picture[face].std() > 15 and 60 < target.picture[face].mean() < 220
    mirrored = target.picture[:, ::-1].astype(float) - target.picture
    assert np.abs(mirrored).mean() < 6  # frontal, and lit from the front
    corner = target.picture[-1, 0].astype(int)
    assert np.ptp(corner) <= 1


def test_exact_flow_is_that_of_a_pair(assets: HeadAssets, target: MeanFace, target_view: View) -> None:
    view = photo_of_heads(assets)
    expected, _ = label_pair(view, target_view, assets, Flow())
    found, checks = flow_to_mean_face(view, target, assets, Flow(), backward=True)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert all(0.1 < check["matchable_share"] <= 1 for check in checks)
    assert all(check["forward_backward_px"] < 0.1 for check in checks)
    forward, _ = flow_to_mean_face(view, target, assets, Flow(), backward=False)
    assert forward.keys() == {"flow", "matchability"}
    np.testing.assert_array_equal(forward["matchability"], expected["matchability"])


def test_nearest_uv_is_the_general_matcher(assets: HeadAssets, target: MeanFace, target_view: View) -> None:
    view = photo_of_heads(assets)
    section = Flow(method="nearest_uv", threshold=0.02)
    mesh = assets.tensors
    charts = [interpolate(item.faces.fragments, mesh.triangles, mesh.uv) for item in (view, target_view)]
    flow, code = match_nearest_uv(*charts, 0.02)
    found, _ = flow_to_mean_face(view, target, assets, section, backward=True)
    np.testing.assert_array_equal(found["matchability"], code)
    same = (found["flow"] == flow.numpy()) | np.isnan(found["flow"])
    assert same.all(axis=-1).mean() > 0.999  # where two pixels are equally near, the other may be taken
    backward, code_backward = match_nearest_uv(charts[1], charts[0], 0.02)
    np.testing.assert_array_equal(found["matchability_backward"], code_backward)
    np.testing.assert_array_equal(found["flow_backward"], backward)


@pytest.mark.parametrize("method", ("exact", "nearest_uv"))
def test_ignored_and_invented_pixels_have_their_reason(assets: HeadAssets, target: MeanFace, method: str) -> None:
    ignore, invented = (torch.zeros((COUNT, *SIZE), dtype=torch.bool) for _ in range(2))
    ignore[:, 30:50], invented[:, 45:60] = True, True
    section = Flow.model_validate({"method": method})
    plain, _ = flow_to_mean_face(photo_of_heads(assets), target, assets, section, backward=True)
    masked_view = photo_of_heads(assets, ignore_mask=ignore, invented_mask=invented)
    masked, _ = flow_to_mean_face(masked_view, target, assets, section, backward=True)
    face = plain["matchability"] != NO_FACE
    expected = np.where(face & invented.numpy(), INVENTED, plain["matchability"])
    expected = np.where(face & ignore.numpy(), IGNORED, expected)
    np.testing.assert_array_equal(masked["matchability"], expected)
    assert np.isfinite(masked["flow"][expected == INVENTED]).all()
    kept = (expected == MATCHABLE)[..., None]
    np.testing.assert_array_equal(np.where(kept, masked["flow"], 0), np.where(kept, plain["flow"], 0))
    # On the way back the pixel of the photo that is hit decides.
    back = plain["flow_backward"]
    for n, row, column in np.argwhere(plain["matchability_backward"] == MATCHABLE)[::53]:
        end = (np.array([column + 0.5, row + 0.5]) + back[n, row, column]).astype(int)
        reason = IGNORED if ignore[n, end[1], end[0]] else INVENTED if invented[n, end[1], end[0]] else MATCHABLE
        assert masked["matchability_backward"][n, row, column] == reason


def test_nearest_uv_ignores_no_flow(assets: HeadAssets, target: MeanFace) -> None:
    everything = torch.ones((COUNT, *SIZE), dtype=torch.bool)
    view = photo_of_heads(assets, ignore_mask=everything)
    found, checks = flow_to_mean_face(view, target, assets, Flow(method="nearest_uv"), backward=True)
    assert np.isnan(found["flow"]).all() and set(np.unique(found["matchability"])) == {NO_FACE, IGNORED}
    assert all(check["matchable_share"] == 0 for check in checks)


def test_any_number_of_photos(assets: HeadAssets, target: MeanFace) -> None:
    view = photo_of_heads(assets)
    two = replace(target, picture=target.picture.copy())  # another target, another cache entry
    first, _ = flow_to_mean_face(view, target, assets, Flow(), backward=False)
    again, _ = flow_to_mean_face(view, two, assets, Flow(), backward=False)
    np.testing.assert_array_equal(first["flow"], again["flow"])
