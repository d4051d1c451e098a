from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.landmark_visibility import LIFT_MM, landmark_visibility, place_points
from synthgen.morphable.loaders.face_template import build_face_template
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from synthgen.morphable.template import SurfacePoints
from synthgen.raster.rasterize import rasterize

# A floor z = 50 over the whole picture of 8 x 8 (triangles 0, 1) and a square before it, x in (2, 5), y in (0, 4).
VERTICES = torch.tensor(
    [[[-9.0, -9, 50], [-9, 17, 50], [17, 17, 50], [17, -9, 50], [2, 0, 40], [2, 4, 40], [5, 4, 40], [5, 0, 40]]]
)
TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=torch.int32)


def on_floor(x: float, y: float) -> tuple[int, list[float]]:
    """Triangle and barycentrics of a point of the floor, both halves of which are right-angled."""
    u, v = (x + 9) / 26, (y + 9) / 26
    return (0, [1 - v, v - u, u]) if v >= u else (1, [1 - u, v, u - v])


def codes(
    places: list[tuple[float, float]], mask: torch.Tensor | None = None, vertices: torch.Tensor = VERTICES
) -> list:
    triangle, weights = zip(*(on_floor(*place) for place in places), strict=True)
    points = SurfacePoints(np.array(triangle, np.int32), np.array(weights, np.float32))
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool) if mask is None else mask
    placed = place_points(points, TRIANGLES)
    return landmark_visibility(placed, TRIANGLES, vertices.contiguous(), occluder, False)[0].tolist()


def test_each_code_computed_by_hand() -> None:
    mask = torch.zeros((1, 8, 8), dtype=torch.bool)
    mask[0, 6, 1] = mask[0, 1, 3] = True
    places = [(1.5, 5.5), (3.3, 1.2), (-1.0, 4.0), (8.5, 4.0), (4.0, 9.0), (1.9, 6.1), (2.1, 3.9), (1.9, 3.9)]
    expected = [LANDMARK_VISIBLE, LANDMARK_HIDDEN, LANDMARK_OUTSIDE, LANDMARK_OUTSIDE, LANDMARK_OUTSIDE]
    expected += [LANDMARK_OCCLUDED, LANDMARK_HIDDEN, LANDMARK_VISIBLE]
    assert codes(places, mask) == expected


def test_points_that_face_away_are_hidden() -> None:
    mirrored = VERTICES * torch.tensor([-1.0, 1, 1]) + torch.tensor([8.0, 0, 0])
    assert codes([(1.5, 5.5), (6.5, 2.5)], vertices=mirrored) == [LANDMARK_HIDDEN] * 2


def test_before_near_counts_as_outside() -> None:
    points = SurfacePoints(np.array([0], np.int32), np.array([[0.4, 0.3, 0.3]], np.float32))
    closer = VERTICES.clone()
    closer[..., 2] = 0.5
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool)
    placed = place_points(points, TRIANGLES)
    assert landmark_visibility(placed, TRIANGLES, closer, occluder, True).tolist() == [[LANDMARK_OUTSIDE]]


def test_a_point_at_an_edge_is_seen_with_either_side() -> None:
    """A roof whose right side faces away: its ridge and gable end are visible, a point of that side is not."""
    vertices = torch.tensor([[[1.0, 1, 50], [1, 7, 50], [4, 1, 45], [4, 7, 45], [3.5, 1, 60], [3.5, 7, 60]]])
    triangles = torch.tensor([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4]], dtype=torch.int32)
    points = SurfacePoints(
        np.array([2, 2, 2, 0], np.int32), np.array([[1, 0, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]])
    )
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool)
    found = landmark_visibility(place_points(points, triangles), triangles, vertices, occluder, False)[0]
    assert found.tolist() == [LANDMARK_VISIBLE, LANDMARK_VISIBLE, LANDMARK_HIDDEN, LANDMARK_VISIBLE]


def test_a_point_under_a_fold_is_as_visible_as_the_fold() -> None:
    """A sheet folded back under itself: its underside faces away, 1.5 or 3 mm behind the upper one."""
    triangles = torch.tensor([[0, 1, 2], [1, 3, 2], [0, 4, 5], [0, 5, 1]], dtype=torch.int32)
    under = SurfacePoints(np.array([2], np.int32), np.array([[0.2, 0.4, 0.4]], np.float32))
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool)
    for thickness, expected in ((1.5, LANDMARK_VISIBLE), (3.0, LANDMARK_HIDDEN)):
        behind = 50 + thickness / 0.8
        corners = [[1.0, 1, 50], [1, 7, 50], [7, 1, 50], [7, 7, 50], [6, 1, behind], [6, 7, behind]]
        vertices = torch.tensor([corners])
        placed = place_points(under, triangles)
        assert landmark_visibility(placed, triangles, vertices, occluder, False).tolist() == [[expected]]


def test_a_surface_just_in_front_hides_no_landmark() -> None:
    place = [(3.3, 1.2)]
    for gap, expected in ((1.9, LANDMARK_VISIBLE), (2.1, LANDMARK_HIDDEN)):
        vertices = VERTICES.clone()
        vertices[:, 4:, 2] = 50 - gap
        assert codes(place, vertices=vertices) == [expected]


def test_agrees_with_a_ray_cast_on_real_heads(pair, ray_hidden) -> None:
    points = pair.model.template.landmarks["ibug68"]
    placed = place_points(points, pair.triangles)
    hidden = total = differ = 0
    for view in (pair.source, pair.target):
        occluder = torch.zeros(view.fragments.triangle_id.shape, dtype=torch.bool)
        perspective = view.cameras.perspective
        found = landmark_visibility(placed, pair.triangles, view.vertices_image, occluder, perspective)
        for n, codes_of_head in enumerate(found):
            surface = (points.triangle, points.barycentric)
            expected = ray_hidden(view, pair.triangles.numpy(), n, surface, LIFT_MM)
            inside = codes_of_head != LANDMARK_OUTSIDE
            differ += int(((codes_of_head == LANDMARK_HIDDEN) != expected)[inside].sum())
            hidden, total = hidden + int(expected[inside].sum()), total + int(inside.sum())
    assert total > 300
    assert 0.05 < hidden / total < 0.7
    assert differ <= 1


def mean_head_codes(model: MorphableModel, euler_deg: tuple[float, float, float], perspective: bool) -> np.ndarray:
    """(68,) codes of the mean head in the middle of a picture, 600 mm before a perspective camera."""
    rotation = torch.from_numpy(rotation_from_euler(np.radians([euler_deg])).astype(np.float32))
    translation = torch.tensor([[0.0, 0.0, 600.0 if perspective else 0.0]])
    focal, middle = torch.tensor([480.0 if perspective else 0.8]), torch.tensor([[128.0, 128.0]])
    cameras = Cameras(perspective, rotation, translation, focal, middle)
    face = model.template.triangles[: model.template.label_count]
    vertices = torch.from_numpy(model.mean - model.mean[face].mean(axis=(0, 1)))[None]
    vertices_image = project(cameras, to_camera_space(cameras, vertices)).contiguous()
    triangles = torch.from_numpy(model.template.triangles)
    placed = place_points(model.template.landmarks["ibug68"], triangles)
    occluder = torch.zeros((1, 256, 256), dtype=torch.bool)
    return landmark_visibility(placed, triangles, vertices_image, occluder, perspective)[0]


@pytest.fixture(scope="module", params=["procedural", "ict", "foreign"])
def mean_model(request: pytest.FixtureRequest, procedural_model: MorphableModel) -> MorphableModel:
    """The built-in head, ICT-FaceKit, and the template that importers of other formats make, here for ICT's mesh."""
    if request.param == "procedural":
        return procedural_model
    model = load_model(request.getfixturevalue("ict_model_path"))
    if request.param == "ict":
        return model
    own = model.template
    corners = own.triangles[own.landmarks["ibug68"].triangle]
    vertices = corners[np.arange(68), own.landmarks["ibug68"].barycentric.argmax(axis=1)]
    shuffled = own.triangles[np.random.default_rng(0).permutation(len(own.triangles))]
    return replace(model, template=build_face_template(model.mean, shuffled, vertices))


@pytest.mark.parametrize("perspective", [False, True])
def test_a_frontal_mean_head_shows_brows_nose_eyes_and_mouth(mean_model: MorphableModel, perspective: bool) -> None:
    found = mean_head_codes(mean_model, (0.0, 0.0, 0.0), perspective)
    assert np.flatnonzero(found[17:] != LANDMARK_VISIBLE).tolist() == []


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize(("yaw", "far_eye", "far_corner"), [(80.0, range(42, 48), 54), (-80.0, range(36, 42), 48)])
def test_a_profile_hides_the_far_eye_and_mouth_corner(
    mean_model: MorphableModel, perspective: bool, yaw: float, far_eye: range, far_corner: int
) -> None:
    found = mean_head_codes(mean_model, (0.0, yaw, 0.0), perspective)
    assert (found[[*far_eye, far_corner]] == LANDMARK_HIDDEN).all()
    near = [*range(36, 42), 48] if yaw > 0 else [*range(42, 48), 54]
    assert (found[near] == LANDMARK_VISIBLE).sum() >= 5


@pytest.mark.gpu
def test_cuda_equals_the_cpu(pair) -> None:
    points, view = place_points(pair.model.template.landmarks["ibug68"], pair.triangles), pair.source
    occluder = torch.zeros(view.fragments.triangle_id.shape, dtype=torch.bool)
    arguments = (pair.triangles, view.vertices_image, occluder)
    expected = landmark_visibility(points, *arguments, view.cameras.perspective)
    on_gpu = place_points(pair.model.template.landmarks["ibug68"], pair.triangles.cuda())
    moved = landmark_visibility(on_gpu, *(tensor.cuda() for tensor in arguments), view.cameras.perspective)
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("size", [(128, 128), (300, 90), (61, 259)])
def test_the_rasterisers_list_of_fronts_changes_no_code(pair, size: tuple[int, int]) -> None:
    points, view = place_points(pair.model.template.landmarks["ibug68"], pair.triangles), pair.source
    perspective, occluder = view.cameras.perspective, torch.zeros((len(view.vertices_image), *size), dtype=torch.bool)
    scale = torch.tensor([size[1] / 128, size[0] / 128, 1.0])
    vertices = view.vertices_image * scale
    fronts = rasterize(vertices, pair.triangles, size, perspective).fronts
    assert fronts is not None
    listed = landmark_visibility(points, pair.triangles, vertices, occluder, perspective, fronts=fronts)
    assert (listed == LANDMARK_HIDDEN).any()
    np.testing.assert_array_equal(listed, landmark_visibility(points, pair.triangles, vertices, occluder, perspective))
