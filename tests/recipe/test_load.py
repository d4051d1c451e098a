"""YAML in, a Recipe or every complaint with its position out."""

from pathlib import Path
from typing import Any

import pytest

from synthgen.core.errors import RecipeError
from synthgen.core.limits import MOST_RECIPE_BYTES
from synthgen.recipe.load import load_recipe, parse_recipe, parse_yaml

HEAD = "kind: images\ncount: 4\nsize: [32, 48]\n"


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "r.yaml", **options)
    return list(caught.value.problems)


# --- values of YAML 1.2 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1e3", 1000.0), ("-.5", -0.5), ("1.", 1.0), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("+7", 7), ("12:30", "12:30"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"), ("'3'", "3"), ('"true"', "true"), ("0b1", "0b1"), ("1e", "1e"), (".", "."),
        ("=", "="), ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}),
    ],
)  # fmt: skip
def test_yaml_value(text: str, value: Any) -> None:
    loaded = parse_yaml(f"key: {text}", "r.yaml").plain()["key"]
    assert loaded == value and type(loaded) is type(value)


def test_not_finite_numbers_are_read_and_refused() -> None:
    for text, shown in ((".nan", ".nan"), (".inf", ".inf"), ("-.INF", "-.inf"), ("1e999", ".inf")):
        (line,) = problems(HEAD + f"identity: {text}\n")
        assert line == f"r.yaml:4:11: identity: must be a finite number, got {shown}"


def test_keys_are_text() -> None:
    assert parse_yaml("no: 1\n12:30: 2\n1: 3\n", "r").plain() == {"no": 1, "12:30": 2, "1": 3}


def test_aliases_are_values_at_the_place_of_the_alias() -> None:
    text = HEAD + "pose:\n  yaw_deg: &d {distribution: normal, stddev: 2}\n  roll_deg: *d\n"
    recipe = parse_recipe(text)
    assert recipe.pose.roll_deg == recipe.pose.yaw_deg
    bad = HEAD + "pose:\n  yaw_deg: &d {distribution: normal, stddev: 2}\nsensor: {noise: *d}\n"
    assert problems(bad)[0].startswith("r.yaml:6:17: sensor.noise: must stay within [0, 255]")


# --- what is not plain YAML ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: images\nkind: pairs\n", "r.yaml:2:1: kind: duplicate key, first at line 1"),
        ("pose: {yaw_deg: 1, yaw_deg: 2}", "r.yaml:1:20: yaw_deg: duplicate key"),
        ("seed: !!python/object/apply:os.system [ls]", "r.yaml:1:7: tags are not allowed"),
        ("seed: !!int 3", "r.yaml:1:7: tags are not allowed"),
        ("a: &x {b: 1}\n<<: *x\n", "r.yaml:2:1: merge keys (<<) are not supported"),
        ("? [1, 2]\n: 3\n", "r.yaml:1:3: a key must be plain text"),
        ("a: *nothing", "r.yaml:1:4: unknown alias *nothing"),
        ("a: &x [*x]", "r.yaml:1:8: unknown alias *x"),
        ("a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document"),
        ("a: [1, 2\nb: 3", "r.yaml:2:2: not valid YAML"),
        ("\tkind: images", "r.yaml:1:1: not valid YAML"),
        ("- 1\n- 2\n", "r.yaml:1:1: a recipe is a mapping"),
        ("just text", "r.yaml:1:1: a recipe is a mapping"),
        ("seed: " + "9" * 5000, "r.yaml:1:7: a number of 5000 digits"),
        ('a: "\\U99999999"', "r.yaml: not valid YAML"),
        ("a: " + "[" * 5000, "r.yaml:1:54: nested deeper than 50 levels"),
        ("a: [" + "1, " * 30000 + "]", "more than 20000 values"),
        ("a: \x07", "r.yaml: not valid YAML"),
    ],
)
def test_not_plain_yaml(text: str, expected: str) -> None:
    (line,) = problems(text)
    assert expected in line


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (line,) = problems("\n".join(lines))
    assert "more than 20000 values" in line


def test_an_empty_recipe_names_what_is_required() -> None:
    expected = [f"r.yaml:1:1: {key}: is required" for key in ("count", "kind", "size")]
    for text in ("", "# nothing\n", "{}"):
        assert sorted(problems(text)) == expected


# --- files ---------------------------------------------------------------------------------------------------------


def test_unreadable_files(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * (MOST_RECIPE_BYTES + 1))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"kind: \xff\xfe")
    for path, expected in (
        (missing, "cannot read the file: No such file"), (tmp_path, "cannot read the file"),
        (huge, "larger than"), (binary, "not UTF-8"), (tmp_path / "a\0b", "cannot read the file"),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=expected) as caught:
            load_recipe(path)
        assert str(caught.value).startswith(str(path))


def test_a_byte_order_mark_is_no_part_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load_recipe(path).size == (32, 48)


def test_relative_paths_belong_to_the_folder_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipes" / "r.yaml"
    path.parent.mkdir()
    path.write_text(
        HEAD + "light: {source: ../env/a.hdr}\nmodel: {path: m.npz}\nalbedo: {textures: /abs/t}\n"
        "background: {kind: coco, images: ../coco/images, annotations: ../coco/a.json}\n"
    )
    recipe = load_recipe(path)
    assert recipe.light.source == str(tmp_path / "env" / "a.hdr")
    assert recipe.model.path == str(tmp_path / "recipes" / "m.npz")
    assert recipe.albedo.textures == "/abs/t"
    assert recipe.background.images == str(tmp_path / "coco" / "images")
    assert recipe.background.annotations == str(tmp_path / "coco" / "a.json")


def test_builtin_light_is_no_path() -> None:
    assert parse_recipe(HEAD + "light: {source: builtin}").light.source == "builtin"


# --- complaints ----------------------------------------------------------------------------------------------------

BAD = """\
kind: pairs
seed: -1
count: 1e3
size: [128, 8]
pose:
  yaww: 3
  pitch_deg: {distribution: normal, stddev: -2, men: 3}
  roll_deg: {distribution: uniform, low: 30, high: -30}
  scale:
    distribution: mixture
    components:
      - {weight: 0, distribution: constant, value: 1}
      - {weight: 1, distribution: unifrom, low: 1, high: 2}
camera: {projection: perspectiv}
backgroud: {}
background:
  kind: coco
  images: x
  skip_peple: no
labels: [imagee, uv]
sensor: {noise: .nan, supersampling: true}
codec: jpg
occluders: 3
identity:
expression: {mode: gaussian, stddev: -1}
"""

BAD_LINES = """\
r.yaml:2:7: seed: must be >= 0, got -1
r.yaml:3:8: count: expected a whole number, got 1000.0
r.yaml:4:13: size[1]: must be >= 16, got 8
r.yaml:6:3: pose.yaww: unknown key (did you mean 'yaw_deg'?)
r.yaml:7:45: pose.pitch_deg.stddev: must be >= 0, got -2
r.yaml:7:49: pose.pitch_deg.men: unknown key (did you mean 'mean'?)
r.yaml:8:42: pose.roll_deg.low: low (30) is greater than high (-30)
r.yaml:12:18: pose.scale.components[0].weight: must be > 0, got 0
r.yaml:13:35: pose.scale.components[1].distribution: unknown distribution 'unifrom' (did you mean 'uniform'?)
r.yaml:14:22: camera.projection: unknown projection 'perspectiv' (did you mean 'perspective'?)
r.yaml:15:1: backgroud: unknown key (did you mean 'background'?)
r.yaml:17:3: background.annotations: is required
r.yaml:19:3: background.skip_peple: unknown key (did you mean 'skip_people'?)
r.yaml:20:10: labels[0]: unknown label 'imagee' (did you mean 'image'?)
r.yaml:21:17: sensor.noise: must be a finite number, got .nan
r.yaml:21:38: sensor.supersampling: expected a whole number, got true
r.yaml:22:8: codec: unknown value 'jpg' (did you mean 'jpeg'?)
r.yaml:23:12: occluders: expected a mapping of keys, got 3
r.yaml:24:10: identity: expected a number or a mapping with the key distribution, got nothing
r.yaml:25:38: expression.stddev: must be >= 0, got -1
"""


def test_every_problem_at_once_with_its_position() -> None:
    assert problems(BAD) == BAD_LINES.splitlines()


def test_an_unknown_key_without_a_near_one_lists_the_keys() -> None:
    (line,) = problems(HEAD + "sensor: {zzzzz: 3}\n")
    assert line == "r.yaml:4:10: sensor.zzzzz: unknown key (one of noise, blur, exposure, supersampling)"


def test_long_values_are_cut_in_messages() -> None:
    (line,) = problems(HEAD + "codec: " + "x" * 5000)
    assert len(line) < 300


def test_the_error_is_the_project_s_own_with_exit_code_2() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe("kind: fittings\ncount: 1\nsize: [16, 16]\n", "r.yaml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("r.yaml:1:1: fittings: is required")


def test_a_key_of_odd_characters_stays_on_one_line() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe('{"kind": "images", "count": 2, "size": [16, 16], "a\\nb": 1}', "t.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith("t.yaml:1:50: 'a\\nb': unknown key")
