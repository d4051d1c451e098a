"""Rendered samples as stills: `synthgen video` of a dataset, whose exact answers frame 0 must give again."""

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from synthgen.cli.failures import with_exit_codes
from synthgen.cli.video import video
from synthgen.core.conventions import CAMERA_FROM_WORLD, MATCHABLE
from synthgen.core.errors import DatasetError
from synthgen.dataset.reader import Dataset, open_dataset
from synthgen.pipeline.rendered_stills import write_stills
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe

SIZE, COUNT = (80, 72), 3
RENDERED = (
    f"kind: images\ncount: {COUNT}\nsize: [{SIZE[0]}, {SIZE[1]}]\nseed: 11\ncodec: png\n"
    "camera: {projection: CAMERA}\npose: {yaw_deg: 12, scale: 0.6}\nbackground: {kind: procedural}\n"
    "occluders: {count: 1}\n"
)


def rendered(folder: Path, camera: str) -> Path:
    generate(parse_recipe(RENDERED.replace("CAMERA", camera)), folder, GenerateOptions(workers=0))
    return folder


def command(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(with_exit_codes(video))
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, f"{result.output}{result.exception or ''}"


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    """The rendered one, and its clips."""
    folder = tmp_path_factory.mktemp("video")
    source = rendered(folder / "rendered", "scaled_orthographic")
    code, output = command(source, "-o", folder / "clips", "--size", *SIZE, "--frames", 3,
                           "--set", "video.noise=0", "--set", "video.blur=0", "--set", "codec=png")  # fmt: skip
    assert code == 0, output
    assert f"{COUNT} of {COUNT} samples" in output and f"fittings: {COUNT} used, 0 skipped" in output
    for name in ("contact_sheet.png", "clips.webp"):
        assert str(folder / "clips" / "source" / name) in output
        assert (folder / "clips" / "source" / name).stat().st_size > 1000
    return open_dataset(source), open_dataset(folder / "clips")


def test_frame_0_has_the_labels_of_the_rendering(datasets: tuple[Dataset, Dataset]) -> None:
    source, clips = datasets
    assert clips.layout.kind == "video" and clips.layout.frames == 3 and len(clips) == len(source) == COUNT
    for truth, clip in zip(source, clips, strict=True):
        np.testing.assert_array_equal(clip["frame0_image"], truth["image"])
        np.testing.assert_array_equal(clip["frame0_triangle_id"], truth["triangle_id"])
        for name in ("camera_from_world", "intrinsics", "identity_coeffs", "expression_coeffs", "euler",
                     "parameters_62", "landmarks_2d", "landmarks_3d"):  # fmt: skip
            np.testing.assert_allclose(clip[f"frame0_{name}"], truth[name], atol=2e-4, err_msg=name)
        for name in ("barycentric", "depth", "uv"):
            np.testing.assert_allclose(clip[f"frame0_{name}"], truth[name], atol=0.02, err_msg=name)
        np.testing.assert_array_equal(clip["frame0_parts"], truth["parts"])
        assert not clip["frame0_invented_mask"].any()


def test_what_hid_the_face_is_ignored(datasets: tuple[Dataset, Dataset]) -> None:
    source, clips = datasets
    hidden = 0
    for truth, clip in zip(source, clips, strict=True):
        seen = truth["occluder_mask"] & (truth["triangle_id"] >= 0)
        assert not (clip["matchability_0_1"][seen] == MATCHABLE).any()
        hidden += int(seen.sum())
    assert hidden > 100


def test_later_frames_obey_their_own_cameras(datasets: tuple[Dataset, Dataset]) -> None:
    """The fixed points of frame 0's head, moved by frame 2's camera by hand, are its landmarks."""
    for clip in datasets[1]:
        points = (clip["frame0_landmarks_3d"] - clip["frame0_camera_from_world"][:3, 3]).astype(np.float64)
        model = points @ clip["frame0_camera_from_world"][:3, :3]
        seen = model @ clip["frame2_camera_from_world"][:3, :3].T
        matrix = clip["frame2_intrinsics"]
        expected = seen[:, :2] * matrix[0, 0] + matrix[:2, 2]
        np.testing.assert_allclose(clip["frame2_landmarks_2d"], expected, atol=0.01)
        turn = CAMERA_FROM_WORLD @ clip["frame2_camera_from_world"][:3, :3]
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)


def test_perspective_samples_are_stills_too(tmp_path: Path) -> None:
    source = rendered(tmp_path / "rendered", "perspective")
    code, output = command(source, "-o", tmp_path / "clips", "--size", 48, 48, "--frames", 2, "--count", 4,
                           "--preview", tmp_path / "look.webp")  # fmt: skip
    assert code == 0, output
    assert (tmp_path / "look.webp").is_file() and not (tmp_path / "clips/source/clips.webp").exists()
    clips = open_dataset(tmp_path / "clips")
    assert len(clips) == 4  # the fourth is another clip of the first still
    assert clips.meta(3)["parameters"]["fitting"] == 0 and clips.meta(3)["parameters"]["copy"] == 1
    assert np.isnan(clips[0]["frame1_parameters_62"]).all()
    again, text = command(source, "-o", tmp_path / "clips", "--size", 48, 48, "--frames", 2, "--count", 4, "--resume")
    assert again == 0 and "nothing to do" in text


def test_a_dataset_without_parameters_is_refused(tmp_path: Path) -> None:
    recipe = "kind: images\ncount: 1\nsize: [32, 32]\nlabels: [image]\n"
    generate(parse_recipe(recipe), tmp_path / "bare", GenerateOptions(workers=0))
    with pytest.raises(DatasetError, match="camera_from_world"):
        write_stills(tmp_path / "bare", tmp_path / "stills")
    assert not (tmp_path / "stills").exists()


def test_fittings_need_a_model(tmp_path: Path) -> None:
    code, output = command(tmp_path / "none.npz", "-o", tmp_path / "clips")
    assert code != 0 and "--model" in output
