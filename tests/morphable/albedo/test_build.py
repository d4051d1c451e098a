"""The painted layers: where each one lies on both models, by landmarks and parts rather than by the painters."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.conventions import PARTS
from synthgen.morphable.albedo.build import AlbedoModel, build_albedo_model, mip_levels
from synthgen.morphable.albedo.names import LAYER_COUNT, LAYER_NAMES
from synthgen.morphable.albedo.texels import chart_coverage
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.sampling.albedo import sample_albedo


class Painted:
    """A model, its layers, and a way to read them at surface points."""

    def __init__(self, model: MorphableModel) -> None:
        self.model = model
        self.albedo: AlbedoModel = build_albedo_model(model.template, model.mean)
        points = model.template.landmarks["ibug68"]
        corners = model.template.uv[points.triangle]
        self.landmark_uv = np.einsum("kcd,kc->kd", corners, points.barycentric)

    def at(self, name: str, uv: np.ndarray) -> np.ndarray:
        """Density at chart coordinates (N, 2), nearest texel."""
        size = len(self.albedo.layers)
        column = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
        row = np.clip(((1.0 - uv[:, 1]) * size).astype(int), 0, size - 1)
        return self.albedo.layers[row, column, LAYER_NAMES.index(name)]

    def at_centroids(self, name: str, rows: np.ndarray) -> np.ndarray:
        return self.at(name, self.model.template.uv[rows].mean(axis=1))

    def part(self, name: str) -> np.ndarray:
        template = self.model.template
        return np.flatnonzero(template.parts[: template.label_count] == PARTS.index(name))


@pytest.fixture(scope="module", params=["ict", "procedural"])
def painted(request: pytest.FixtureRequest) -> Painted:
    if request.param == "ict":
        path: Path = request.getfixturevalue("ict_model_path")
        return Painted(load_model(path))
    return Painted(build_procedural_model("base"))


def test_layers_are_finite_densities_of_the_declared_shape(painted: Painted) -> None:
    layers = painted.albedo.layers
    assert painted.albedo.names == LAYER_NAMES
    assert layers.shape == (512, 512, LAYER_COUNT)
    assert layers.dtype == np.float32
    assert LAYER_COUNT <= 16
    assert np.isfinite(layers).all()
    assert layers.min() >= 0
    assert (layers.max(axis=(0, 1)) > 0.3).all()


def test_skin_pigment_is_on_the_shell_and_not_on_the_eyes(painted: Painted) -> None:
    template = painted.model.template
    uv = template.uv[: template.label_count].mean(axis=1)
    shell, eyes = uv[uv[:, 1] > 0.2], uv[uv[:, 1] < 0.2]
    for name in ("dermis", "melanin"):
        assert painted.at(name, shell).min() > 0.5
        assert painted.at(name, eyes).max() == 0
    assert painted.at("white", eyes).min() > 0.5
    assert painted.at("white", shell).max() == 0


def test_lips_lie_on_the_lip_parts(painted: Painted) -> None:
    inside = np.concatenate([painted.part("upper_lip"), painted.part("lower_lip")])
    assert np.median(painted.at_centroids("lips", inside)) > 0.7
    for part in ("nose", "left_eye", "right_brow"):
        assert painted.at_centroids("lips", painted.part(part)).max() < 0.05


def test_brows_lie_on_the_brow_parts(painted: Painted) -> None:
    for part in ("left_brow", "right_brow"):
        assert np.median(painted.at_centroids("brows", painted.part(part))) > 0.5
    for part in ("nose", "upper_lip", "left_eye"):
        assert painted.at_centroids("brows", painted.part(part)).max() < 0.15


def test_pupil_and_iris_are_centred_and_eleven_point_seven_millimetres_wide(painted: Painted) -> None:
    template, mean = painted.model.template, painted.model.mean
    for part in ("left_eye", "right_eye"):
        rows = painted.part(part)
        rows = rows[template.uv[rows][..., 1].max(axis=1) < 0.2]
        centroids = mean[template.triangles[rows]].mean(axis=1)
        front = mean[template.triangles[rows]].reshape(-1, 3)
        gaze = front[front[:, 2].argmax(), :2]
        radius = np.hypot(*(centroids[:, :2] - gaze).T)
        iris, dark = painted.at_centroids("iris", rows), painted.at_centroids("dark", rows)
        assert iris[radius < 5.0].min() > 0.0 or (iris[radius < 5.0] < 0.2).mean() < 0.1  # but for the catchlight
        assert np.median(iris[radius < 5.0]) > 0.5
        assert iris[radius > 6.7].max() < 0.1
        assert np.median(dark[radius < 1.2]) > 0.9
        assert dark[radius > 7.5].max() < 0.05


def test_blood_reddens_cheeks_and_nose_more_than_the_forehead(painted: Painted) -> None:
    uv = painted.landmark_uv
    forehead = (uv[[27]] + [0.0, 0.09]) * 1.0
    cheek = uv[[41, 46]] * 0.45 + uv[[2, 14]] * 0.2 + uv[[48, 54]] * 0.35
    base = painted.at("haemoglobin", forehead).mean()
    assert painted.at("haemoglobin", cheek).mean() > base + 0.12
    assert painted.at("haemoglobin", uv[[30]]).mean() > base + 0.12


def test_the_beard_frees_lips_nose_and_eyes(painted: Painted) -> None:
    template, mean = painted.model.template, painted.model.mean
    uv = template.uv[: template.label_count].mean(axis=1)
    for part in ("nose", "left_eye", "right_eye", "left_brow"):
        assert np.quantile(painted.at_centroids("stubble", painted.part(part)), 0.98) < 0.15
    lips = np.concatenate([painted.part("upper_lip"), painted.part("lower_lip")])
    assert np.median(painted.at_centroids("stubble", lips)) < 0.1
    centroids = mean[template.triangles[: template.label_count]].mean(axis=1)
    landmarks = mean[template.triangles[template.landmarks["ibug68"].triangle]].mean(axis=1)
    chin = (
        (np.abs(centroids[:, 0]) < 12) & (np.abs(centroids[:, 1] - landmarks[8, 1] - 8.0) < 6) & (centroids[:, 2] > 60)
    )
    assert np.median(painted.at("stubble", uv[chin])) > 0.3


def test_hair_grows_on_the_scalp_and_not_on_the_face(painted: Painted) -> None:
    uv = painted.landmark_uv
    assert painted.at("hair", uv[17:68]).max() == 0
    crown = np.stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.93)], axis=1)
    assert painted.at("hair", crown).min() > 0.15
    nape = np.array([[0.01, 0.7], [0.99, 0.7]])
    assert painted.at("hair", nape).min() > 0.15


def test_shade_gathers_where_light_does_not_reach(painted: Painted) -> None:
    uv = painted.landmark_uv
    open_places = painted.at("shade", np.concatenate([uv[[28, 29, 30]], uv[[27]] + [0.0, 0.08]]))
    corners = painted.at("shade", uv[[39, 42, 60, 64, 32, 34]])
    assert open_places.max() < 0.35
    assert corners.mean() > open_places.mean() + 0.15


def test_both_sides_are_about_alike(painted: Painted) -> None:
    layers = painted.albedo.layers
    mirrored = layers[:, ::-1]
    for name in ("lips", "brows", "hair", "haemoglobin", "shade"):
        column = LAYER_NAMES.index(name)
        a, b = layers[: int(0.8 * 512), :, column], mirrored[: int(0.8 * 512), :, column]
        # Blood carries noise of its own on either side.
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > (0.5 if name == "haemoglobin" else 0.85), name


def test_painting_is_a_pure_function(painted: Painted) -> None:
    again = build_albedo_model(painted.model.template, painted.model.mean)
    np.testing.assert_array_equal(again.layers, painted.albedo.layers)


def test_a_sampled_face_has_dark_brows_white_eyes_and_redder_lips(painted: Painted) -> None:
    template, layers = painted.model.template, painted.albedo.layers.astype(np.float64)
    nose = template.uv[painted.part("nose")].mean(axis=1)
    lips = template.uv[painted.part("lower_lip")].mean(axis=1)
    brows = template.uv[painted.part("left_brow")].mean(axis=1)
    contrast = []
    for number in range(40):
        colour = np.exp(-layers @ sample_albedo(np.random.default_rng(number)).astype(np.float64))
        assert colour.min() > 0
        assert colour.max() <= 1

        def mean_of(places: np.ndarray, image: np.ndarray = colour) -> np.ndarray:
            rows, columns = ((1 - places[:, 1]) * 512).astype(int), (places[:, 0] * 512).astype(int)
            return np.asarray(np.median(image[rows, columns], axis=0))

        skin, lip, brow = mean_of(nose), mean_of(lips), mean_of(brows)
        assert brow.mean() < 0.92 * skin.mean()
        assert lip[0] / lip[1] > skin[0] / skin[1]
        contrast.append(brow.mean() / skin.mean())
    assert np.median(contrast) < 0.6


def test_mip_levels_are_box_averages() -> None:
    layers = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    levels = mip_levels(layers)
    assert [level.shape for level in levels] == [(8, 8, 3), (4, 4, 3), (2, 2, 3), (1, 1, 3)]
    np.testing.assert_allclose(levels[1][1, 2], layers[2:4, 4:6].reshape(4, 3).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(levels[-1][0, 0], layers.mean(axis=(0, 1)), rtol=1e-6)
    assert all(level.dtype == np.float32 for level in levels)


def test_coverage_interpolates_the_chart_itself(painted: Painted) -> None:
    template = painted.model.template
    triangle, barycentric = chart_coverage(template, 256)
    covered = triangle >= 0
    rows, columns = np.nonzero(covered)
    uv = np.einsum("nc,ncd->nd", barycentric[covered], template.uv[triangle[covered]])
    np.testing.assert_allclose(uv[:, 0] * 256, columns + 0.5, atol=1e-3)
    np.testing.assert_allclose((1 - uv[:, 1]) * 256, rows + 0.5, atol=1e-3)
    # Every label-carrying triangle with room for a texel (an inscribed circle wider than its diagonal) is there.
    corners = template.uv[: template.label_count].astype(np.float64) * 256
    edges = corners - np.roll(corners, 1, axis=1)
    twice_area = edges[:, 1, 0] * edges[:, 2, 1] - edges[:, 1, 1] * edges[:, 2, 0]
    inscribed_radius = np.abs(twice_area) / np.linalg.norm(edges, axis=-1).sum(axis=1)
    roomy = np.flatnonzero(inscribed_radius > 0.71)
    assert len(roomy) > 100
    assert np.isin(roomy, triangle).all()
