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
