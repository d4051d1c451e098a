import numpy as np
import pytest
import torch

from synthgen.core.conventions import HIDDEN, MATCHABLE, NO_FACE, NO_NEAR_UV
from synthgen.core.errors import UsageError
from synthgen.labels.matchability import match_views
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate

NAN = float("nan")


def charts(pair) -> list[torch.Tensor]:
    uv = torch.from_numpy(pair.model.template.uv)
    found = []
    for view in (pair.source, pair.target):
        labelled = torch.where(view.fragments.triangle_id < pair.label_count, view.fragments.triangle_id, -1)
        fragments = Fragments(labelled, view.fragments.barycentric, view.fragments.depth)
        found.append(interpolate(fragments, pair.triangles, uv))
    return found


def test_flow_and_codes_computed_by_hand() -> None:
    source = torch.full((1, 2, 3, 2), NAN)
    target = torch.full((1, 2, 3, 2), NAN)
    source[0, 0, 0] = torch.tensor([0.50, 0.50])
    source[0, 1, 2] = torch.tensor([0.90, 0.10])
    target[0, 1, 1] = torch.tensor([0.51, 0.51])  # 0.0141 away from the first
    target[0, 0, 2] = torch.tensor([0.52, 0.50])
    flow, code = match_nearest_uv(source, target)
    assert code.tolist() == [[[MATCHABLE, NO_FACE, NO_FACE], [NO_FACE, NO_FACE, NO_NEAR_UV]]]
    assert flow[0, 0, 0].tolist() == [1.0, 1.0]
    assert flow[0, 1, 2].tolist() == [0.0, -1.0]  # nearest all the same
    assert torch.isnan(flow[code == NO_FACE]).all()
    assert match_nearest_uv(source, target, 0.01)[1][0, 0, 0] == NO_NEAR_UV


def test_a_target_without_face_matches_nothing() -> None:
    source = torch.full((1, 2, 2, 2), 0.5)
    flow, code = match_nearest_uv(source, torch.full((1, 2, 2, 2), NAN))
    assert (code == NO_NEAR_UV).all() and torch.isnan(flow).all()


def test_agrees_with_exact_flow(pair) -> None:
    exact, reasons = match_views(pair.source, pair.target, pair.triangles, pair.label_count)
    flow, code = match_nearest_uv(*charts(pair))
    assert torch.equal(code == NO_FACE, reasons == NO_FACE)
    both = (code == MATCHABLE) & (reasons == MATCHABLE)
    # The nearest pixel centre is half a pixel away at most in either direction, unless the surface is foreshortened.
    distance = (flow - exact)[both].norm(dim=-1)
    assert distance.median() < 0.6 and distance.quantile(0.95) < 1.5
    for n in range(len(code)):
        found, wanted = (code[n] == MATCHABLE), (reasons[n] == MATCHABLE)
        assert (found & wanted).sum() / wanted.sum() > 0.97


def test_recall_of_exact_matchability_among_confident_nearest_uv_pixels(pair) -> None:
    """Done means 4. A pixel whose uv is found within a pixel's own uv footprint is really seen in the target."""
    _, reasons = match_views(pair.source, pair.target, pair.triangles, pair.label_count)
    source, target = (chart.numpy() for chart in charts(pair))
    recalls = []
    for n in range(len(source)):
        _, close = match_nearest_uv(torch.from_numpy(source[n : n + 1]), torch.from_numpy(target[n : n + 1]), 0.003)
        near = close[0].numpy() == MATCHABLE
        recalls.append((reasons[n].numpy()[near] == MATCHABLE).mean())
        assert (reasons[n].numpy()[near] != HIDDEN).mean() > 0.97
    print("recall", np.round(recalls, 4))
    assert np.mean(recalls) >= 0.97


@pytest.mark.parametrize("threshold", [0.0, -1.0, NAN])
def test_a_threshold_that_is_not_positive_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="threshold"):
        match_nearest_uv(torch.zeros((1, 2, 2, 2)), torch.zeros((1, 2, 2, 2)), threshold)
