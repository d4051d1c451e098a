import numpy as np
import torch
import trimesh

from synthgen.geometry.normals import smooth_normals
from synthgen.raster.normals import build_adjacency, vertex_normals


def bumpy() -> tuple[torch.Tensor, torch.Tensor]:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    noise = np.random.default_rng(0).normal(scale=0.05, size=(2, *mesh.vertices.shape))
    vertices = torch.from_numpy(mesh.vertices[None] + noise)
    return vertices, torch.from_numpy(np.ascontiguousarray(mesh.faces, dtype=np.int32))


def test_equals_the_kernel() -> None:
    vertices, triangles = bumpy()
    fast = vertex_normals(vertices.float(), triangles, build_adjacency(triangles, vertices.shape[1]))
    torch.testing.assert_close(smooth_normals(vertices, triangles).float(), fast, atol=1e-6, rtol=0)
    torch.testing.assert_close(smooth_normals(vertices.float(), triangles), fast, atol=1e-6, rtol=0)


def test_gradcheck() -> None:
    vertices, triangles = bumpy()
    few = triangles[:12]
    used, renumbered = torch.unique(few, return_inverse=True)
    corners = vertices[:, used.long()].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda moved: smooth_normals(moved, renumbered.int()), corners)


def test_a_vertex_without_triangles_has_no_normal_and_no_gradient() -> None:
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]]], requires_grad=True)
    normals = smooth_normals(vertices, torch.tensor([[0, 1, 2]], dtype=torch.int32))
    assert normals[0].tolist() == [[0, 0, 1]] * 3 + [[0, 0, 0]]
    normals.square().sum().backward()
    assert vertices.grad is not None and torch.isfinite(vertices.grad).all() and (vertices.grad[0, 3] == 0).all()
