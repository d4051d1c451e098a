"""Labels that are broken on purpose, one stage at a time, never become a shard: a named check finds each.

A row breaks what one function of the renderer gives and names the check that must stop the shard.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthgen.core.conventions import MATCHABLE, NO_FACE
from synthgen.core.errors import LabelError
from synthgen.dataset.layout import layout_of_recipe
from synthgen.dataset.manifest import ShardRange
from synthgen.labels.chart_search import build_chart_search
from synthgen.morphable.model_file import save_model
from synthgen.morphable.open_model import open_model
from synthgen.pipeline.build_shard import BuiltShard, Stamp, build_shard
from synthgen.pipeline.renderers import open_renderer
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.sections import ProceduralModel
from tests.fittings.ground_truth_fixtures import write_set

SAMPLES = 8
Mutation = Callable[..., Any]
# The other side's point of each of the 68, in iBUG order.
MIRRORED = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36]
    + [41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with fittings of the built-in head, and the head as a file."""
    path = tmp_path_factory.mktemp("broken")
    save_model(open_model(ProceduralModel()), path / "head.npz")
    write_set(path)
    return path


def sections(kind: str, folder: Path) -> dict[str, Any]:
    """What the recipe of a row says."""
    model = {"model": {"path": str(folder / "head.npz")}, "size": [64, 72]}
    photos = {**model, "fittings": {"path": str(folder / "fittings.npz")}, "crop": {"rule": "landmark_box"}}
    flow = {"labels": ["image", "flow", "flow_backward", "matchability", "matchability_backward"]}
    orthographic = {"camera": {"projection": "scaled_orthographic"}}
    return {
        "images": {"kind": "images", **model},
        "orthographic": {"kind": "images", **model, **orthographic},
        "fine": {"kind": "images", **model, "sensor": {"supersampling": 2}},
        "pairs": {"kind": "pairs", **model},
        "nearest": {"kind": "pairs", **model, "flow": {"method": "nearest_uv"}},
        "fittings": {"kind": "fittings", **photos},
        "back": {"kind": "fittings", **photos, **flow},
        "nearest_fittings": {"kind": "fittings", **photos, "flow": {"method": "nearest_uv"}},
        "profile": {"kind": "fittings", **photos, "profile": {"yaw_deg": [-40, 0, 40], "flip": True}},
        "video": {"kind": "video", **photos, "video": {"frames": 3, "flow": "next"}},
    }[kind]


@cache
def renderer_of(kind: str, folder: Path) -> tuple[Any, Any]:
    recipe = parse_recipe(json.dumps({"count": SAMPLES, "seed": 11, **sections(kind, folder)}))
    return open_renderer(recipe), layout_of_recipe(recipe.model_dump(mode="json"))


def build(kind: str, folder: Path) -> BuiltShard:
    renderer, layout = renderer_of(kind, folder)
    return build_shard(renderer, ShardRange(0, 0, SAMPLES), layout, Stamp("0" * 64, {}), io.BytesIO())


KINDS = (
    "images", "orthographic", "fine", "pairs", "nearest", "fittings", "back", "nearest_fittings", "profile", "video",
)  # fmt: skip
ALWAYS = {"coverage", "drawn_share", "reprojection_px", "depth_mm", "uv_round_trip_px"}


@pytest.mark.parametrize("kind", KINDS)
def test_sound_labels_are_published_with_their_checks(folder: Path, kind: str) -> None:
    checks = build(kind, folder).index.checks
    prefix = "source_" if kind in ("pairs", "nearest") else "frame0_" if kind == "video" else ""
    assert f"{prefix}coverage" in checks and checks[f"{prefix}coverage"]["min"] > 0.1
    prefix = "" if kind == "video" else prefix
    assert {prefix + name for name in ALWAYS - {"coverage"}} <= checks.keys()
    if kind not in ("images", "orthographic", "fine"):
        assert "missed_share" in checks
        assert ("beaten_share" if kind.startswith("nearest") else "warp_px") in checks


@dataclass(frozen=True)
class Broken:
    """kind: of the recipe; function: "module:name" whose result is broken; mutate(result, number of the call); check:
    that must find it."""

    what: str
    kind: str
    function: str
    mutate: Mutation
    check: str


def labelled(surface: Any, **changes: Mutation) -> Any:
    """A surface with other fragments: field -> function of its tensor."""
    fragments = surface.labelled
    new = {name: change(getattr(fragments, name)) for name, change in changes.items()}
    return replace(surface, labelled=replace(fragments, **new))


def blank(part: slice) -> Mutation:
    """A rasteriser that draws nothing in the rows `part` of pictures, but for the first few of a batch."""

    def mutate(fragments: Any, call: int) -> Any:
        ids, few = fragments.triangle_id.clone(), len(fragments.triangle_id) // 8
        ids[few:, part] = -1
        weights, depth = fragments.barycentric.clone(), fragments.depth.clone()
        weights[few:, part], depth[few:, part] = torch.nan, torch.nan
        return replace(fragments, triangle_id=ids, barycentric=weights, depth=depth)

    return mutate


def moved(dx: float, dy: float, there_and_back: bool = False) -> Mutation:
    """flow and codes with the flow moved; there_and_back: every second one the other way."""

    def mutate(result: Any, call: int) -> Any:
        flow, code = result
        sign = -1.0 if there_and_back and call % 2 else 1.0
        return flow + sign * torch.tensor([dx, dy]), code

    return mutate


def only_call(number: int, mutate: Mutation) -> Mutation:
    return lambda result, call: mutate(result, call) if call == number else result


def coded(code_of: Callable[[torch.Tensor], torch.Tensor]) -> Mutation:
    return lambda result, call: (result[0], code_of(result[1]))


def unmatched(flow: torch.Tensor, code: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.where((code == MATCHABLE)[..., None], torch.nan, flow), code


VIEW, LABELS, PAIR = "synthgen.render.view", "synthgen.render.labelling", "synthgen.render.pair"
MEAN_FACE, CLIP, DERIVED = "synthgen.fittings.mean_face", "synthgen.motion.clip_flow", "synthgen.dataset.derived"
PHOTO = "synthgen.render.photo"
QUARTER = slice(16, None)

BROKEN = (
    Broken("stored camera half a pixel off", "images", f"{LABELS}:pose_arrays",
           lambda r, n: (r[0], r[1] + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]], np.float32)), "reprojection_px"),
    Broken("pixel centres half a pixel off", "images", f"{VIEW}:shade_heads",
           lambda r, n: labelled(r, triangle_id=lambda t: t.roll(1, 2), barycentric=lambda b: b.roll(1, 2),
                                 depth=lambda d: d.roll(1, 2)), "reprojection_px"),
    Broken("barycentrics swapped", "images", f"{VIEW}:shade_heads",
           lambda r, n: labelled(r, barycentric=lambda b: b.roll(1, -1)), "reprojection_px"),
    Broken("barycentrics missing", "images", f"{VIEW}:shade_heads",
           lambda r, n: labelled(r, barycentric=lambda b: b * torch.nan), "reprojection_px"),
    Broken("depth a thousandth too large", "images", f"{VIEW}:shade_heads",
           lambda r, n: labelled(r, depth=lambda d: d * 1.001), "depth_mm"),
    Broken("uv swapped", "images", f"{DERIVED}:_interpolate", lambda r, n: r[..., ::-1], "uv_round_trip_px"),
    Broken("uv upside down", "images", f"{DERIVED}:_interpolate",
           lambda r, n: r * np.float32([1, -1]) + np.float32([0, 1]), "uv_round_trip_px"),
    Broken("uv a texel of 256 off", "images", f"{DERIVED}:_interpolate",
           lambda r, n: r + np.float32(1 / 256), "uv_round_trip_px"),
    Broken("blank pictures in a large batch", "images", f"{VIEW}:rasterize", blank(slice(None)), "drawn_share"),
    Broken("most tiles of pictures lost", "images", f"{VIEW}:rasterize", blank(QUARTER), "drawn_share"),
    Broken("blank photos", "fittings", f"{PHOTO}:rasterize", blank(slice(None)), "drawn_share"),
    Broken("labels blank, picture not", "images", f"{VIEW}:shade_heads",
           lambda r, n: labelled(r, triangle_id=lambda t: torch.full_like(t, -1)), "drawn_share"),
    Broken("vertices not finite", "images", "synthgen.render.view_checks:_of_main_heads",
           lambda r, n: r * torch.nan if r.is_floating_point() else r, "drawn_share"),
    Broken("picture without the face", "fine", f"{VIEW}:_supersampled_colour", lambda r, n: r * 0, "painted_share"),
    Broken("landmarks mirrored in the picture", "images", f"{LABELS}:landmarks_in_image",
           lambda r, n: np.float32([72, 0]) - r * np.float32([1, -1]), "landmark_projection_px"),
    Broken("landmarks half a pixel off", "images", f"{LABELS}:landmarks_in_image",
           lambda r, n: r + np.float32(0.5), "landmark_projection_px"),
    Broken("left and right landmarks exchanged", "images", f"{LABELS}:landmarks_in_camera",
           lambda r, n: r[:, MIRRORED], "landmark_chart_px"),
    Broken("landmarks in another order", "images", f"{LABELS}:landmarks_in_camera",
           lambda r, n: np.roll(r, 8, 1), "landmark_chart_px"),
    Broken("depth of landmarks upside down", "orthographic", f"{LABELS}:landmarks_in_camera",
           lambda r, n: r * np.float32([1, 1, -1]), "landmark_depth_px"),
    Broken("flow a pixel off, both ways alike", "pairs", f"{PAIR}:match_views", moved(1, 0, True), "warp_px"),
    Broken("flow half a pixel off", "pairs", f"{PAIR}:match_views", moved(0.5, 0.5, True), "warp_px"),
    Broken("flow half a pixel too low", "pairs", f"{PAIR}:match_views", moved(0, 0.5), "warp_px"),
    Broken("x and y of flow exchanged", "pairs", f"{PAIR}:match_views",
           lambda r, n: (r[0].flip(-1), r[1]), "warp_px"),
    Broken("flow of other pairs", "pairs", f"{PAIR}:match_views", lambda r, n: (r[0].roll(1, 0), r[1]), "warp_px"),
    Broken("flow leads outside", "pairs", f"{PAIR}:match_views", moved(500, 0), "warp_px"),
    Broken("no flow where it matches", "pairs", f"{PAIR}:match_views", lambda r, n: unmatched(*r), "warp_px"),
    Broken("hidden pixels called matchable", "pairs", f"{PAIR}:match_views",
           coded(lambda c: torch.where(c == NO_FACE, c, MATCHABLE)), "warp_most_px"),
    Broken("background called matchable", "pairs", f"{PAIR}:match_views",
           coded(lambda c: torch.full_like(c, MATCHABLE)), "warp_px"),
    Broken("flow_backward alone a pixel off", "pairs", f"{PAIR}:match_views", only_call(1, moved(1, 1)),
           "forward_backward_px"),
    Broken("everything called hidden", "pairs", f"{PAIR}:match_views",
           coded(lambda c: torch.where(c == NO_FACE, c, 2)), "missed_share"),
    Broken("everything called background", "pairs", f"{PAIR}:match_views", coded(torch.zeros_like), "missed_share"),
    Broken("nearest uv a pixel off", "nearest", f"{PAIR}:match_nearest_uv", moved(0, -1), "beaten_share"),
    Broken("nearest uv without matches", "nearest", f"{PAIR}:match_nearest_uv",
           coded(lambda c: torch.where(c == NO_FACE, c, 8)), "missed_share"),
    Broken("photo's head half a pixel off", "fittings", f"{PHOTO}:labelled_surface",
           lambda r, n: (replace(r[0], triangle_id=r[0].triangle_id.roll(1, 1)), r[1]), "reprojection_px"),
    Broken("flow to the mean face a pixel off", "fittings", f"{MEAN_FACE}:match_fixed_target", moved(1, 0), "warp_px"),
    Broken("flow from the mean face a pixel off", "back", f"{MEAN_FACE}:match_views", moved(1, 1),
           "forward_backward_px"),
    Broken("nearest uv to the mean face a pixel off", "nearest_fittings", f"{MEAN_FACE}:match_uv_grid", moved(-1, 0),
           "beaten_share"),
    Broken("flow of turned photos a pixel off", "profile", f"{MEAN_FACE}:match_fixed_target", moved(0, 1), "warp_px"),
    Broken("landmarks of flipped photos not exchanged", "profile", f"{LABELS}:landmarks_in_camera",
           lambda r, n: np.where(np.arange(len(r))[:, None, None] % 2 == 1, r[:, MIRRORED], r), "landmark_chart_px"),
    Broken("flow between frames a pixel off", "video", f"{CLIP}:match_views", moved(0.7, 0.7), "warp_px"),
    Broken("frames blank", "video", f"{PHOTO}:rasterize", blank(slice(None)), "drawn_share"),
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.kind}: {broken.what}")
def test_a_broken_label_stops_the_shard(folder: Path, monkeypatch: pytest.MonkeyPatch, broken: Broken) -> None:
    renderer_of(broken.kind, folder)  # whole before it is broken
    module, _, name = broken.function.partition(":")
    original, calls = getattr(import_module(module), name), [0]

    def breaking(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        return broken.mutate(original(*args, **options), calls[0] - 1)

    monkeypatch.setattr(f"{module}.{name}", breaking)
    with pytest.raises(LabelError, match=r"Shard 0 is not published") as caught:
        build(broken.kind, folder)
    message = str(caught.value)
    assert f"{broken.check} is " in message, message
    assert "synthgen preview RECIPE --first" in message


def test_a_chart_that_covers_itself_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left and right half of the face on one half of the chart, as textures often are: uv does not say which."""
    renderer, _ = renderer_of("images", folder)
    template = renderer.assets.model.template
    uv = template.uv.copy()
    uv[..., 0] = np.minimum(uv[..., 0], 1 - uv[..., 0])
    model = replace(renderer.assets.model, template=replace(template, uv=uv))
    assets = replace(renderer.assets, model=model)
    assert len(assets.chart_search.entry) < len(build_chart_search(template.uv[: template.label_count]).entry) * 1.5
    monkeypatch.setattr(renderer, "assets", assets)
    with pytest.raises(LabelError, match="uv_round_trip_px"):
        build("images", folder)
