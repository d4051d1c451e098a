import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.raster.topology import side_neighbours
from tests.raster.gradient_scenes import ball


def test_two_triangles_share_a_side() -> None:
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    # Opposite 0 lies side 1-2, opposite 1 side 2-0, opposite 2 side 0-1.
    assert side_neighbours(triangles, 4).tolist() == [[-1, 1, -1], [-1, -1, 0]]


def test_a_closed_surface_has_no_end() -> None:
    vertices, triangles = ball(2)
    neighbours = side_neighbours(triangles, len(vertices)).long()
    assert (neighbours >= 0).all()
    for t, across in enumerate(neighbours.tolist()):
        for corner, other in enumerate(across):
            shared = set(triangles[t].tolist()) & set(triangles[other].tolist())
            assert len(shared) == 2 and int(triangles[t, corner]) not in shared
            assert t in neighbours[other].tolist()


def test_a_neighbour_wound_the_other_way_is_none() -> None:
    triangles = torch.tensor([[0, 1, 2], [0, 3, 2]], dtype=torch.int32)
    assert (side_neighbours(triangles, 4) == -1).all()


def test_no_triangles_have_no_neighbours() -> None:
    assert side_neighbours(torch.zeros((0, 3), dtype=torch.int32), 4).shape == (0, 3)


def test_a_wrong_index_is_refused() -> None:
    with pytest.raises(UsageError, match="triangles"):
        side_neighbours(torch.tensor([[0, 1, 7]], dtype=torch.int32), 4)
