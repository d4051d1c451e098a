"""Which fragments carry labels, and their normals, against a loop in NumPy."""

import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.raster.labelled import labelled_surface
from synthgen.raster.rasterize import rasterize


def test_labels_and_normals_by_hand() -> None:
    rng = np.random.default_rng(0)
    vertices = torch.from_numpy(rng.uniform(0, 24, (2, 30, 3)).astype(np.float32))
    triangles = torch.from_numpy(rng.permuted(np.tile(np.arange(30), (40, 1)), axis=1)[:, :3].astype(np.int32))
    normals = torch.from_numpy(rng.standard_normal((2, 30, 3)).astype(np.float32))
    fragments = rasterize(vertices, triangles, (24, 20), False)
    labelled, smooth = labelled_surface(fragments, triangles, 25, normals)
    ids = fragments.triangle_id.numpy()
    assert (ids >= 25).any() and (ids[ids >= 0] < 25).any() and (ids < 0).any()
    for n, row, column in np.ndindex(ids.shape):
        here = (n, row, column)
        if 0 <= ids[here] < 25:
            weights = fragments.barycentric[here].numpy()
            expected = weights @ normals[n].numpy()[triangles[ids[here]].numpy()]
            np.testing.assert_allclose(smooth[here], expected / np.linalg.norm(expected), atol=1e-5)
            assert labelled.triangle_id[here] == ids[here] and labelled.depth[here] == fragments.depth[here]
            np.testing.assert_array_equal(labelled.barycentric[here], fragments.barycentric[here])
        else:
            assert labelled.triangle_id[here] == -1
            assert torch.isnan(torch.cat([smooth[here], labelled.barycentric[here], labelled.depth[here][None]])).all()


def test_normals_of_another_mesh_are_refused() -> None:
    vertices = torch.rand((1, 3, 3))
    triangles = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    with pytest.raises(UsageError, match="normals"):
        labelled_surface(rasterize(vertices, triangles, (4, 4), False), triangles, 1, torch.rand((2, 3, 3)))


def test_turned_and_in_place() -> None:
    rng = np.random.default_rng(1)
    vertices = torch.from_numpy(rng.uniform(0, 24, (2, 30, 3)).astype(np.float32))
    triangles = torch.from_numpy(rng.permuted(np.tile(np.arange(30), (40, 1)), axis=1)[:, :3].astype(np.int32))
    normals = torch.from_numpy(rng.standard_normal((2, 30, 3)).astype(np.float32))
    rotation = torch.from_numpy(np.linalg.qr(rng.standard_normal((2, 3, 3)))[0].astype(np.float32)).contiguous()
    fragments = rasterize(vertices, triangles, (24, 20), False)
    kept, smooth = labelled_surface(fragments, triangles, 25, normals)
    expected = np.einsum("nij,nhwj->nhwi", rotation.numpy(), smooth.numpy())
    labelled, turned = labelled_surface(fragments, triangles, 25, normals, rotation, in_place=True)
    assert labelled is fragments
    np.testing.assert_allclose(turned, expected, atol=1e-6)
    for name in ("triangle_id", "barycentric", "depth"):
        np.testing.assert_array_equal(getattr(labelled, name), getattr(kept, name))


def test_triangles_that_nobody_looks_at_hide_all_the_same() -> None:
    rng = np.random.default_rng(2)
    vertices = torch.from_numpy(rng.uniform(0, 24, (2, 30, 3)).astype(np.float32))
    triangles = torch.from_numpy(rng.permuted(np.tile(np.arange(30), (40, 1)), axis=1)[:, :3].astype(np.int32))
    normals = torch.from_numpy(rng.standard_normal((2, 30, 3)).astype(np.float32))
    everything = rasterize(vertices, triangles, (24, 20), False)
    fewer = rasterize(vertices, triangles, (24, 20), False, drawn=10)
    assert (fewer.triangle_id < 0).sum() > (everything.triangle_id < 0).sum()
    assert everything.fronts is not None and fewer.fronts is not None
    np.testing.assert_array_equal(fewer.fronts.count, everything.fronts.count)
    expected, smooth = labelled_surface(everything, triangles, 10, normals)
    found, same = labelled_surface(fewer, triangles, 10, normals)
    np.testing.assert_array_equal(same, smooth)
    for name in ("triangle_id", "barycentric", "depth"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
