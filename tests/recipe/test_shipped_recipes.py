"""Every recipe in recipes/ loads, explains itself and keeps the settings that its paper gives."""

from pathlib import Path

import pytest

from synthgen.core.label_spec import PARAMETER_LABELS, labels_of_kind
from synthgen.recipe.distributions import Normal, TruncatedNormal
from synthgen.recipe.load import load_recipe
from synthgen.recipe.sections import GaussianExpression

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(FOLDER.rglob("*.yaml"))
EXPECTED = {
    "demo", "demo_pairs", "bench", "bench_pairs", "real_input", "dfc/pretrain_gray", "dfc/pretrain_coco",
    "densereg/images", "tddfa_v2/images", "anisotropic/images", "dal2d/images", "dfc/finetune", "densereg/fittings",
    "tddfa_v2/fittings", "tddfa_v2/short_video",
}  # fmt: skip
# They mean something with other_faces: label alone; the demo shows ignore_mask.
LABELS_OF_OTHER_FACES = {"face_index", "other_landmarks_2d", "other_landmarks_visibility"}


def test_the_shipped_recipes_are_found() -> None:
    names = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in RECIPES}
    assert names >= EXPECTED
    assert not [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".yaml"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_recipe_loads(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.count is None if recipe.fittings is not None else recipe.count > 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_header_says_purpose_command_time_disk_and_what_to_change(path: Path) -> None:
    header = [line for line in path.read_text().split("\n\n")[0].splitlines() if line.startswith("#")]
    text = "\n".join(header)
    for word in ("Purpose:", "Command:", "Time:", "Disk:", "Change:"):
        assert word in text, word
    assert f"synthgen generate recipes/{path.relative_to(FOLDER).as_posix()} -o " in text
    assert max(len(line) for line in path.read_text().splitlines()) <= 120


def test_demo_stores_every_label_of_a_picture() -> None:
    recipe = load_recipe(FOLDER / "demo.yaml")
    assert recipe.count == 64 and recipe.background.kind == "procedural"
    assert set(recipe.label_names()) == set(labels_of_kind("images")) - LABELS_OF_OTHER_FACES
    assert set(PARAMETER_LABELS) <= set(recipe.label_names())


def test_dfc_recipes_hold_the_settings_of_the_paper() -> None:
    gray, coco = (load_recipe(FOLDER / "dfc" / name) for name in ("pretrain_gray.yaml", "pretrain_coco.yaml"))
    for recipe in (gray, coco):
        assert (recipe.kind, recipe.count, recipe.size) == ("pairs", 100_000, (128, 128))
        assert recipe.camera.projection == "perspective"
        assert recipe.identity == Normal(stddev=1.0)
        assert recipe.expression == GaussianExpression(coefficients=Normal(stddev=1.0))
        for distribution in (recipe.pose.yaw_deg, recipe.pose.pitch_deg, recipe.pose.roll_deg, recipe.pose.translation):
            assert isinstance(distribution, TruncatedNormal)
        assert recipe.occluders.kinds == ("box",) and recipe.occluders.count.bounds()[1] > 0
        assert set(recipe.labels) == {
            "image",
            "flow",
            "flow_backward",
            "matchability",
            "matchability_backward",
            "parameters",
        }
    assert gray.background.kind == "gray" and coco.background.kind == "coco"
    assert gray.seed != coco.seed


@pytest.mark.parametrize("name", ["tddfa_v2", "dal2d"])
def test_crops_of_3ddfa(name: str) -> None:
    recipe = load_recipe(FOLDER / name / "images.yaml")
    assert recipe.size == (120, 120) and recipe.camera.projection == "scaled_orthographic"
    assert isinstance(recipe.pose.scale, TruncatedNormal) and recipe.pose.scale.mean == 0.707


def test_bench_pairs_differ_from_bench_by_kind_alone() -> None:
    images, pairs = (load_recipe(FOLDER / name) for name in ("bench.yaml", "bench_pairs.yaml"))
    assert pairs.kind == "pairs"
    for key in ("size", "pose", "light", "background", "occluders", "sensor"):
        assert getattr(images, key) == getattr(pairs, key)
    assert images.background.kind == "folder" and images.occluders.count.bounds() == (1, 1)


def test_recipes_of_photos_hold_the_settings_of_the_papers() -> None:
    dfc, densereg = (load_recipe(FOLDER / name) for name in ("dfc/finetune.yaml", "densereg/fittings.yaml"))
    assert (dfc.size, dfc.flow.method, dfc.flow.threshold) == ((128, 128), "nearest_uv", 0.015)
    assert densereg.size == (321, 321) and densereg.augment.scale.values == (0.5, 0.75, 1.0, 1.25, 1.5)
    clips = load_recipe(FOLDER / "tddfa_v2" / "short_video.yaml").video
    ranges = {name: getattr(clips, name).bounds() for name in ("scale", "rotation_deg", "translation", "yaw_deg")}
    assert ranges == {"scale": (0.95, 1.05), "rotation_deg": (-3, 3), "translation": (-5, 5), "yaw_deg": (-5, 5)}
    assert clips.frames == 8 and load_recipe(FOLDER / "tddfa_v2" / "fittings.yaml").size == (120, 120)
