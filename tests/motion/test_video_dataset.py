"""Kind `video` through the pipeline: what a clip holds, and that its bytes depend on the recipe alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.core.conventions import IGNORED, INVENTED, NO_FACE
from synthgen.core.errors import UsageError
from synthgen.core.label_spec import labels_of_kind
from synthgen.dataset.layout import flow_pairs
from synthgen.dataset.reader import open_dataset
from synthgen.morphable.model_file import save_model
from synthgen.morphable.open_model import open_model
from synthgen.motion.short_video import FINE_SCALE
from synthgen.motion.video import Renderer, open_renderer
from synthgen.pipeline.renderers import render_sample
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import ProceduralModel
from tests.fittings.ground_truth_fixtures import HEIGHT, WIDTH, write_set

QUICK = {"frames": 3, "flow": "next"}
SMALL = [32, 40]


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in head as a file, which a worker reads faster than it builds it."""
    path = tmp_path_factory.mktemp("model") / "head.npz"
    save_model(open_model(ProceduralModel()), path)
    return path


@pytest.fixture(scope="session")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills")
    write_set(folder)
    return folder


def recipe_of(stills: Path, model_file: Path, sections: Mapping[str, Any] | None = None) -> Recipe:
    recipe = {
        "kind": "video",
        "seed": 7,
        "size": SMALL,
        "fittings": {"path": str(stills / "fittings.npz")},
        "model": {"path": str(model_file)},
        "crop": {"rule": "landmark_box"},
        "video": QUICK,
        "codec": "png",
        **(sections or {}),
    }
    return parse_recipe(json.dumps(recipe))


def clips(renderer: Renderer, count: int, names: tuple[str, ...]) -> list[Any]:
    return renderer.render(0, names)[:count]


def test_equal_bytes_for_any_number_of_workers(stills: Path, model_file: Path, tmp_path: Path) -> None:
    recipe = recipe_of(stills, model_file, {"count": 24, "shard_size": 12})
    for workers in (0, 2):
        generate(recipe, tmp_path / str(workers), GenerateOptions(workers=workers))
    names = sorted(path.name for path in (tmp_path / "0").glob("shard-*"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name
    # Sample 13 alone, with every label there is, equals what its block holds.
    alone, stored = render_sample(recipe, 13), open_dataset(tmp_path / "0")[13]
    assert {"frame0_image", "frame2_landmarks_2d", "flow_0_1", "flow_2_1", "matchability_1_2"} <= alone.keys()
    for name in ("frame0_image", "frame2_image", "frame1_triangle_id", "matchability_1_2"):
        np.testing.assert_array_equal(alone[name], stored[name], err_msg=name)
    np.testing.assert_allclose(alone["frame2_landmarks_2d"], stored["frame2_landmarks_2d"], atol=1e-4)


def test_a_clip_holds_its_labels_and_what_it_was_made_from(stills: Path, model_file: Path) -> None:
    recipe = recipe_of(stills, model_file, {"video": {"frames": 4, "flow": "first"}})
    renderer = open_renderer(recipe)
    names = recipe.label_names()
    sample = renderer.render(0, names)[4]
    pairs = flow_pairs("first", 4)
    assert {name for name in sample.arrays if not name.startswith("frame")} == {
        f"{label}_{start}_{end}" for label in ("flow", "matchability") for start, end in pairs
    }
    row = sample.parameters
    assert row["name"] == "set/face_1" and row["copy"] == 1 and row["fitting"] == 1
    lists = {name: values for name, values in row.items() if isinstance(values, list)}
    assert {len(values) for values in lists.values()} == {4}
    steps = np.cumsum(row["step_yaw_deg"])
    zero = np.array([np.degrees(sample.arrays[f"frame{j}_euler"]) for j in range(4)]) if "euler" in names else None
    # The head's own angles: those of the still, and the steps so far.
    np.testing.assert_allclose(np.array(row["yaw_deg"]) - row["yaw_deg"][0], steps, atol=1e-3)
    turns = np.cumsum(row["step_rotation_deg"])
    np.testing.assert_allclose(np.array(row["roll_deg"]) - row["roll_deg"][0], turns, atol=1e-3)
    np.testing.assert_allclose(np.array(row["photo_scale"]) / row["photo_scale"][0], np.cumprod(row["step_scale"]),
                               rtol=1e-4)  # fmt: skip
    scales = np.array([sample.arrays[f"frame{j}_intrinsics"][0, 0] for j in range(4)])
    np.testing.assert_allclose(scales, row["scale_px_per_mm"], rtol=1e-5)
    assert zero is None or zero.shape == (4, 3)
    assert sample.checks["forward_backward_px"] < 0.05
    assert {f"frame{j}_coverage" for j in range(4)} <= sample.checks.keys()


def test_pixels_that_no_camera_saw_and_other_faces_have_their_codes(tmp_path: Path, model_file: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, :60] = 255
    boxes = (((0.0, 0.0, 60.0, float(HEIGHT)),), (), ())
    write_set(tmp_path, ignore_boxes=boxes, ignore_masks=("", "mask.png", ""))
    Image.fromarray(mask).save(tmp_path / "mask.png")
    moves = {"frames": 2, "scale": 1.0, "rotation_deg": 0.0, "translation": 4.0, "yaw_deg": 0.0, "pitch_deg": 0.0}
    whole = {"size": [HEIGHT, WIDTH], "crop": {"rule": "none"}, "video": moves}
    names = (*labels_of_kind("video"),)
    for sample in clips(open_renderer(recipe_of(tmp_path, model_file, whole)), 2, names):
        arrays = sample.arrays
        np.testing.assert_array_equal(arrays["frame0_ignore_mask"], mask > 0)
        # 4 px to the right and down: so does the mask, and the border behind it is made up.
        expected = np.zeros_like(mask, bool)
        expected[4:, 4:64] = True
        np.testing.assert_array_equal(arrays["frame1_ignore_mask"], expected)
        assert arrays["frame1_invented_mask"][:4].all() and arrays["frame1_invented_mask"][:, :4].all()
        code, face = arrays["matchability_1_0"], arrays["frame1_triangle_id"] >= 0
        assert (code[~face] == NO_FACE).all() and (code[face & expected] == IGNORED).all()
        invented = face & arrays["frame1_invented_mask"]
        assert (code[invented] == INVENTED).all()
        np.testing.assert_array_equal(arrays["frame1_source_map"][70, 80], (76.5, 66.5))


def test_ignored_comes_before_invented(tmp_path: Path, model_file: Path) -> None:
    """DESIGN's order of reasons is 0, 7, 6: what a turned head makes up out of an ignored region is ignored."""
    everything = (((0.0, 0.0, float(WIDTH), float(HEIGHT)),),) * 3
    write_set(tmp_path, ignore_boxes=everything)
    moves = {"frames": 2, "scale": 1.0, "rotation_deg": 0.0, "translation": 0.0, "yaw_deg": 40.0, "pitch_deg": 0.0}
    whole = {"size": [HEIGHT, WIDTH], "crop": {"rule": "none"}, "video": moves}
    names = ("triangle_id", "invented_mask", "ignore_mask", "flow", "matchability")
    arrays = clips(open_renderer(recipe_of(tmp_path, model_file, whole)), 1, names)[0].arrays
    both = (arrays["frame1_triangle_id"] >= 0) & arrays["frame1_invented_mask"]
    assert both.sum() > 20
    assert arrays["frame1_ignore_mask"][both].all()
    assert (arrays["matchability_1_0"][both] == IGNORED).all()


def test_maps_tell_where_every_pixel_was_sampled(stills: Path, model_file: Path) -> None:
    """The photo is smooth: read at the map, it has the colours of the frames, sampled twice per pixel or once."""
    for side in (48, 140):
        sections = {"size": [side, side], "video": {"frames": 3, "flow": "next", "noise": 0, "blur": 0}}
        renderer = open_renderer(recipe_of(stills, model_file, sections))
        assert (renderer.source.crops.scale < FINE_SCALE).all() == (side == 48)
        sample = clips(renderer, 2, ("image", "source_map", "invented_mask"))[1]
        photo = np.asarray(Image.open(stills / "set/face_1.png")).astype(float)
        for j in range(3):
            places = sample.arrays[f"frame{j}_source_map"]
            known = ~sample.arrays[f"frame{j}_invented_mask"]
            inside = np.isfinite(places[..., 0])
            assert (inside | ~known).all() and known.mean() > 0.5  # what a camera saw lies in the photo
            assert ((places[inside] >= 0) & (places[inside] <= (WIDTH, HEIGHT))).all()
            column, row = np.clip(places[known], 0.5, (WIDTH - 0.5, HEIGHT - 0.5)).T - 0.5
            left, top = np.minimum(column.astype(int), WIDTH - 2), np.minimum(row.astype(int), HEIGHT - 2)
            u, v = (column - left)[:, None], (row - top)[:, None]
            above = (1 - u) * photo[top, left] + u * photo[top, left + 1]
            below = (1 - u) * photo[top + 1, left] + u * photo[top + 1, left + 1]
            difference = np.abs((1 - v) * above + v * below - sample.arrays[f"frame{j}_image"][known])
            assert np.quantile(difference, 0.99) < 4.0


def test_another_models_fittings_are_refused(stills: Path, tmp_path: Path) -> None:
    write_set(tmp_path, identity=np.zeros((3, 5)))
    with pytest.raises(UsageError, match="5 identity"):
        open_renderer(parse_recipe(json.dumps({
            "kind": "video", "size": SMALL, "fittings": {"path": str(tmp_path / "fittings.npz")},
        })))  # fmt: skip
