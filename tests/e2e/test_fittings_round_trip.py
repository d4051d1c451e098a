"""Photos with fittings in 300W-LP's layout, of a model in the layout of 3DDFA, give the labels of the rendering that
made them. Files are written here from CONVENTIONS with scipy alone: micrometres, sigma, 1-based points, y up, Zhu's
angles, 199 + 29 coefficients, the wrong points of profiled pictures and the right ones beside, mirrored pictures."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from synthgen.cli.main import main
from synthgen.core.conventions import MATCHABLE
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.fittings.mean_face import mean_face_scene
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model_file import save_model
from synthgen.pipeline.run import GenerateOptions
from synthgen.raster.interpolate import interpolate
from synthgen.recipe.load import parse_recipe
from synthgen.render.assets import RenderAssets, open_assets
from synthgen.render.labelling import Arrays, label_view
from synthgen.render.pair import label_pair
from synthgen.render.view import View, ViewOptions, render_view
from synthgen.sampling.sampler import sample_scene
from tests.morphable.loaders.bfm_fixtures import (
    EXPRESSION_SIGMA,
    IDENTITY_SIGMA_UM,
    expression_arrays,
    known_face,
    shape_arrays,
)

HEIGHT, WIDTH = 380, 430
# Name in the folder -> pitch, yaw, roll in degrees, our convention; in the order of the names.
ORIGINAL, PROFILED = "AFW/AFW_000001_1_0", "AFW/AFW_000001_1_1"
POSES = {
    "AFW/AFW_000000_1_0": (0, 0, 0),
    ORIGINAL: (10, 50, -15),
    PROFILED: (5, 85, 5),
    "AFW/AFW_000002_1_0": (-20, -60, 10),
    "AFW_Flip/AFW_000003_1_0": (25, 30, -40),
}
NAMES = list(POSES)


@dataclass(frozen=True)
class Truth:
    """What was rendered: the scenes' labels, their view, and their flow to the mean face."""

    folder: Path
    model_file: Path
    assets: RenderAssets
    view: View
    target: View
    labels: Arrays
    flow: Arrays


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("round_trip")
    model_file = write_model(folder)
    recipe = parse_recipe(
        f"kind: images\ncount: 5\nsize: [{HEIGHT}, {WIDTH}]\nseed: 5\nmodel: {{path: {model_file}}}\n"
        "camera: {projection: scaled_orthographic}"
    )
    assets = open_assets(recipe, "cpu")
    random = np.random.default_rng(0)
    scenes = []
    for index, pose in enumerate(POSES.values()):
        scene = sample_scene(recipe, assets.model, assets.box, index)[0]
        face = replace(
            scene.faces[0],
            identity=random.normal(size=3),
            expression=random.normal(size=2),
            euler=np.radians(pose),
            scale=random.uniform(1.7, 2.1),
            centre=random.uniform([200, 170], [250, 210]),
        )
        scenes.append(replace(scene, faces=(face,)))
    view = render_view(scenes, assets, ViewOptions())
    target = render_view([mean_face_scene(assets, (HEIGHT, WIDTH))] * len(scenes), assets, ViewOptions())
    labels = label_view(view, assets, ("landmarks_2d",)).arrays
    flow, _ = label_pair(view, target, assets, recipe.flow)
    write_folder(folder / "photos", labels, view)
    return Truth(folder, model_file, assets, view, target, labels, flow)


def write_model(folder: Path) -> Path:
    """The project's file of a model whose published files are written first."""
    published = folder / "published"
    published.mkdir()
    savemat(published / "Model_Shape.mat", shape_arrays(known_face()))
    savemat(published / "Model_Exp.mat", expression_arrays(known_face()))
    save_model(import_model(published), folder / "model.npz")
    return folder / "model.npz"


def write_folder(folder: Path, labels: Arrays, view: View) -> None:
    """CONVENTIONS C1: pictures, .mat files and points beside, dtypes as released."""
    for name in ("AFW", "AFW_Flip", "landmarks/AFW"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(1)
    rotations = view.heads.cameras.rotation.numpy().astype(np.float64)
    origin, focal = view.heads.cameras.principal.numpy(), view.heads.cameras.focal.numpy()
    points, outline = (labels[key].astype(np.float64) + 0.5 for key in ("landmarks_2d", "landmarks_2d_contour"))
    for n, (name, rotation) in enumerate(zip(NAMES, rotations, strict=True)):
        angles = zhu_angles(rotation)
        place = [origin[n, 0] + 0.5, HEIGHT + 0.5 - origin[n, 1], -76.5]  # MATLAB's first pixel is 1; y runs up
        stored: dict[str, Any] = {
            "pt2d": points[NAMES.index(ORIGINAL) if name == PROFILED else n].T,
            "roi": np.array([[12, -38, 462, 412]], np.int16),
            "Illum_Para": np.ones((1, 10)),
            "Color_Para": np.ones((1, 7), np.float32),
            "Tex_Para": np.zeros((199, 1)),
            "Shape_Para": padded(view.heads.identity[n] * IDENTITY_SIGMA_UM, 199, random),
            "Exp_Para": padded(view.heads.expression[n] * EXPRESSION_SIGMA, 29, random),
            "Pose_Para": np.array([[*angles, *place, focal[n] / 1000.0]], np.float32),
        }
        savemat(folder / f"{name}.mat", stored)
        Image.fromarray(view.image[n].numpy()).save(folder / f"{name}.jpg", quality=95)
        if name == PROFILED:
            savemat(folder / f"landmarks/{name}_pts.mat", {"pts_2d": outline[n], "pts_3d": points[n]})


def padded(values: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 1): the release's number of coefficients, of which the small model has the first."""
    return np.concatenate([values, random.normal(size=count - len(values))])[:, None]


def zhu_angles(rotation: np.ndarray) -> np.ndarray:
    """CONVENTIONS B1: the angles whose Rx Ry Rz is the rotation, found and checked here."""
    r = rotation
    pitch, yaw, roll = (
        np.arctan2(r[1, 2], r[2, 2]),
        np.arctan2(-r[0, 2], np.hypot(r[0, 0], r[0, 1])),
        np.arctan2(r[0, 1], r[0, 0]),
    )
    c, s = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    c, s = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    c, s = np.cos(roll), np.sin(roll)
    about_z = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    np.testing.assert_allclose(about_x @ about_y @ about_z, r, atol=1e-6)
    return np.array([pitch, yaw, roll])


def labelled(truth: Truth, name: str, *options: str) -> Dataset:
    out = truth.folder / name
    with pytest.raises(SystemExit) as stop:
        main(
            [
                "labels",
                str(truth.folder / "photos"),
                "-o",
                str(out),
                "--model",
                str(truth.model_file),
                "--truncate",
                *options,
            ]
        )
    assert not stop.value.code
    return open_dataset(out)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first dataset is made by a worker process; others need not load torch and the model again."""

    def options(count: int | None, workers: int, device: str, resume: bool, cluster: None) -> GenerateOptions:
        return GenerateOptions(count, 0, device, resume)

    monkeypatch.setattr("synthgen.pipeline.run.GenerateOptions", options)


@pytest.fixture(scope="module")
def dataset(truth: Truth) -> Dataset:
    return labelled(truth, "exact")


def test_landmarks_and_parameters_are_those_of_the_rendering(truth: Truth, dataset: Dataset) -> None:
    assert len(dataset) == len(POSES) and dataset.layout.size == (HEIGHT, WIDTH)
    for n in range(len(dataset)):
        sample = dataset[n]
        assert np.abs(sample["landmarks_2d"] - truth.labels["landmarks_2d"][n]).max() < 0.05
        assert np.abs(sample["landmarks_2d_contour"] - truth.labels["landmarks_2d_contour"][n]).max() < 0.05
        np.testing.assert_allclose(sample["landmarks_3d"], truth.labels["landmarks_3d"][n], atol=0.02)
        np.testing.assert_array_equal(sample["landmarks_visibility"], truth.labels["landmarks_visibility"][n])
        expected = truth.labels["parameters_62"][n].copy()
        expected[11] = -76.5
        np.testing.assert_allclose(sample["parameters_62"], expected, rtol=2e-5, atol=2e-3)
        np.testing.assert_allclose(sample["euler"], truth.labels["euler"][n], atol=1e-5)
    table = dataset.table
    assert max(table["check_landmark_fit_px"].to_pylist()) < 0.05
    assert table["name"].to_pylist() == NAMES
    zhu = [float(np.degrees(zhu_angles(rotation)[1])) for rotation in truth.view.heads.cameras.rotation.numpy()]
    np.testing.assert_allclose(table["zhu_yaw_deg"].to_pylist(), zhu, atol=1e-3)


def test_planes_are_those_of_the_rendering(truth: Truth, dataset: Dataset) -> None:
    chart = interpolate(truth.view.faces.fragments, truth.assets.tensors.triangles, truth.assets.tensors.uv).numpy()
    for n in range(len(dataset)):
        sample = dataset[n]
        face = truth.labels["triangle_id"][n] >= 0
        both = face & (sample["triangle_id"] >= 0)
        assert (face != (sample["triangle_id"] >= 0)).mean() < 1e-4 and face.mean() > 0.1
        # A pixel at a step in depth may fall on its other side.
        moved = np.abs(sample["uv"] - chart[n]).max(axis=-1)[both] >= 0.002
        assert moved.mean() < 2e-4
        differs = np.abs(sample["depth"] - truth.labels["depth"][n])[both] >= 0.1
        assert differs.mean() < 2e-4
        crooked = np.linalg.norm(sample["normals"] - truth.labels["normals"][n], axis=-1)[both] >= 0.01
        assert crooked.mean() < 1e-3


def test_flow_is_that_of_the_scene_to_the_mean_face(truth: Truth, dataset: Dataset) -> None:
    for n in range(len(dataset)):
        sample, code = dataset[n], truth.flow["matchability"][n]
        assert (sample["matchability"] != code).mean() < 5e-4
        both = (sample["matchability"] == MATCHABLE) & (code == MATCHABLE)
        assert both.sum() > 5000
        error = np.linalg.norm(sample["flow"] - truth.flow["flow"][n], axis=-1)[both]
        assert (error >= 0.05).mean() < 2e-4 and np.median(error) < 0.02
    assert dataset.template.mean_face.shape == (HEIGHT, WIDTH, 3)
    ends = np.argwhere(both)[::97]
    assert np.isfinite(sample["flow"][ends[:, 0], ends[:, 1]]).all()


def test_nearest_uv_is_the_rule_of_the_paper(truth: Truth, in_this_process: None) -> None:
    dataset = labelled(truth, "nearest", "--flow", "nearest_uv", "--labels", "image,flow,matchability")
    mesh = truth.assets.tensors
    charts = [interpolate(view.faces.fragments, mesh.triangles, mesh.uv)[:2] for view in (truth.view, truth.target)]
    flow, code = match_nearest_uv(*charts, 0.015)
    for n in range(2):
        sample = dataset[n]
        assert (sample["matchability"] != code[n].numpy()).mean() < 5e-4
        both = (sample["matchability"] == MATCHABLE) & (code[n].numpy() == MATCHABLE)
        # Rounding of the fitting moves coordinates by 1e-6: where two pixels are about equally near, either may win.
        assert (np.abs(sample["flow"] - flow[n].numpy()).max(axis=-1)[both] > 0).mean() < 0.01


def test_a_wrong_file_is_listed_and_the_rest_is_labelled(truth: Truth, tmp_path: Path, in_this_process: None) -> None:
    broken = shutil.copytree(truth.folder / "photos", tmp_path / "photos")
    (broken / "AFW/AFW_000002_1_0.jpg").unlink()
    arguments = ["labels", str(broken), "--model", str(truth.model_file), "--labels", "image,parameters", "--truncate"]
    with pytest.raises(SystemExit) as refused:
        main([*arguments, "-o", str(tmp_path / "a")])
    assert refused.value.code not in (0, None)
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "-o", str(tmp_path / "b"), "--skip-bad"])
    assert not stop.value.code
    assert len(open_dataset(tmp_path / "b")) == len(POSES) - 1
    assert "AFW_000002_1_0" in (tmp_path / "b" / "source" / "skipped.json").read_text()
