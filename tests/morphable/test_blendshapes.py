import numpy as np
import torch

from synthgen.morphable.blendshapes import blendshape_vertices


def test_vertices_by_hand() -> None:
    mean = torch.tensor([1.0, 2, 3, 4, 5, 6])
    basis = torch.tensor([[1.0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 2]])
    found = blendshape_vertices(mean, basis, torch.tensor([[2.0, 0.5], [0, -1]]))
    assert found.tolist() == [[[3, 2.5, 3.5], [4, 5, 7]], [[1, 1, 2], [4, 5, 4]]]


def test_gradcheck() -> None:
    random = np.random.default_rng(0)
    shapes = ((12,), (3, 12), (2, 3))
    inputs = tuple(torch.from_numpy(random.normal(size=shape)).requires_grad_() for shape in shapes)
    assert torch.autograd.gradcheck(blendshape_vertices, inputs)
