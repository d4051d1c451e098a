from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import cKDTree

from synthgen.cli.profile import parse_angles
from synthgen.core.errors import UsageError
from synthgen.dataset.index import shard_file
from synthgen.dataset.reader import open_dataset
from synthgen.fittings import ground_truth
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import save_fittings
from synthgen.geometry.camera import project, to_camera_space
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.geometry.similarity import Similarity
from synthgen.morphable.model import evaluate_vertices
from synthgen.motion.mirror import mirror_coefficients, mirror_error, open_mirror
from synthgen.motion.profile import (
    Profiled,
    ViewTarget,
    flip_cameras,
    flip_views,
    prepare_stills,
    profile_stills,
    target_rotation,
    view_targets,
)
from synthgen.motion.profile_samples import open_renderer, photo_points
from synthgen.pipeline.repair import repair
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.photo_sections import Profile
from synthgen.recipe.schema import Recipe
from synthgen.render.photo import Photos
from tests.motion.turned_photos import SIZE, cameras_at, coefficients, head_assets, pixels

POSES = [(0.0, 10.0, 0.0), (5.0, -30.0, 10.0)]
LABELS = [
    "image",
    "parameters",
    "uv",
    "source_map",
    "invented_mask",
    "ignore_mask",
    "landmarks_2d",
    "matchability",
    "flow",
]


def test_targets_keep_roll_and_follow_the_order_of_samples():
    start = rotation_from_euler(np.radians([[3.0, -20.0, 8.0]]))

    def degrees(target: ViewTarget) -> np.ndarray:
        return np.degrees(euler_from_rotation(target_rotation(start, target)))[0]

    assert np.allclose(degrees(ViewTarget(50.0, None, False, False)), [3, 50, 8])
    assert np.allclose(degrees(ViewTarget(-30.0, 10.0, True, False)), [13, -50, 8])
    assert np.allclose(degrees(ViewTarget(0.0, -15.0, False, True)), [-15, 0, 8])
    targets = view_targets(Profile(yaw_deg=(0, 30), pitch_deg=(-5, 5), flip=True))
    assert [(t.pitch_deg, t.yaw_deg, t.flip) for t in targets[:5]] == [
        (-5, 0, False), (-5, 0, True), (-5, 30, False), (-5, 30, True), (5, 0, False),
    ]  # fmt: skip
    assert len(targets) == Profile(yaw_deg=(0, 30), pitch_deg=(-5, 5), flip=True).views


def test_the_mirrored_head_is_the_mirror_image():
    model = head_assets().model
    identity, expression = coefficients(2)
    mirror = open_mirror(model)
    new = evaluate_vertices(model, *mirror_coefficients(mirror, identity, expression))
    axes = np.array([-1.0, 1.0, 1.0])
    partner = cKDTree(model.mean).query(model.mean * axes)[1]
    exact = evaluate_vertices(model, identity, expression)[:, partner] * axes
    face = np.unique(model.template.triangles[: model.template.label_count])
    distance = np.linalg.norm((new - exact)[:, face], axis=2)
    root_mean_square = np.sqrt((distance**2).mean(axis=1))
    assert (root_mean_square < 0.5).all()
    assert np.allclose(mirror_error(mirror, identity, expression), root_mean_square, rtol=0.15, atol=1e-3)
    again = mirror_coefficients(mirror, *mirror_coefficients(mirror, identity, expression))
    assert np.allclose(again[0], identity, atol=0.05)


@pytest.mark.parametrize("perspective", [False, True])
def test_flipped_cameras_see_the_mirrored_head_mirrored(perspective: bool):
    cameras = cameras_at(POSES, perspective)
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 30, 3)).astype(np.float32) * 50)
    flipped = flip_cameras(cameras, torch.tensor([True, False]), 260)
    mirrored = points * torch.tensor([-1.0, 1.0, 1.0])
    old = project(cameras, to_camera_space(cameras, points))
    new = project(flipped, to_camera_space(flipped, torch.stack([mirrored[0], points[1]])))
    assert torch.allclose(new[0, :, 0], 260 - old[0, :, 0], atol=1e-3)
    assert torch.allclose(new[0, :, 1:], old[0, :, 1:], atol=1e-3)
    assert torch.allclose(new[1], old[1], atol=1e-4)


def test_flipping_mirrors_pictures_masks_and_maps_of_the_chosen_views():
    identity, expression = coefficients(2)
    photos = Photos(pixels(2), identity, expression, cameras_at(POSES, False), np.zeros(2))
    views = profile_stills(
        prepare_stills(photos, head_assets()), np.array([0, 1]), rotation_from_euler(np.zeros((2, 3)))
    )
    mirror = open_mirror(head_assets().model)
    flipped = flip_views(views, np.array([False, True]), mirror)
    for old, new in ((views.photos.image, flipped.photos.image), (views.source_map, flipped.source_map),
                     (views.photos.invented_mask, flipped.photos.invented_mask)):  # fmt: skip
        assert torch.equal(old[0], new[0])
        assert torch.equal(old[1].flip(1), new[1])
    assert np.array_equal(flipped.photos.identity[0], identity[0])
    assert isinstance(flip_views(views, np.array([False, False]), mirror), Profiled)


def test_ignored_regions_move_with_the_picture():
    identity, expression = coefficients(1)
    ignored = torch.zeros(1, *SIZE, dtype=torch.bool)
    ignored[:, :20, :20] = True  # a corner, where little moves
    photos = Photos(pixels(1), identity, expression, cameras_at(POSES[:1], True), np.zeros(1), ignored)
    views = profile_stills(prepare_stills(photos, head_assets()), np.array([0]), rotation_from_euler(np.zeros((1, 3))))
    assert views.photos.ignore_mask is not None
    assert int((views.photos.ignore_mask != ignored).sum()) < 120
    assert views.photos.occluder_mask is None


@pytest.fixture(scope="module")
def recipe_of(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("set")
    for n, picture in enumerate(pixels(2).numpy()):
        Image.fromarray(np.roll(picture, 40 * n, axis=1)).save(folder / f"{n}.png")
    cameras = cameras_at(POSES, False)
    identity, expression = coefficients(2)
    arrays = [
        getattr(cameras, name).numpy().astype(np.float64) for name in ("rotation", "translation", "focal", "principal")
    ]
    save_fittings(
        FittingSet(("0", "1"), ("0.png", "1.png"), np.tile(SIZE, (2, 1)).astype(np.int32), False, *arrays, np.zeros(2),
                   identity, expression, np.full((2, 68, 2), np.nan), np.full((2, 4), np.nan),
                   ((), ((0.0, 0.0, 20.0, 20.0),)), ("", ""),
                   head_assets().model.name),
        folder / "fittings.npz",
    )  # fmt: skip

    def recipe(**sections) -> Recipe:
        base = {"kind": "fittings", "size": SIZE, "fittings": {"path": str(folder / "fittings.npz")}, "labels": LABELS}
        return Recipe.model_validate(base | sections)

    return recipe


def test_samples_are_views_with_the_labels_of_their_pose(recipe_of):
    renderer = open_renderer(recipe_of(profile={"yaw_deg": [-40, 0, 40], "flip": True}))
    samples = renderer(0)
    again = open_renderer(recipe_of(profile={"yaw_deg": [-40, 0, 40], "flip": True}))(0)
    assert [s.parameters["name"] for s in samples[:14]] == ["0"] * 6 + ["1"] * 6 + ["0"] * 2
    for n, sample in enumerate(samples[:12]):
        yaw = (-40, 0, 40)[n // 2 % 3]
        assert sample.parameters["view"] == n % 6
        assert sample.parameters["flip"] == bool(n % 2)
        assert np.isclose(np.degrees(sample.arrays["euler"][1]), -yaw if n % 2 else yaw, atol=1e-3)
        assert sample.arrays["source_map"].shape == (*SIZE, 2)
        assert (sample.arrays["matchability"] == 6).any()
        assert not (sample.arrays["matchability"][sample.arrays["invented_mask"]] == 1).any()
        for name, array in sample.arrays.items():
            assert np.array_equal(array, again[n].arrays[name], equal_nan=True), name
    # A flipped view is the mirror image: picture exactly, landmarks after exchanging left and right.
    plain, flipped = samples[0], samples[1]
    assert np.array_equal(plain.arrays["image"][:, ::-1], flipped.arrays["image"])
    assert flipped.parameters["mirror_mm"] < 0.5
    left, right = plain.arrays["landmarks_2d"][[36, 48, 8]], flipped.arrays["landmarks_2d"][[45, 54, 8]]
    assert np.abs(left * [-1, 1] + [SIZE[1], 0] - right).max() < 0.6
    # The second photo's ignored box stays in its corner.
    assert samples[6].arrays["ignore_mask"][5, 5]
    assert not samples[0].arrays["ignore_mask"].any()


def test_hidden_sides_are_mirrored_unless_the_recipe_says_no(recipe_of):
    """The second photo looks 30 degrees to image left."""
    views = {"yaw_deg": [-40, 40], "mirror_hidden": False}
    plain, filled = (open_renderer(recipe_of(profile=views | {"mirror_hidden": mirror}))(0) for mirror in (False, True))
    towards, away = (plain[n].arrays["invented_mask"] ^ filled[n].arrays["invented_mask"] for n in (2, 3))
    assert not towards.any() and away.any()
    assert np.array_equal(plain[2].arrays["image"], filled[2].arrays["image"])
    # What is mirrored is invented, and the labels stay.
    assert not (away & plain[3].arrays["invented_mask"]).any()
    assert np.array_equal(plain[3].arrays["uv"], filled[3].arrays["uv"], equal_nan=True)


def test_the_bytes_do_not_depend_on_shards_nor_on_a_repair(recipe_of, tmp_path):
    """Views that share a batch share the window in which the light of mirrored sides is compared: batches are fixed."""
    views = {"yaw_deg": [-50, -20, 10, 40, 70], "pitch_deg": [-10, 10]}
    members = []
    for shard_size in (3, 20):
        folder = tmp_path / str(shard_size)
        recipe = recipe_of(profile=views, shard_size=shard_size)
        generate(recipe, folder, GenerateOptions(count=20, workers=0))
        members.append([open_dataset(folder).members(n) for n in range(20)])
    assert members[0] == members[1]
    (tmp_path / "3" / shard_file(4)).unlink()
    repair(tmp_path / "3", GenerateOptions(workers=0))
    assert [open_dataset(tmp_path / "3").members(n) for n in range(12, 15)] == members[1][12:15]


def test_the_photos_own_pose_gives_the_photo_and_its_labels(recipe_of):
    turned = open_renderer(recipe_of(profile={"yaw_deg": [0], "relative": True}))(0)
    plain = ground_truth.open_renderer(recipe_of())(0)
    for n in range(2):
        image, expected = (samples[n].arrays["image"].astype(int) for samples in (turned, plain))
        assert np.abs(image - expected).max() <= 1
        uv, expected = turned[n].arrays["uv"], plain[n].arrays["uv"]
        both = np.isfinite(uv) & np.isfinite(expected)
        assert both.sum() > 0.999 * np.isfinite(expected).sum()
        assert np.median(np.abs(uv - expected)[both]) < 1e-5
        assert np.allclose(turned[n].arrays["landmarks_2d"], plain[n].arrays["landmarks_2d"], atol=2e-3)
        assert np.allclose(turned[n].arrays["parameters_62"], plain[n].arrays["parameters_62"], atol=1e-3)


def test_source_map_is_told_in_pixels_of_the_photo():
    crop = Similarity(np.array([0.5]), np.array([0.0]), np.array([[-10.0, 4.0]]))
    place = np.array([[[[0.0, 5.0], [100.0, 30.0]]]], np.float32)
    found = photo_points(place, crop, np.array([60, 400]))
    assert np.allclose(found[0, 0, 0], [20.0, 2.0])
    assert np.allclose(found[0, 0, 1], [220.0, 52.0])
    assert np.isnan(photo_points(place, crop, np.array([60, 100]))[0, 0, 1]).all()


def test_angles_of_the_command_line():
    assert parse_angles("--yaw", "-60,0,12.5") == [-60.0, 0.0, 12.5]
    with pytest.raises(UsageError, match="--yaw takes degrees"):
        parse_angles("--yaw", "left")
