"""One parent per recipe, and `--set` on top."""

from pathlib import Path
from typing import Any

import pytest

from synthgen.core.errors import RecipeError
from synthgen.recipe.distributions import Constant, Normal, Uniform
from synthgen.recipe.load import load_recipe, parse_recipe

HEAD = "kind: images\ncount: 4\nsize: [32, 48]\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    return list(caught.value.problems)


# --- extends -------------------------------------------------------------------------------------------------------


def test_child_is_laid_over_its_parent_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", HEAD + "seed: 5\npose: {yaw_deg: 1, roll_deg: 2}\nlabels: [image, uv]\n")
    child = write(tmp_path, "child.yaml", "extends: base.yaml\nseed: 6\npose: {roll_deg: 3}\nlabels: [depth]\n")
    recipe = load_recipe(child)
    assert (recipe.seed, recipe.count) == (6, 4)
    assert (recipe.pose.yaw_deg, recipe.pose.roll_deg) == (Constant(value=1), Constant(value=3))
    assert recipe.labels == ("depth",)


def test_grandparents(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", HEAD + "seed: 1\ncodec: png\n")
    write(tmp_path, "b.yaml", "extends: a.yaml\nseed: 2\nshard_size: 7\n")
    recipe = load_recipe(write(tmp_path, "c.yaml", "extends: b.yaml\nseed: 3\n"))
    assert (recipe.seed, recipe.shard_size, recipe.codec) == (3, 7, "png")


@pytest.mark.parametrize(
    ("parent", "child", "section", "expected"),
    [
        ("background: {kind: coco, images: /x, annotations: /y}", "background: {kind: gray}", "background",
         {"kind": "gray", "level": {"distribution": "constant", "value": 0.5}}),
        ("identity: {distribution: uniform, low: 0, high: 1}", "identity: {distribution: normal, stddev: 2}",
         "identity",
         {"distribution": "normal", "mean": 0.0, "stddev": 2.0}),
        ("identity: {distribution: uniform, low: 0, high: 1}", "identity: {high: 2}", "identity",
         {"distribution": "uniform", "low": 0.0, "high": 2.0}),
        ("identity: {distribution: uniform, low: 0, high: 1}", "identity: 3", "identity",
         {"distribution": "constant", "value": 3.0}),
        ("identity: 3", "identity: {distribution: normal, stddev: 2}", "identity",
         {"distribution": "normal", "mean": 0.0, "stddev": 2.0}),
        ("camera: {focal: 3}", "camera: {projection: scaled_orthographic}", "camera",
         {"projection": "scaled_orthographic"}),
        ("camera: {focal: 3}", "camera: {projection: perspective}", "camera",
         {"projection": "perspective", "focal": {"distribution": "constant", "value": 3.0}}),
        ("model: {source: procedural, resolution: fine}", "model: {path: /m.npz}", "model", {"path": "/m.npz"}),
        ("model: {path: /m.npz}", "model: {source: procedural}", "model",
         {"source": "procedural", "resolution": "base"}),
        ("albedo: {source: procedural}", "albedo: {textures: /t}", "albedo", {"textures": "/t"}),
        ("expression: {mode: actions, active: 1}", "expression: {mode: gaussian, stddev: 0}", "expression",
         {"mode": "gaussian", "coefficients": {"distribution": "normal", "mean": 0.0, "stddev": 0.0}}),
        ("expression: {mode: actions, active: 1}", "expression: {distribution: constant, value: 0}", "expression",
         {"mode": "gaussian", "coefficients": {"distribution": "constant", "value": 0.0}}),
        ("expression: {distribution: normal, stddev: 1}", "expression: {mode: gaussian, stddev: 2}", "expression",
         {"mode": "gaussian", "coefficients": {"distribution": "normal", "mean": 0.0, "stddev": 2.0}}),
        ("light: {intensity: 2}", "light: {source: /a.hdr}", "light",
         {"source": "/a.hdr", "rotation_deg": {"distribution": "uniform", "low": 0.0, "high": 360.0},
          "intensity": {"distribution": "constant", "value": 2.0}}),
    ],
)  # fmt: skip
def test_a_changed_discriminator_replaces_the_section(
    tmp_path: Path, parent: str, child: str, section: str, expected: dict[str, Any]
) -> None:
    write(tmp_path, "base.yaml", HEAD + parent)
    recipe = load_recipe(write(tmp_path, "child.yaml", f"extends: base.yaml\n{child}\n"))
    assert getattr(recipe, section).model_dump() == expected


def test_the_kind_of_the_recipe_can_change(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", HEAD + "pose: {yaw_deg: 1}\n")
    recipe = load_recipe(write(tmp_path, "child.yaml", "extends: base.yaml\nkind: pairs\n"))
    assert recipe.kind == "pairs" and recipe.pose.yaw_deg == Constant(value=1)
    assert "flow" in recipe.labels


def test_paths_belong_to_the_file_that_wrote_them(tmp_path: Path) -> None:
    write(tmp_path, "base/base.yaml", HEAD + "light: {source: a.hdr}\nalbedo: {textures: skin}\n")
    child = write(tmp_path, "child/child.yaml", "extends: ../base/base.yaml\nalbedo: {textures: skin}\n")
    recipe = load_recipe(child)
    assert recipe.light.source == str(tmp_path / "base" / "a.hdr")
    assert recipe.albedo.textures == str(tmp_path / "child" / "skin")


def test_a_complaint_points_into_the_file_that_wrote_the_value(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", HEAD + "pose:\n  yaww: 3\n  roll_deg: x\n")
    child = write(tmp_path, "child.yaml", "extends: base.yaml\n\npose:\n  pitch_deg: y\nseed: -3\n")
    assert problems(child) == [
        f"{base}:5:3: pose.yaww: unknown key (did you mean 'yaw_deg'?)",
        f"{base}:6:13: pose.roll_deg: expected a number or a mapping with the key distribution, got 'x'",
        f"{child}:4:14: pose.pitch_deg: expected a number or a mapping with the key distribution, got 'y'",
        f"{child}:5:7: seed: must be >= 0, got -3",
    ]


def test_broken_chains(tmp_path: Path) -> None:
    a = write(tmp_path, "a.yaml", "extends: b.yaml\n")
    b = write(tmp_path, "b.yaml", "seed: 1\nextends: a.yaml\n")
    own = write(tmp_path, "own.yaml", "extends: ./own.yaml\n")
    missing = write(tmp_path, "missing.yaml", "extends: nowhere.yaml\n")
    listed = write(tmp_path, "listed.yaml", "extends: [a.yaml, b.yaml]\n")
    assert problems(a) == [f"{b}:2:10: extends: a.yaml extends this recipe, a cycle"]
    assert problems(own) == [f"{own}:1:10: extends: ./own.yaml extends this recipe, a cycle"]
    assert problems(missing) == [f"{missing}:1:10: extends: {tmp_path}/nowhere.yaml does not exist"]
    assert problems(listed) == [f"{listed}:1:10: extends: expected the path of one recipe"]


def test_a_syntax_error_in_the_parent_names_the_parent(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", "kind: [\n")
    child = write(tmp_path, "child.yaml", "extends: base.yaml\n")
    assert problems(child)[0].startswith(f"{base}:2:1: not valid YAML")


# --- overrides -----------------------------------------------------------------------------------------------------


def override(*overrides: str) -> Any:
    return parse_recipe(HEAD + "pose: {yaw_deg: {distribution: normal, stddev: 9}}\n", "r.yaml", overrides)


def test_overrides_use_yaml_values() -> None:
    recipe = override(
        "seed=12", "size=[64, 64]", "pose.roll_deg={distribution: uniform, low: 1e-3, high: 2}", "codec=png",
        "sensor.supersampling=2", "pose.yaw_deg.stddev=3", "pose.pitch_deg=-4",
    )  # fmt: skip
    assert (recipe.seed, recipe.size, recipe.codec, recipe.sensor.supersampling) == (12, (64, 64), "png", 2)
    assert recipe.pose.roll_deg == Uniform(low=0.001, high=2)
    assert recipe.pose.yaw_deg == Normal(stddev=3)
    assert recipe.pose.pitch_deg == Constant(value=-4)


def test_later_overrides_win_and_discriminators_replace() -> None:
    assert override("seed=1", "seed=2").seed == 2
    recipe = override("background.kind=folder", "background.images=/pictures", "background.zoom=2")
    assert recipe.background.model_dump() == {
        "kind": "folder", "images": "/pictures", "zoom": {"distribution": "constant", "value": 2.0},
    }  # fmt: skip
    assert override("model.path=/m.npz").model.path == "/m.npz"


def test_a_value_may_hold_an_equals_sign() -> None:
    assert override("light.source=/a=b.json").light.source == "/a=b.json"


def test_override_paths_belong_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "recipes/r.yaml", HEAD)
    recipe = load_recipe(path, ["model.path=m.npz", "background={kind: folder, images: pictures}"])
    assert recipe.model.path == str(tmp_path / "m.npz")
    assert recipe.background.images == str(tmp_path / "pictures")


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("pose.yaww=3", "--set pose.yaww=3: pose.yaww: unknown key (did you mean 'yaw_deg'?)"),
        ("sed=3", "--set sed=3: sed: unknown key (did you mean 'seed'?)"),
        ("seed=-3", "--set seed=-3: seed: must be >= 0, got -3"),
        ("seed", "--set seed: expected key.key=value, for example --set pose.yaw_deg=30"),
        ("=3", "--set =3: expected key.key=value, for example --set pose.yaw_deg=30"),
        ("pose..yaw=3", "--set pose..yaw=3: expected key.key=value, for example --set pose.yaw_deg=30"),
        ("seed.x=3", "--set seed.x=3: seed: expected a whole number, got a mapping"),
        ("size.0=3", "--set size.0=3: size: expected a list, got a mapping"),
        ("extends=x.yaml", "--set extends=x.yaml: extends cannot be overridden; name another recipe instead"),
        ("seed=!!int 3", "--set seed=!!int 3:1:1: tags are not allowed: tag:yaml.org,2002:int"),
        (
            "pose.yaw_deg.sttdev=3",
            "--set pose.yaw_deg.sttdev=3: pose.yaw_deg.sttdev: unknown key (did you mean 'stddev'?)",
        ),
    ],
)
def test_bad_overrides(assignment: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        override(assignment)
    assert list(caught.value.problems) == [expected]


def test_problems_of_overrides_and_file_come_together() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe("kind: images\ncount: 0\nsize: [32, 32]\n", "r.yaml", ["what", "sed=1"])
    assert len(caught.value.problems) == 3
