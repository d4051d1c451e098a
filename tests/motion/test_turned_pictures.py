"""What turned pictures look like, measured: nothing of the background in the face, no seams, no stairs."""

from functools import cache

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.motion.cover import MARGIN, Rim, pulled_in, rim_margin
from synthgen.motion.mesh_image import MeshImage, build_mesh_image
from synthgen.motion.paint import paint, sample_photo
from synthgen.motion.turn import Turned, camera_turn, turn_mesh
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize
from synthgen.render.heads import evaluate_heads
from tests.motion.turned_photos import SIZE, coefficients, head_assets, heads_at

BOTH = pytest.mark.parametrize("perspective", [False, True])
Pose = tuple[float, float, float]


@cache
def mesh_at(pose: Pose, perspective: bool) -> MeshImage:
    return build_mesh_image(heads_at([pose], perspective), SIZE, head_assets())


def euler(*degrees: float) -> np.ndarray:
    return rotation_from_euler(np.radians(np.array([degrees])))


def face_of(cameras: Cameras, factor: int = 1) -> torch.Tensor:
    """(H, W) bool of the picture, `factor` times as fine: where the face is in it, drawn for itself."""
    assets = head_assets()
    heads = evaluate_heads(coefficients(1), cameras, assets.tensors)
    points = heads.vertices_image * torch.tensor([factor, factor, 1.0])
    fragments = rasterize(points, assets.tensors.triangles, (factor * SIZE[0], factor * SIZE[1]), cameras.perspective)
    return (fragments.triangle_id[0] >= 0) & (fragments.triangle_id[0] < assets.model.template.label_count)


def eroded(mask: torch.Tensor, by: int) -> torch.Tensor:
    inverse = (~mask)[None, None].float()
    return torch.nn.functional.max_pool2d(inverse, 2 * by + 1, 1, by)[0, 0] == 0


def turn_about(degrees: float) -> torch.Tensor:
    matrix = camera_turn(mesh_at((0, 0, 0), False).cameras, euler(0, degrees, 0))
    return torch.from_numpy(matrix.astype(np.float32))


def rim_around(angle: torch.Tensor, share: torch.Tensor) -> Rim:
    """Points (1, P) in the directions `angle` (P,), 0 to the right and growing downwards, of a round face of 100 px."""
    direction = torch.stack([angle.cos(), angle.sin()], dim=-1)[None]
    return Rim(direction, torch.full((1, len(angle)), 100.0), share[None], rim_margin(-direction[..., 1]))


@pytest.mark.parametrize("yaw", [-60.0, 5.0, 15.0, 40.0])
def test_the_rim_gives_way_continuously_from_chin_to_hairline(yaw: float):
    angle = torch.linspace(0, 2 * np.pi, 361)
    shift = pulled_in(rim_around(angle, torch.ones(361)), turn_about(yaw))[0].norm(dim=-1) / 100.0
    assert float(shift.max()) > (0.001 if yaw == 5 else 0.05)
    # Per degree of direction; a sideburn cut off at the eye line was a step of 0.01.
    step = shift.diff().abs()
    assert float(step[torch.sin(angle[1:]) < 0.4].max()) < 0.006  # sides and temples, both
    assert float(step.max()) < 0.012  # about the chin
    assert float(shift[270]) < 1e-6  # the hairline stays


@pytest.mark.parametrize("yaw", [3.0, 8.0, 60.0])
def test_what_lies_further_out_shows_what_lies_further_out(yaw: float):
    share = torch.linspace(0.2, 1.3, 500)
    for degrees in range(0, 360, 15):
        rim = rim_around(torch.full((500,), np.radians(degrees)), share)
        outwards = (pulled_in(rim, turn_about(yaw))[0] * rim.direction[0]).sum(dim=-1)
        shown = 100.0 * share + outwards
        assert float(shown.diff().min()) > 0
        assert float(outwards.max()) <= 0 and float(outwards.min()) > -100.0 * max(MARGIN) - 1e-3
        assert float(outwards[share < 0.6].min()) == 0


@BOTH
@pytest.mark.parametrize("axis", [0, 1])
def test_small_turns_invent_little(perspective: bool, axis: int):
    mesh, shares = mesh_at((0, 0, 0), perspective), []
    for degrees, most in ((1.0, 0.01), (-1.0, 0.01), (2.0, 0.04), (5.0, 0.06), (-5.0, 0.06)):
        angles = np.zeros(3)
        angles[axis] = degrees
        turned = turn_mesh(mesh, euler(*angles))
        share = float(turned.invented[0][face_of(turned.cameras)].float().mean())
        assert share < most, (degrees, share)
        shares.append(share)
    assert shares[0] < shares[3] < 0.5 * float(turn_mesh(mesh, euler(0, 40, 0)).invented[0].float().sum())


def green_screen(mesh: MeshImage, smaller: int) -> torch.Tensor:
    """(1, H, W, 3) uint8: the head in one colour before pure green, the fit larger than it by `smaller` px."""
    skin, green = torch.tensor([210, 150, 130]), torch.tensor([0, 255, 0])
    head = eroded(torch.isfinite(mesh.front_depth[0]), smaller)
    return torch.where(head[None, ..., None], skin, green).to(torch.uint8)


@BOTH
@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (5.0, -12.0, 4.0)])
@pytest.mark.parametrize(("angles", "smaller"), [((3.0, 5.0, 8.0, 11.0), 0), ((20.0, 40.0, 60.0), 1)])
def test_no_background_gets_into_the_face(perspective: bool, pose: Pose, angles: tuple[float, ...], smaller: int):
    mesh = mesh_at(pose, perspective)
    photo = green_screen(mesh, smaller)
    for degrees in angles:
        for change in ((0, degrees, 0), (0, -degrees, 0), (degrees / 2, degrees, 0), (-degrees / 2, 0, 0)):
            turned = turn_mesh(mesh, euler(*(np.array(pose) + change)), mirror=True)
            image = paint(photo, turned)[0].int()
            inside = eroded(face_of(turned.cameras), 3)
            # Single ones of its 8,000 pixels, where the outline is rounded to sectors; it were up to 90 and 700.
            assert int((image[..., 1] > image[..., 0])[inside].sum()) <= 5, change


@BOTH
def test_silhouettes_have_no_stairs(perspective: bool):
    """A white face in a black picture: its edge pixels are as bright as what the face covers of them."""
    mesh = mesh_at((0.0, 0.0, 0.0), perspective)
    face = face_of(mesh.cameras)
    photo = (255 * face).to(torch.uint8)[None, ..., None].expand(-1, -1, -1, 3).contiguous()
    for yaw in (-50.0, 35.0):
        turned = turn_mesh(mesh, euler(0, yaw, 0))
        fine = face_of(turned.cameras, 8).float()
        covered = torch.nn.functional.avg_pool2d(fine[None, None], 8)[0, 0]
        edge = (covered > 0.02) & (covered < 0.98)
        edge[: SIZE[0] // 3] = False  # the hairline, where the face goes on in the photo
        smooth = paint(photo, turned)[0, ..., 0] / 255.0
        stairs = sample_photo(photo, turned.source_map)[0, ..., 0] / 255.0
        assert int(edge.sum()) > 150
        between = (smooth > 0.05) & (smooth < 0.95)
        assert float(between[edge].float().mean()) > 0.5
        error = [float((image - covered).abs()[edge].mean()) for image in (smooth, stairs)]
        assert error[0] < 0.75 * error[1], error


def surface_points(cameras: Cameras) -> torch.Tensor:
    """(H, W, 3) mm, model space: the point of the mean head under each pixel, NaN beside the face."""
    assets = head_assets()
    heads = evaluate_heads(mean_coefficients(), cameras, assets.tensors)
    triangles = assets.tensors.triangles[: assets.model.template.label_count].contiguous()
    fragments = rasterize(heads.vertices_image, triangles, SIZE, cameras.perspective)
    return interpolate(fragments, triangles, heads.vertices)[0]


def mean_coefficients() -> tuple[np.ndarray, np.ndarray]:
    identity, expression = coefficients(1)
    return np.zeros_like(identity), np.zeros_like(expression)


def mirrored_share(turned: Turned) -> torch.Tensor:
    """(H, W): of mirrored sides in the first picture."""
    share = torch.zeros(turned.invented.shape)
    if turned.mirrored is not None:
        turned.mirrored.window(share)[turned.mirrored.rows] = turned.mirrored.share
    return share[0]


@BOTH
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_hidden_side_is_shown_by_the_other_one(perspective: bool, side: float):
    cameras = heads_at([(0.0, side * 25.0, 0.0)], perspective).cameras
    heads = evaluate_heads(mean_coefficients(), cameras, head_assets().tensors)
    mesh = build_mesh_image(heads, SIZE, head_assets())
    for yaw in (60.0, 20.0):  # towards the side that is seen, and hardly at all
        assert turn_mesh(mesh, euler(0, side * yaw, 0), mirror=True).mirrored is None
    turned, plain = (turn_mesh(mesh, euler(0, -side * 50, 0), mirror=mirror) for mirror in (True, False))
    assert turned.mirrored is not None and plain.mirrored is None
    new, old = surface_points(turned.cameras), surface_points(cameras)
    whole = (mirrored_share(turned) > 0.99) & torch.isfinite(new[..., 0])
    place = turned.source_map[0][whole].long()
    shown, wanted = old[place[:, 1], place[:, 0]], new[whole]
    seen = torch.isfinite(shown[:, 0])
    assert int(whole.sum()) > 1000 and float(seen.float().mean()) > 0.95
    shown, wanted = shown[seen], wanted[seen]
    # The same point of the other half, but for the margin that is left out at the outline.
    assert float((shown[:, 0] * wanted[:, 0] < 0).float().mean()) > 0.99
    assert float((shown[:, 0] + wanted[:, 0]).abs().median()) < 6
    assert float((shown[:, 1] - wanted[:, 1]).abs().median()) < 3
    # It was invented; elsewhere nothing has changed.
    assert bool(turned.invented[0][mirrored_share(turned) > 0.05].all())
    beside = mirrored_share(turned) == 0
    assert torch.equal(turned.source_map[0][beside], plain.source_map[0][beside])
    assert torch.equal(turned.invented[0][beside], plain.invented[0][beside])


@pytest.mark.parametrize("levels", [(80.0, 160.0), (160.0, 80.0)])
def test_a_mirrored_side_gets_the_light_of_its_own_side(levels: tuple[float, float]):
    """A photo whose two halves of the face are lit differently: the far one keeps its light."""
    cameras = heads_at([(0.0, 15.0, 0.0)], False).cameras
    mesh = build_mesh_image(evaluate_heads(mean_coefficients(), cameras, head_assets().tensors), SIZE, head_assets())
    far = surface_points(cameras)[..., 0] > 0  # turned to image right, the subject's left is the far side
    photo = torch.where(far, *levels).to(torch.uint8)[None, ..., None].expand(-1, -1, -1, 3).contiguous()
    turned = turn_mesh(mesh, euler(0, -15, 0), mirror=True)
    assert turned.mirrored is not None
    side = (surface_points(turned.cameras)[..., 0] > 20) & (mirrored_share(turned) > 0.9)
    assert int(side.sum()) > 1000
    other = sample_photo(photo, turned.source_map)[0, ..., 0][side].float().median()
    found = paint(photo, turned)[0, ..., 0][side].float().median()
    assert float(other) == levels[1]
    assert abs(float(found) - levels[0]) < 20
