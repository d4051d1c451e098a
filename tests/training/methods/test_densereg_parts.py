"""densereg's parts: those that the template has at the coordinates (section 4.2)."""

from pathlib import Path

import torch

from training.data import open_training_dataset, validation_batches
from training.methods.densereg import DenseReg, parts_by_chart


def test_a_chart_by_hand() -> None:
    chart = torch.tensor([[1, 2], [3, 4]])  # v runs up: the first row is the upper half
    u = torch.tensor([[[0.2, 0.8, 0.2, 0.8, float("nan")]]])
    v = torch.tensor([[[0.8, 0.8, 0.2, 0.2, 0.5]]])
    assert parts_by_chart(torch.stack([u, v], dim=1), chart).tolist() == [[[1, 2, 3, 4, 0]]]


def test_true_coordinates_give_the_true_parts(faces: Path) -> None:
    """Up to the borders between parts, which the chart's cells blur; shifted coordinates lose most."""
    method = DenseReg({"depth": 18, "side": 0})
    dataset = open_training_dataset(method, str(faces))
    method.prepare(dataset)
    (batch,) = validation_batches(method, dataset, 8)
    method.coordinates = lambda network, pictures: batch["uv"]  # type: ignore[method-assign]
    found = method.measures(torch.nn.Identity(), batch)
    assert found["error"].value == 0.0 and found["face_iou"].value == 1.0
    assert found["lost_iou"].value < 0.1
    method.coordinates = lambda network, pictures: batch["uv"] + 0.1  # type: ignore[method-assign]
    assert method.measures(torch.nn.Identity(), batch)["lost_iou"].value > 0.5
