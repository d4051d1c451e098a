import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation_vector import rotation_from_vector
from synthgen.morphable.model import MorphableModel
from synthgen.raster.fragments import Fragments
from synthgen.raster.normals import build_adjacency, vertex_normals
from synthgen.raster.topology import side_neighbours
from synthgen.render.differentiable import HeadMesh, draw_heads, draw_surface, open_head_mesh
from synthgen.shading.spherical_harmonics import shading
from synthgen.shading.surface import HeadAlbedo, HeadGeometry, chart_layers, shade_heads
from synthgen.shading.transfer import linear_from_srgb
from tests.raster.gradient_scenes import ball

SIZE = (20, 24)
KINDS = pytest.mark.parametrize("perspective", [False, True], ids=["orthographic", "perspective"])
PAINTS = pytest.mark.parametrize("paint", ["vertices", "texture"])


@pytest.fixture(scope="module")
def blob() -> HeadMesh:
    """A ball of 100 mm that two coefficients deform, in float64."""
    sphere, triangles = ball(2)
    mean = 100 * sphere
    stretch, bulge = torch.zeros_like(mean), torch.zeros_like(mean)
    stretch[:, 1] = 10 * sphere[:, 1]
    bulge[:, 2] = 30 * torch.relu(sphere[:, 2]) ** 2
    uv = (0.5 + 0.4 * sphere[:, :2])[triangles.long()]
    basis = torch.stack([stretch.flatten(), bulge.flatten()])
    return HeadMesh(mean.flatten(), basis, triangles, uv, side_neighbours(triangles, len(sphere)))


def inputs_of(perspective: bool, paint: str) -> dict[str, torch.Tensor]:
    """Two heads' worth of everything that may be optimised."""
    random = np.random.default_rng(8)
    texture = paint == "texture"
    far = 800.0 if perspective else 0.0
    arrays = {
        "coefficients": random.normal(size=(2, 2)),
        "vector": random.normal(scale=0.3, size=(2, 3)),
        "translation": np.array([[5.0, -4, far], [-6, 3, far]]),
        "focal": np.array([70.0, 64.0]) if perspective else np.array([0.085, 0.075]),
        "principal": np.array([[11.7, 10.2], [12.4, 9.6]]),
        "light": np.concatenate([np.full((2, 1, 3), 4.0), random.normal(size=(2, 8, 3))], axis=1),
        "albedo": random.uniform(0.2, 0.9, (1, 5, 5, 3) if texture else (2, 162, 3)),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def draw(mesh: HeadMesh, perspective: bool, values: dict[str, torch.Tensor], smooth_edges: bool = True):
    cameras = Cameras(
        perspective,
        rotation_from_vector(values["vector"]),
        values["translation"],
        values["focal"],
        values["principal"],
    )
    return draw_heads(mesh, values["coefficients"], cameras, values["light"], values["albedo"], SIZE, smooth_edges)


@KINDS
@PAINTS
def test_every_input_has_its_gradient(blob: HeadMesh, perspective: bool, paint: str) -> None:
    """Against central differences along one random direction of each input.

    The picture bends where a silhouette passes a pixel centre, so the step is 1e-5 px and less, far from any bend.
    """
    values = inputs_of(perspective, paint)
    random = np.random.default_rng(2)
    weights = torch.from_numpy(random.normal(size=(2, *SIZE, 4)))

    def loss(changed: dict[str, torch.Tensor]) -> torch.Tensor:
        drawn = draw(blob, perspective, changed)
        return (torch.cat([drawn.image, drawn.coverage[..., None]], dim=-1) * weights).sum()

    for name, value in values.items():
        at = value.clone().requires_grad_()
        loss(values | {name: at}).backward()
        assert at.grad is not None
        direction = torch.from_numpy(random.normal(size=tuple(value.shape)))
        step = 1e-5 * direction / direction.abs().max()
        ends = [loss(values | {name: value + sign * step}) for sign in (1, -1)]
        found, expected = float((at.grad * step).sum()), float(ends[0] - ends[1]) / 2
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-12), name
        assert abs(expected) > 1e-8, name


@KINDS
def test_the_picture_is_that_of_the_formulas(blob: HeadMesh, perspective: bool) -> None:
    """In the interior: albedo x shading of a ball's normals, which point from its middle."""
    values = inputs_of(perspective, "vertices")
    values["coefficients"] = torch.zeros_like(values["coefficients"])
    values["albedo"] = torch.full_like(values["albedo"], 0.5)
    drawn = draw(blob, perspective, values, smooth_edges=False)
    seen = drawn.fragments.triangle_id >= 0
    assert 0.2 < seen.float().mean() < 0.8
    assert torch.equal(drawn.coverage, seen.double()) and (drawn.image[~seen] == 0).all()
    for n, row, column in [(0, 10, 11), (1, 8, 13), (0, 13, 9)]:
        depth = drawn.fragments.depth[n, row, column]
        x, y = torch.tensor([column + 0.5, row + 0.5]) - values["principal"][n]
        focal = values["focal"][n]
        point = (
            torch.stack([x, y, focal]) * depth / focal if perspective else torch.stack([x / focal, y / focal, depth])
        )
        normal = (point - values["translation"][n]) * torch.tensor([1, -1, -1])
        expected = 0.5 * shading(values["light"][n].numpy(), (normal / normal.norm()).numpy())
        np.testing.assert_allclose(drawn.image[n, row, column].numpy(), expected, atol=0.005)  # facets


def test_the_built_in_head_is_drawn_as_the_generator_draws_it(builtin: MorphableModel) -> None:
    """The same head through the kernels of the generator: colours in the interior agree to float32."""
    mesh = open_head_mesh(builtin)
    coefficients = torch.from_numpy(np.random.default_rng(1).normal(size=(1, len(mesh.basis)))).float() * 0.3
    pose = rotation_from_vector(torch.tensor([[0.2, -0.5, 0.1]]))
    centre = torch.tensor([[48.0, 50.0]])
    cameras = Cameras(False, pose, torch.zeros(1, 3), torch.tensor([0.35]), centre)
    light = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 9, 3))).float()
    light[:, 0] += 4
    texture = torch.randint(0, 256, (1, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    linear = torch.from_numpy(linear_from_srgb(texture.numpy() / 255.0)).float()
    drawn = draw_heads(mesh, coefficients, cameras, light, linear, (96, 96), smooth_edges=False)
    vertices = (mesh.mean + coefficients @ mesh.basis).view(1, -1, 3)
    normals = vertex_normals(vertices, mesh.triangles, build_adjacency(mesh.triangles, vertices.shape[1]))
    geometry = HeadGeometry(mesh.triangles, builtin.template.label_count, mesh.uv, normals, pose)
    painted = HeadAlbedo(torch.zeros(1, 3, 16), torch.zeros(1, dtype=torch.int32), texture)
    chart = chart_layers([np.zeros((4, 4, 1), np.float32)], 1.0, "cpu")
    seen = drawn.fragments
    plain = Fragments(seen.triangle_id, seen.barycentric.detach(), seen.depth.detach())
    expected = shade_heads(plain, geometry, chart, painted, light).colour
    assert (seen.triangle_id >= 0).float().mean() > 0.2
    torch.testing.assert_close(drawn.image, expected[..., :3], atol=2e-3, rtol=0)
    assert float((drawn.image - expected[..., :3]).abs().mean()) < 1e-5


def test_a_blank_picture_has_no_gradient_but_zero(blob: HeadMesh) -> None:
    values = inputs_of(True, "vertices")
    values["principal"] = values["principal"] + 500
    for value in values.values():
        value.requires_grad_()
    drawn = draw(blob, True, values)
    (drawn.image.sum() + drawn.coverage.sum()).backward()
    assert (drawn.coverage == 0).all()
    assert all(value.grad is None or (value.grad == 0).all() for value in values.values())


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("coefficients", lambda x: x[:, :1], "coefficients"),
        ("coefficients", lambda x: x.float(), "open_head_mesh"),
        ("light", lambda x: x[:, :4], "light"),
        ("light", lambda x: x.float(), "light"),
        ("albedo", lambda x: x[:, :7], "albedo"),
        ("translation", lambda x: x * float("nan"), "not finite"),
    ],
)
def test_wrong_input_is_refused(blob: HeadMesh, name: str, change, named: str) -> None:
    values = inputs_of(True, "vertices")
    values[name] = change(values[name])
    with pytest.raises(UsageError, match=named):
        draw(blob, True, values)


def test_a_surface_without_a_model(blob: HeadMesh) -> None:
    """draw_surface takes vertices of any origin; draw_heads adds the blendshapes."""
    values = inputs_of(True, "vertices")
    cameras = Cameras(
        True, rotation_from_vector(values["vector"]), values["translation"], values["focal"], values["principal"]
    )
    vertices = (blob.mean + values["coefficients"] @ blob.basis).view(2, -1, 3)
    one = draw_surface(blob, vertices, cameras, values["light"], values["albedo"], SIZE)
    torch.testing.assert_close(one.image, draw(blob, True, values).image)
