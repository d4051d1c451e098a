"""The renderer of photos with fittings: which photo, which part of it, what is marked, and what the table says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from synthgen.core.conventions import IGNORED, INVENTED, MATCHABLE
from synthgen.core.errors import AssetError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.fittings.fitting import fitting_cameras
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.render.labelling import label_view
from synthgen.render.photo import Photos, photo_view
from tests.fittings.ground_truth_fixtures import (
    COUNT,
    HEIGHT,
    WIDTH,
    fitting_set,
    opened,
    rendered,
    smooth_photo,
    write_set,
)

NAMES = ("image", "triangle_id", "landmarks_2d", "parameters_62", "flow", "matchability", "ignore_mask")
PLACES = ("source_map", "invented_mask", "image", "matchability")


def centres(size: tuple[int, int]) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5), axis=-1)


def test_sample_i_is_fitting_i_and_the_set_repeats(tmp_path: Path) -> None:
    write_set(tmp_path)
    renderer = opened(tmp_path)
    samples = renderer.render(0, NAMES)
    assert [sample.index for sample in samples] == list(range(32))
    for sample in samples:
        n = sample.index % COUNT
        np.testing.assert_array_equal(sample.arrays["image"], smooth_photo(n))
        assert sample.parameters["name"] == f"set/face_{n}" and sample.parameters["copy"] == sample.index // COUNT
        np.testing.assert_array_equal(sample.arrays["flow"], samples[n].arrays["flow"])
    later = renderer.render(1, NAMES)[1]  # sample 33 is fitting 0 again
    for name in NAMES:
        np.testing.assert_array_equal(later.arrays[name], samples[0].arrays[name], err_msg=name)


def test_labels_are_those_of_the_measured_head(tmp_path: Path) -> None:
    """Against the view of all photos at once: what the chunks and crops of the renderer must not change."""
    fittings = write_set(tmp_path)
    renderer = opened(tmp_path)
    samples = renderer.render(0, (*NAMES, "depth"))[:COUNT]
    photos = Photos(
        image=torch.zeros((COUNT, HEIGHT, WIDTH, 3), dtype=torch.uint8),
        identity=fittings.identity,
        expression=fittings.expression,
        cameras=fitting_cameras(fittings, np.arange(COUNT)),
        depth_shift=fittings.depth_shift,
    )
    arrays = label_view(photo_view(photos, renderer.assets), renderer.assets, ("landmarks_2d",)).arrays
    for n, sample in enumerate(samples):
        np.testing.assert_allclose(sample.arrays["landmarks_2d"], arrays["landmarks_2d"][n], atol=1e-3)
        assert (sample.arrays["triangle_id"] != arrays["triangle_id"][n]).mean() < 1e-3
        np.testing.assert_allclose(sample.arrays["parameters_62"], arrays["parameters_62"][n], atol=1e-4)


@pytest.mark.parametrize("method", ("exact", "nearest_uv"))
def test_boxes_and_masks_of_other_faces_are_ignored(method: str, tmp_path: Path) -> None:
    """A box on the first photo and a mask picture on the second, seen through a crop that halves the photo."""
    box = (30.0, 20.0, 80.0, 70.0)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[40:80, 60:110] = 255
    write_set(tmp_path, ignore_boxes=((box,), (), ()), ignore_masks=("", "set/other.png", ""))
    Image.fromarray(mask).save(tmp_path / "set/other.png")
    size = (HEIGHT // 2, WIDTH // 2)
    sections = {"size": list(size), "crop": {"rule": "fit"}, "flow": {"method": method}}
    first, second, third = (sample.arrays for sample in rendered(tmp_path, NAMES, sections))
    place = 2 * centres(size)
    expected = ((place >= box[:2]) & (place < box[2:])).all(axis=-1)
    np.testing.assert_array_equal(first["ignore_mask"], expected)
    np.testing.assert_array_equal(second["ignore_mask"], mask[::2, ::2] > 0)
    assert not third["ignore_mask"].any()
    for arrays in (first, second):
        ignored = arrays["ignore_mask"] & (arrays["triangle_id"] >= 0)
        assert ignored.sum() > 50 and (arrays["matchability"][ignored] == IGNORED).all()
        assert np.isnan(arrays["flow"][ignored]).all()
        assert not (arrays["matchability"][~ignored] == IGNORED).any()


def test_places_in_the_photo_and_pixels_outside_it(tmp_path: Path) -> None:
    """A crop larger than the photo: black and marked where no camera looked, elsewhere the map leads to the photo."""
    write_set(tmp_path)
    sections = {"size": [64, 64], "crop": {"rule": "landmark_box", "grow": 1.6}}
    samples = rendered(tmp_path, PLACES, sections)
    for n, sample in enumerate(samples):
        values, arrays = sample.parameters, sample.arrays
        shift = np.array([values["photo_shift_x"], values["photo_shift_y"]])
        place = (centres((64, 64)) - shift) / values["photo_scale"]
        inside = ((place >= 0) & (place <= (WIDTH, HEIGHT))).all(axis=-1)
        assert 0.05 < (~inside).mean() < 0.8
        clear = np.abs(place / (WIDTH, HEIGHT) - 0.5).max(axis=-1) - 0.5  # further in or out than rounding
        known = np.abs(clear) > 1e-4
        np.testing.assert_array_equal(arrays["invented_mask"][known], ~inside[known])
        np.testing.assert_array_equal(np.isnan(arrays["source_map"]).any(axis=-1), arrays["invented_mask"])
        np.testing.assert_allclose(arrays["source_map"][inside & known], place[inside & known], atol=1e-3)
        assert arrays["image"][arrays["invented_mask"]].max(initial=0) == 0
        seen = np.floor(place[inside & known]).astype(int)
        colours = smooth_photo(n)[seen[:, 1].clip(0, HEIGHT - 1), seen[:, 0].clip(0, WIDTH - 1)]
        assert np.abs(colours.astype(int) - arrays["image"][inside & known]).mean() < 6
        face = arrays["matchability"] > 0
        assert (arrays["matchability"][face & arrays["invented_mask"]] == INVENTED).all()
        assert not (arrays["matchability"] == INVENTED)[~arrays["invented_mask"]].any()
    assert any((sample.arrays["matchability"] == MATCHABLE).any() for sample in samples)


def test_crop_rules_centre_the_landmarks(tmp_path: Path) -> None:
    write_set(tmp_path)
    for rule, share in (("landmark_box", 2**-0.5), ("prnet_landmarks", None)):
        sections = {"size": [80, 100], "crop": {"rule": rule}}
        for sample in rendered(tmp_path, NAMES, sections):
            points = sample.arrays["landmarks_2d"]
            low, high = points.min(axis=0), points.max(axis=0)
            np.testing.assert_allclose((low + high) / 2, (50, 40), atol=0.01)
            if share is not None:
                assert (high - low).max() == pytest.approx(share * 80, abs=0.01)


def test_a_crop_by_detector_takes_the_box_of_the_fitting(tmp_path: Path) -> None:
    boxes = np.tile([40.0, 20.0, 90.0, 80.0], (COUNT, 1))  # centre (65, 50), mean side 55, so int(86.9) and 7.7 lower
    write_set(tmp_path, boxes=boxes)
    whole = rendered(tmp_path, NAMES)
    cut = rendered(tmp_path, NAMES, {"size": [86, 86], "crop": {"rule": "detector_box"}})
    for sample, reference in zip(cut, whole, strict=True):
        moved = reference.arrays["landmarks_2d"] - (65 - 43, 57.7 - 43)
        np.testing.assert_allclose(sample.arrays["landmarks_2d"], moved, atol=1e-3)


def test_the_distance_to_annotated_points_is_a_check(tmp_path: Path) -> None:
    write_set(tmp_path)
    projected = [sample.arrays["landmarks_2d"] for sample in rendered(tmp_path, NAMES)]
    annotated = np.stack(projected).astype(float) + (3.0, -4.0)
    annotated[1, 10:] = np.nan
    annotated[2] = np.nan
    write_set(tmp_path, landmarks=annotated)
    checks = [sample.checks["landmark_fit_px"] for sample in rendered(tmp_path, NAMES)]
    assert checks[:2] == pytest.approx([5.0, 5.0], abs=1e-3) and np.isnan(checks[2])
    half = {"size": [HEIGHT // 2, WIDTH // 2], "crop": {"rule": "fit"}}
    assert rendered(tmp_path, NAMES, half)[0].checks["landmark_fit_px"] == pytest.approx(2.5, abs=1e-3)


def test_the_table_has_the_parameters_and_their_statistics(tmp_path: Path) -> None:
    write_set(tmp_path, depth_shift=np.full(COUNT, -70.0))
    renderer = opened(tmp_path, {"labels": ["image", "parameters"]})
    generate(renderer.recipe, tmp_path / "data", GenerateOptions(workers=0))
    dataset = open_dataset(tmp_path / "data")
    assert len(dataset) == COUNT and dataset.template.mean_face.shape == (HEIGHT, WIDTH, 3)
    rows = np.stack([dataset[n]["parameters_62"] for n in range(COUNT)]).astype(np.float64)
    mean, deviation = dataset.parameter_statistics()
    expected = np.sqrt(((rows - rows.mean(axis=0)) ** 2).sum(axis=0) / COUNT)
    moving = np.ptp(rows, axis=0) > 1e-4
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation[moving], expected[moving], atol=1e-5)
    assert mean[11] == -70 and deviation[11] == 1.0
    stored = json.loads((tmp_path / "data" / "parameters_62.json").read_text())
    assert stored["format"] == "synthgen-parameters-62-1" and stored["count"] == COUNT
    assert stored["mean"] == mean.tolist() and stored["std"] == deviation.tolist() and len(stored["std"]) == 62
    assert dataset.table["yaw_deg"].to_pylist() == pytest.approx([0.0, 35.0, -50.0], abs=1e-3)
    # Zhu's yaw of a rotation about y alone is ours mirrored.
    assert dataset.table["zhu_yaw_deg"].to_pylist()[0] == pytest.approx(0.0, abs=1e-3)
    records = {asset["id"] for asset in dataset.manifest.assets}
    assert records == {"fittings", "photos"}


def test_perspective_parameters_have_no_statistics(tmp_path: Path) -> None:
    write_set(tmp_path, perspective=True)
    renderer = opened(tmp_path, {"labels": ["image", "parameters"]})
    generate(renderer.recipe, tmp_path / "data", GenerateOptions(workers=0))
    with pytest.raises(UsageError, match="perspective.*--camera scaled_orthographic"):
        open_dataset(tmp_path / "data").parameter_statistics()
    assert not (tmp_path / "data" / "parameters_62.json").exists()


def test_photos_that_do_not_fit_are_named(tmp_path: Path) -> None:
    write_set(tmp_path)
    with pytest.raises(AssetError, match="face_0.*crop rule"):
        opened(tmp_path, {"size": [64, 64]})
    Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(tmp_path / "set/face_1.png")
    with pytest.raises(AssetError, match=r"face_1\.png.*90 x 90"):
        opened(tmp_path)
    (tmp_path / "set/face_1.png").unlink()
    with pytest.raises(AssetError, match=r"face_1\.png"):
        opened(tmp_path)


def test_fittings_of_another_model_are_refused(tmp_path: Path) -> None:
    fittings = fitting_set(perspective=False)
    write_set(tmp_path, identity=fittings.identity[:, :-1])
    with pytest.raises(UsageError, match="identity"):
        opened(tmp_path)
    write_set(tmp_path, model="bfm2009")
    with pytest.raises(UsageError, match="bfm2009"):
        opened(tmp_path)
