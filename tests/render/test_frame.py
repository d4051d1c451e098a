from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion

from synthgen.core.conventions import BLOCK
from synthgen.core.errors import LabelError, UsageError
from synthgen.core.label_spec import LABELS, labels_of_kind
from synthgen.dataset.codecs import SampleCodec
from synthgen.dataset.layout import layout_of_recipe
from synthgen.dataset.sample import Sample
from synthgen.morphable.template import evaluate_points
from synthgen.pipeline.renderers import render_sample
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe
from synthgen.render.frame import Renderer, check_finite, open_renderer

IMAGES = """
kind: images
seed: 11
count: 40
size: [48, 64]
background: {kind: procedural}
occluders: {count: 1}
sensor: {noise: 2, blur: 0.5}
"""


def recipe_of(text: str = IMAGES, *overrides: str) -> Recipe:
    return parse_recipe(text, overrides=overrides)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return open_renderer(recipe_of())


@pytest.fixture(scope="module")
def with_recipe(renderer: Renderer) -> Callable[..., Renderer]:
    """A renderer for other settings that shares the loaded assets: they do not depend on what the tests change."""

    def open_with(*overrides: str) -> Renderer:
        return Renderer(recipe_of(IMAGES, *overrides), renderer.assets)

    return open_with


def assert_equal(first: Sample, second: Sample) -> None:
    assert first.index == second.index and first.parameters == second.parameters
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, second.arrays[name], err_msg=name)


def test_a_sample_is_a_function_of_recipe_and_index(renderer: Renderer) -> None:
    first = renderer(1)
    torch.set_num_threads(2)
    renderer(0)  # other work in between, other thread count
    second = Renderer(recipe_of(), renderer.assets)(1)
    assert [sample.index for sample in first] == list(range(BLOCK, 2 * BLOCK))
    for one, other in zip(first, second, strict=True):
        assert_equal(one, other)


def test_another_seed_gives_other_samples(renderer: Renderer, with_recipe: Callable[..., Renderer]) -> None:
    assert renderer(0)[5].parameters["yaw_deg"] != with_recipe("seed=12")(0)[5].parameters["yaw_deg"]


def test_labels_have_the_shapes_and_types_of_the_label_table(with_recipe: Callable[..., Renderer]) -> None:
    names = labels_of_kind("images")
    sample = with_recipe().render(0, names)[3]
    sizes = {"H": 48, "W": 64, "I": 40, "E": 10}
    for name in names:
        expected = tuple(sizes.get(side, side) for side in LABELS[name].shape)
        assert sample.arrays[name].shape == expected, name
        assert sample.arrays[name].dtype == np.dtype(LABELS[name].dtype), name


def test_empty_values_where_there_is_no_face(with_recipe: Callable[..., Renderer]) -> None:
    arrays = with_recipe().render(0, labels_of_kind("images"))[0].arrays
    away = arrays["triangle_id"] < 0
    assert away.any() and not away.all()
    for name in ("barycentric", "depth", "normals", "uv", "pncc", "albedo", "shading"):
        assert np.isnan(arrays[name][away]).all() and np.isfinite(arrays[name][~away]).all(), name
    assert (arrays["parts"][away] == 0).all() and (arrays["parts"][~away] > 0).all()
    np.testing.assert_array_equal(arrays["amodal_mask"], ~away)
    np.testing.assert_array_equal(arrays["face_mask"], ~away & ~arrays["occluder_mask"])
    np.testing.assert_allclose(np.linalg.norm(arrays["normals"][~away], axis=-1), 1, atol=1e-5)


def test_landmarks_are_the_projected_surface_points(renderer: Renderer) -> None:
    model = renderer.assets.model
    points, triangles = model.template.landmarks["ibug68"], model.template.triangles
    basis = np.concatenate([model.identity_basis, model.expression_basis]).astype(np.float64)
    for sample in renderer(0)[:4]:
        arrays = sample.arrays
        coefficients = np.concatenate([arrays["identity_coeffs"], arrays["expression_coeffs"]]).astype(np.float64)
        surface = evaluate_points(points, triangles, model.mean + np.tensordot(coefficients, basis, 1))
        pose = arrays["camera_from_world"].astype(np.float64)
        in_camera = surface @ pose[:3, :3].T + pose[:3, 3]
        pixels = in_camera @ arrays["intrinsics"].astype(np.float64).T
        np.testing.assert_allclose(arrays["landmarks_3d"], in_camera, atol=2e-3)
        np.testing.assert_allclose(arrays["landmarks_2d"], pixels[:, :2] / pixels[:, 2:], atol=2e-3)


def test_the_face_is_where_and_as_large_as_the_recipe_says(with_recipe: Callable[..., Renderer]) -> None:
    still = ["pose={yaw_deg: 0, pitch_deg: 0, roll_deg: 0, translation: 0.1, scale: 0.6}", "identity=0"]
    still += ["expression={distribution: constant, value: 0}", "camera={projection: scaled_orthographic}"]
    points = with_recipe(*still)(0)[0].arrays["landmarks_2d"]
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, [32 + 6.4, 24 + 4.8], atol=0.6)
    assert (high - low).max() == pytest.approx(0.6 * 48, rel=0.04)


def test_scaled_orthographic_vector_of_62(with_recipe: Callable[..., Renderer]) -> None:
    sample = with_recipe("camera={projection: scaled_orthographic}")(0)[2].arrays
    pose = sample["parameters_62"][:12].reshape(3, 4)
    world = (sample["landmarks_3d"] * [1, -1, -1]) @ np.linalg.inv(pose[:, :3] / sample["intrinsics"][0, 0]).T
    projected = world @ pose[:, :3].T + pose[:, 3]
    expected = np.stack([projected[:, 0] - 0.5, 48.5 - projected[:, 1]], -1)
    np.testing.assert_allclose(sample["landmarks_2d"], expected, atol=2e-3)


@pytest.mark.parametrize("policy", ["ignore", "label"])
def test_several_faces(policy: str, with_recipe: Callable[..., Renderer]) -> None:
    names = labels_of_kind("images")
    renderer = with_recipe("faces=3", f"other_faces={policy}", "occluders.count=0")
    alone = with_recipe("occluders.count=0").render(0, names)
    crowd = renderer.render(0, names)
    ignored = 0
    for one, many in zip(alone, crowd, strict=True):
        main = one.arrays["triangle_id"] >= 0
        np.testing.assert_array_equal(one.arrays["landmarks_2d"], many.arrays["landmarks_2d"])
        np.testing.assert_array_equal(one.arrays["triangle_id"][main], many.arrays["triangle_id"][main])
        others = np.isfinite(many.arrays["other_landmarks_2d"]).all(axis=(1, 2))
        assert others.all() and many.parameters["faces"] == 3
        extra = (many.arrays["triangle_id"] >= 0) & ~main
        index = many.arrays["face_index"]
        np.testing.assert_array_equal(index > 0, many.arrays["triangle_id"] >= 0)
        if policy == "ignore":
            assert not extra.any() and not (many.arrays["ignore_mask"] & main).any()
            ignored += int(many.arrays["ignore_mask"].sum())
        else:
            assert not many.arrays["ignore_mask"].any()
            assert set(np.unique(index[extra])) <= {2, 3}
            ignored += int(extra.sum())
    assert ignored > 32 * 20


def test_supersampling_softens_edges_and_leaves_labels(with_recipe: Callable[..., Renderer]) -> None:
    plain = ["sensor={noise: 0}", "occluders.count=0"]
    sharp = with_recipe(*plain)(0)[1]
    soft = with_recipe(*plain, "sensor.supersampling=3")(0)[1]
    for name, array in sharp.arrays.items():
        if name != "image":
            np.testing.assert_array_equal(array, soft.arrays[name], err_msg=name)
    away = sharp.arrays["image"] == soft.arrays["image"]
    outline = binary_dilation(sharp.arrays["triangle_id"] >= 0, iterations=2)
    # Far from any head nothing changes; along the outline most pixels do.
    assert away.all(axis=-1)[:, :4].all()
    edge = outline & ~binary_erosion(outline, iterations=4)
    assert (~away[edge].all(axis=-1)).mean() > 0.5


def test_stored_samples_decode_to_what_the_label_table_promises(renderer: Renderer) -> None:
    recipe = renderer.recipe
    codec = SampleCodec(layout_of_recipe(recipe.model_dump(mode="json")))
    sample = renderer(0)[7]
    decoded: dict[str, Any] = codec.decode(codec.encode(sample))
    for name, array in sample.arrays.items():
        if name == "image":
            assert np.abs(decoded[name].astype(int) - array.astype(int)).mean() < 4  # JPEG
            continue
        worst = LABELS[name].worst_error
        np.testing.assert_allclose(decoded[name], array, rtol=0, atol=worst * 1.001 + 1e-12, err_msg=name)


def test_render_sample_gives_every_label_of_the_same_sample(renderer: Renderer) -> None:
    arrays = render_sample(renderer.recipe, 37)
    stored = renderer(1)[5].arrays
    assert set(arrays) == set(labels_of_kind("images"))
    for name, array in stored.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    with pytest.raises(UsageError, match="index"):
        render_sample(renderer.recipe, -1)


def test_two_renderings_of_a_pair_differ_and_share_nothing(renderer: Renderer) -> None:
    pairs = IMAGES.replace("kind: images", "kind: pairs").replace("[48, 64]", "[48, 48]")
    sample = Renderer(recipe_of(pairs), renderer.assets)(0)[0]
    assert sample.parameters["source_identity"] != sample.parameters["target_identity"]
    assert sample.arrays["flow"].shape == (48, 48, 2)


def test_a_vertex_that_is_not_finite_is_an_error_of_its_sample(renderer: Renderer) -> None:
    """Before anything is drawn: a NaN in a basis reaches one vertex of the sample that uses the component."""
    tensors = renderer.assets.tensors
    basis = tensors.basis.clone()
    basis[0, 3 * 100] = float("nan")
    broken = replace(renderer.assets, tensors=replace(tensors, basis=basis))
    with pytest.raises(LabelError, match="sample 32: a posed vertex of its head is not finite; check identity"):
        Renderer(recipe_of(), broken)(1)


def test_nothing_but_what_the_label_table_allows_is_nan() -> None:
    arrays = {"landmarks_2d_contour": np.zeros((68, 2), np.float32), "parameters_62": np.full(62, np.nan, np.float32)}
    check_finite(Sample(3, arrays, {}, {}))
    for name in ("landmarks_2d_contour", "source_intrinsics", "euler", "identity_coeffs"):
        with pytest.raises(LabelError, match=f"sample 3: {name} is not finite"):
            check_finite(Sample(3, {**arrays, name: np.array([0.0, np.inf], np.float32)}, {}, {}))
