import numpy as np
import pytest
import torch
import trimesh

from synthgen.core.errors import UsageError
from synthgen.raster.normals import Adjacency, build_adjacency, vertex_normals
from synthgen.raster.warp_normals import launch_vertex_normals


def sphere(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two unit spheres, one with noise, (2, V, 3), and their triangles."""
    mesh = trimesh.creation.icosphere(subdivisions=3)
    noise = np.random.default_rng(seed).normal(scale=0.01, size=mesh.vertices.shape)
    vertices = np.stack([mesh.vertices, mesh.vertices + noise]).astype(np.float32)
    return torch.from_numpy(vertices), torch.from_numpy(np.ascontiguousarray(mesh.faces, dtype=np.int32))


def test_adjacency_of_two_triangles() -> None:
    adjacency = build_adjacency(torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32), 5)
    assert adjacency.offset.tolist() == [0, 2, 3, 5, 6, 6]
    assert adjacency.incident.tolist() == [0, 1, 0, 0, 1, 1]


def test_normals_of_a_sphere_point_outwards() -> None:
    vertices, triangles = sphere()
    normals = vertex_normals(vertices, triangles, build_adjacency(triangles, vertices.shape[1]))
    assert (normals[0] - vertices[0]).abs().max() < 0.02


def test_equals_an_area_weighted_sum_in_float64() -> None:
    vertices, triangles = sphere()
    normals = vertex_normals(vertices, triangles, build_adjacency(triangles, vertices.shape[1])).numpy()
    for points, found in zip(vertices.double().numpy(), normals, strict=True):
        a, b, c = (points[triangles[:, k].numpy()] for k in range(3))
        expected = np.zeros_like(points)
        for k in range(3):
            np.add.at(expected, triangles[:, k].numpy(), np.cross(b - a, c - a))
        expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_larger_triangles_weigh_more() -> None:
    # Vertex 0 is shared by a triangle of area 1/2 facing +z and one of area 3/2 facing +x.
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    normal = vertex_normals(vertices, triangles, build_adjacency(triangles, 4))[0, 0]
    torch.testing.assert_close(normal, torch.tensor([3.0, 0.0, 1.0]) / 10**0.5)


def test_vertices_without_area_around_have_no_normal() -> None:
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]]])
    triangles = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    assert vertex_normals(vertices, triangles, build_adjacency(triangles, 4)).tolist() == [[[0.0] * 3] * 4]


def test_the_batch_does_not_change_the_bits() -> None:
    vertices, triangles = sphere()
    adjacency = build_adjacency(triangles, vertices.shape[1])
    whole = vertex_normals(vertices, triangles, adjacency)
    alone = vertex_normals(vertices[1:].contiguous(), triangles, adjacency)
    assert torch.equal(whole[1:], alone)


def test_the_kernel_for_cuda_adds_in_the_same_order() -> None:
    vertices, triangles = sphere()
    adjacency = build_adjacency(triangles, vertices.shape[1])
    gathered = launch_vertex_normals(vertices, triangles, adjacency.offset, adjacency.incident, per_vertex=True)
    assert torch.equal(gathered, vertex_normals(vertices, triangles, adjacency))


@pytest.mark.gpu
def test_cuda_equals_the_cpu() -> None:
    vertices, triangles = sphere()
    adjacency = build_adjacency(triangles, vertices.shape[1])
    moved = Adjacency(adjacency.offset.cuda(), adjacency.incident.cuda())
    found = vertex_normals(vertices.cuda(), triangles.cuda(), moved).cpu()
    torch.testing.assert_close(found, vertex_normals(vertices, triangles, adjacency), atol=1e-6, rtol=0)


def test_an_adjacency_of_another_mesh_is_refused() -> None:
    vertices, triangles = sphere()
    with pytest.raises(UsageError, match="adjacency.offset"):
        vertex_normals(vertices, triangles, build_adjacency(triangles, vertices.shape[1] + 1))
