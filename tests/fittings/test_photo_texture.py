"""Textures of photos that were rendered with a known texture; visibility against a ray cast in NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from synthgen.asset_io.textures import open_textures
from synthgen.cli.failures import with_exit_codes
from synthgen.cli.texture import texture as texture_command
from synthgen.core.errors import AssetError, UsageError
from synthgen.fittings import photo_texture as subject
from synthgen.fittings.fitting import FittingSet, select_fittings
from synthgen.fittings.fitting_file import save_fittings
from synthgen.fittings.texture_folder import TextureOptions, write_textures
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.albedo.texels import Region
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.model_file import save_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize

SIZE, PHOTO = 256, 512

app = typer.Typer()
app.command()(with_exit_codes(texture_command))


def colours(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A smooth sRGB colour in [0, 255] of the chart, the same on both sides of the face."""
    across = np.abs(u - 0.5)
    return 120 + np.stack([60 * np.cos(9 * across), 50 * np.sin(7 * v + 1), 40 * np.cos(5 * v + 6 * across)], -1)


def lopsided(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """As `colours`, but different on the two sides."""
    return colours(u, v) + 30 * np.sin(6 * u)[..., None] * [1.0, -1.0, 0.5]


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return build_procedural_model("base")


@pytest.fixture(scope="module")
def chart(model: MorphableModel) -> subject.Chart:
    return subject.open_chart(model, SIZE)


def photo(
    model: MorphableModel,
    yaw_deg: float,
    paint: Callable[[np.ndarray, np.ndarray], np.ndarray],
    gain: float = 1.0,
    perspective: bool = True,
) -> subject.FittedPhoto:
    """A head whose pixels have the colour of their uv, without light or shadow, before a green background."""
    rotation = rotation_from_euler(np.array([[0.05, np.radians(yaw_deg), 0.1]])).astype(np.float32)
    middle = torch.tensor([[PHOTO / 2 - 11.0, PHOTO / 2 + 7.0]])
    focal, away = (1500.0, [0.0, 10.0, 900.0]) if perspective else (1.6, [0.0, 0.0, 0.0])
    camera = Cameras(perspective, torch.from_numpy(rotation), torch.tensor([away]), torch.tensor([focal]), middle)
    rng = np.random.default_rng(4)
    identity = 0.5 * rng.standard_normal(len(model.identity_basis))
    expression = np.zeros(len(model.expression_basis))
    vertices = torch.from_numpy(evaluate_vertices(model, identity[None], expression[None]))
    image = project(camera, to_camera_space(camera, vertices)).contiguous()
    triangles = torch.from_numpy(model.template.triangles)
    seen = rasterize(image, triangles, (PHOTO, PHOTO), perspective)
    uv = interpolate(seen, triangles, torch.from_numpy(model.template.uv))[0].numpy()
    known = np.isfinite(uv[..., 0])
    pixels = np.full((PHOTO, PHOTO, 3), (20, 200, 20), np.uint8)
    shown = np.clip(paint(uv[known][:, 0], uv[known][:, 1]), 0, 255)
    linear = gain * np.where(shown <= 10.3, shown / 255 / 12.92, ((shown / 255 + 0.055) / 1.055) ** 2.4)
    pixels[known] = np.rint(255 * np.where(linear < 0.0031, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
    return subject.FittedPhoto(pixels, identity, expression, camera)


def grid() -> tuple[np.ndarray, np.ndarray]:
    centres = (np.arange(SIZE) + 0.5) / SIZE
    u, v = np.meshgrid(centres, 1 - centres)
    return u, v


def levels(linear: np.ndarray) -> np.ndarray:
    return 255 * np.where(linear < 0.0031, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(("yaw", "perspective"), [(0.0, True), (40.0, False)])
def test_visible_texels_have_the_known_colour(
    model: MorphableModel, chart: subject.Chart, yaw: float, perspective: bool
) -> None:
    seen = subject.sample_photo(photo(model, yaw, lopsided, perspective=perspective), model, chart)
    where = (seen.weight > 0.01) & (chart.region == Region.SKIN)
    error = np.abs(levels(seen.colour) - lopsided(*grid()))[where]
    assert where.mean() > 0.2
    assert error.mean() < 0.5  # rounding of the photo's bytes alone is 0.25
    assert np.quantile(error, 0.999) < 1.5


def test_weights_vanish_where_every_triangle_says_hidden(model: MorphableModel, chart: subject.Chart) -> None:
    taken = photo(model, 35.0, colours)
    weight = subject.sample_photo(taken, model, chart).weight
    vertices = evaluate_vertices(model, taken.identity[None], taken.expression[None])[0].astype(np.float64)
    pose = np.diag([1.0, -1.0, -1.0]) @ taken.camera.rotation[0].numpy().astype(np.float64)
    space = vertices @ pose.T + taken.camera.translation[0].numpy()
    corners = space[model.template.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = (normal * corners[:, 0]).sum(axis=1) < 0
    rows, columns = np.nonzero((chart.triangle >= 0) & (chart.trust > 0))
    chosen = np.random.default_rng(1).choice(len(rows), 400, replace=False)
    hidden = np.array([_is_hidden(corners, facing, chart, rows[k], columns[k]) for k in chosen])
    found = weight[rows[chosen], columns[chosen]]
    assert 100 < hidden.sum() < 350
    assert (found[hidden] == 0).all()
    assert (found[~hidden] > 0).mean() > 0.7  # the rest is grazing or beside an outline


def _is_hidden(corners: np.ndarray, facing: np.ndarray, chart: subject.Chart, row: int, column: int) -> bool:
    """Whether a triangle crosses the ray from the camera to a texel's surface point, by Cramer's rule for all."""
    own = chart.triangle[row, column]
    point = chart.barycentric[row, column].astype(np.float64) @ corners[own]
    if not facing[own]:
        return True
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    volume = np.einsum("td,td->t", a, np.cross(b, c))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([np.cross(b, c) @ point, np.cross(c, a) @ point, np.cross(a, b) @ point]) / volume
        nearer = (shares.sum(axis=0) - 1) * point[2] > 0.05 * shares.sum(axis=0)
    crossed = facing & (shares >= 0).all(axis=0) & nearer
    crossed[own] = False
    return bool(crossed.any())


def test_a_turned_head_is_completed_from_its_other_side(model: MorphableModel, chart: subject.Chart) -> None:
    taken = photo(model, 45.0, colours)
    weight = subject.sample_photo(taken, model, chart).weight
    texture = subject.photo_texture([taken], model, chart).astype(np.float64)
    skin = (chart.region == Region.SKIN) & (chart.triangle >= 0) & (chart.triangle < model.template.label_count)
    unseen = skin & (weight == 0) & (weight[:, ::-1] > 0.4)
    error = np.abs(texture - colours(*grid()))
    assert unseen.sum() > 2000
    assert error[unseen].mean() < 3.0
    assert error[skin & (weight > 0.5)].mean() < 0.6
    # No seam at the border between sampled and mirrored texels: what is off is off smoothly.
    member = skin & ((weight > 0.01) | unseen)
    step = np.abs(np.diff(texture - colours(*grid()), axis=1))[member[:, 1:] & member[:, :-1]]
    assert np.quantile(step, 0.99) < 2.5  # beyond lie the rims of eyes and mouth, which neither side shows


def test_ignored_and_missing_pixels_are_not_sampled(model: MorphableModel, chart: subject.Chart) -> None:
    taken = photo(model, 0.0, colours)
    whole = subject.sample_photo(taken, model, chart).weight
    left = np.zeros((PHOTO, PHOTO), bool)
    left[:, : PHOTO // 2] = True
    ignored = subject.FittedPhoto(taken.pixels, taken.identity, taken.expression, taken.camera, left)
    cut = subject.FittedPhoto(taken.pixels[: PHOTO // 2], taken.identity, taken.expression, taken.camera)
    right_half = subject.sample_photo(ignored, model, chart).weight
    u, v = grid()
    assert whole[(u < 0.4) & (v > 0.4)].max() > 0.5
    assert right_half[(u < 0.4) & (v > 0.4)].max() == 0
    kept = (u > 0.6) & (u < 0.8) & (v > 0.3) & (v < 0.8)
    np.testing.assert_array_equal(right_half[kept], whole[kept])
    top_half = subject.sample_photo(cut, model, chart).weight
    assert top_half[(v > 0.2) & (v < 0.45)].max() == 0 and top_half.max() > 0.5


def test_photos_of_one_person_are_brought_to_one_exposure(model: MorphableModel, chart: subject.Chart) -> None:
    views = [
        subject.sample_photo(photo(model, -40.0, colours), model, chart),
        subject.sample_photo(photo(model, 40.0, colours, gain=0.5), model, chart),
    ]
    merged = subject.merge_texels(views)
    error = np.abs(levels(merged.colour) - colours(*grid()))[merged.weight > 0.2]
    assert (merged.weight > 0.2).sum() > 1.3 * (views[0].weight > 0.2).sum()
    assert error.mean() < 1.0 and np.quantile(error, 0.99) < 3.0


def _set(taken: subject.FittedPhoto) -> FittingSet:
    camera = taken.camera
    return FittingSet(
        ("some/one",), ("one.png",), np.array([[PHOTO, PHOTO]], np.int32), True, camera.rotation.double().numpy(),
        camera.translation.double().numpy(), camera.focal.double().numpy(), camera.principal.double().numpy(),
        np.zeros(1), taken.identity[None], taken.expression[None], np.full((1, 68, 2), np.nan),
        np.full((1, 4), np.nan), ((),), ("",),
        "procedural-base",
    )  # fmt: skip


def test_the_folder_is_one_that_recipes_open(model: MorphableModel, tmp_path: Path) -> None:
    taken = photo(model, 0.0, colours)
    Image.fromarray(taken.pixels).save(tmp_path / "one.png")
    (tmp_path / "LICENCE.txt").write_text("CC0 by somebody\n")
    save_fittings(_set(taken), tmp_path / "fittings.npz")
    save_model(model, tmp_path / "model.npz")
    arguments = [tmp_path / "fittings.npz", "-o", tmp_path / "out", "--model", tmp_path / "model.npz", "--size", 128]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "1 textures of 1 fittings; 0 left out" in result.output
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["LICENCE.txt", "one.png"]
    opened = open_textures(str(tmp_path / "out"))
    assert opened.side == 128 and opened.load(0.0).shape == (128, 128, 3)
    assert "CC0 by somebody" in opened.assets()[0].licence


def test_photos_of_one_person_make_one_texture(model: MorphableModel, tmp_path: Path) -> None:
    taken = photo(model, 0.0, colours)
    Image.fromarray(taken.pixels).save(tmp_path / "one.png")
    twice = select_fittings(_set(taken), np.array([0, 0]))
    options = TextureOptions(size=64, together="anna")
    written = write_textures(twice, tmp_path, model, tmp_path / "out", options)
    assert [file.name for file in written.files] == ["anna.png"]
    with pytest.raises(UsageError, match="is no file name"):
        write_textures(twice, tmp_path, model, tmp_path / "out", TextureOptions(size=64, together="../anna"))


def test_complaints_name_what_is_wrong(model: MorphableModel, chart: subject.Chart, tmp_path: Path) -> None:
    taken = photo(model, 180.0, colours)
    with pytest.raises(UsageError, match="none of the photos shows any of the face"):
        subject.photo_texture([taken], model, chart)
    with pytest.raises(UsageError, match="power of two"):
        subject.open_chart(model, 500)
    short = subject.FittedPhoto(taken.pixels, taken.identity[:3], taken.expression, taken.camera)
    with pytest.raises(UsageError, match="3 identity and 10 expression"):
        subject.sample_photo(short, model, chart)
    Image.fromarray(taken.pixels[:100]).save(tmp_path / "one.png")
    with pytest.raises(AssetError, match=r"some/one: .*512 x 100 pixels, its fitting was made for 512 x 512"):
        write_textures(_set(taken), tmp_path, model, tmp_path / "out", TextureOptions(size=64))
