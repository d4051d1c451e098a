from importlib.util import find_spec

import numpy as np
import pytest
import torch
import trimesh

from synthgen.core.errors import UsageError
from synthgen.raster.pytorch3d import rasterize_pytorch3d
from synthgen.raster.rasterize import rasterize

HAS_PYTORCH3D = find_spec("pytorch3d") is not None


def ball() -> tuple[torch.Tensor, torch.Tensor]:
    """Two spheres seen in perspective, [x px, y px, depth mm], and their triangles."""
    mesh = trimesh.creation.icosphere(subdivisions=2)
    world = torch.tensor(np.array(mesh.vertices), dtype=torch.float32) * torch.tensor([80.0, -60.0, -70.0])
    depth = world[:, 2:] + 400
    one = torch.cat([world[:, :2] * 90 / depth + torch.tensor([20.0, 14.0]), depth], dim=-1)
    two = one + torch.tensor([3.3, -2.1, 5.0])
    return torch.stack([one, two]), torch.from_numpy(np.ascontiguousarray(mesh.faces, dtype=np.int32))


@pytest.mark.skipif(not HAS_PYTORCH3D, reason="PyTorch3D is not installed")
@pytest.mark.parametrize("perspective", [False, True])
def test_draws_the_same_surface(perspective: bool) -> None:
    vertices, triangles = ball()
    ours = rasterize(vertices, triangles, (28, 40), perspective)
    theirs = rasterize_pytorch3d(vertices, triangles, (28, 40), perspective)
    assert (ours.triangle_id >= 0).float().mean() > 0.2
    same = ours.triangle_id == theirs.triangle_id
    assert same.float().mean() > 0.99
    both = same & (ours.triangle_id >= 0)
    torch.testing.assert_close(ours.depth[both], theirs.depth[both], atol=0.1, rtol=0)
    torch.testing.assert_close(ours.barycentric[both], theirs.barycentric[both], atol=2e-2, rtol=0)


@pytest.mark.skipif(HAS_PYTORCH3D, reason="PyTorch3D is installed")
def test_its_absence_is_said() -> None:
    with pytest.raises(UsageError, match="PyTorch3D"):
        rasterize_pytorch3d(*ball(), (28, 40), True)
