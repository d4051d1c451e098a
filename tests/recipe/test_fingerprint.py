"""What counts as the same recipe."""

import json
import subprocess
import sys
from typing import Any

import pytest

from synthgen.recipe.fingerprint import canonical_json, canonical_recipe, difference, fingerprint
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe

HEAD = "kind: images\ncount: 4\nsize: [32, 48]\n"
FOLDER = "background: {kind: folder, images: %s}\nlight: {source: %s}\nmodel: {path: %s}\nalbedo: {textures: %s}\n"
VERSIONS = {"engine": "1", "numpy": "2.3"}


def of(text: str, assets: dict[str, str] | None = None, versions: dict[str, str] | None = None) -> str:
    return fingerprint(parse_recipe(text), assets or {}, versions or VERSIONS)


def test_a_fingerprint_is_a_sha256_and_the_same_in_another_process() -> None:
    here = of(HEAD + "pose: {yaw_deg: 0.1}\n")
    assert len(here) == 64 and int(here, 16) >= 0
    code = (
        "from synthgen.recipe.fingerprint import fingerprint; from synthgen.recipe.load import parse_recipe;"
        f"print(fingerprint(parse_recipe({HEAD + 'pose: {yaw_deg: 0.1}'!r}), {{}}, {VERSIONS!r}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == here


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "count: 9\n".replace("count", "shard_size"),
        HEAD.replace("count: 4", "count: 400"),
        "size: [32, 48]\ncount: 4\nkind: images\n",
        HEAD + "seed: 0\nidentity: {stddev: 1, distribution: normal}\n",
        HEAD + "labels: [parameters, image, triangle_id, barycentric, depth, normals, occluder_mask, landmarks_3d,"
        " landmarks_2d, landmarks_visibility]\n",
        HEAD + "flow: {method: exact}\n",
    ],
)
def test_what_does_not_change_a_sample_does_not_change_the_fingerprint(text: str) -> None:
    assert of(text) == of(HEAD)


@pytest.mark.parametrize(
    "line",
    [
        "seed: 1", "codec: png", "size: [48, 32]", "identity: 1",
        "identity: {distribution: normal, stddev: 1.0000000001}",
        "sensor: {supersampling: 2}", "labels: [image]", "faces: 2", "light: {intensity: 2}",
        "background: {kind: procedural}", "occluders: {count: 1}",
    ],
)  # fmt: skip
def test_what_changes_a_sample_changes_the_fingerprint(line: str) -> None:
    text = HEAD.replace("size: [32, 48]\n", "") if line.startswith("size") else HEAD
    assert of(text + line) != of(HEAD)


def test_kind_changes_the_fingerprint() -> None:
    assert of(HEAD.replace("images", "pairs") + "labels: [image]") != of(HEAD + "labels: [image]")


def test_assets_count_by_content_not_by_path() -> None:
    here = HEAD + FOLDER % ("/a/x", "/a/e.hdr", "/a/m.npz", "/a/t")
    there = HEAD + FOLDER % ("/b/y", "/c/f.hdr", "/d/n.npz", "/e/s")
    assert of(here, {"backgrounds": "1"}) == of(there, {"backgrounds": "1"})
    assert of(here, {"backgrounds": "1"}) != of(here, {"backgrounds": "2"})
    assert of(HEAD + "light: {source: builtin}") != of(HEAD + "light: {source: /a.hdr}")


def test_versions_count() -> None:
    assert of(HEAD, versions={"engine": "1"}) != of(HEAD, versions={"engine": "2"})


def test_canonical_recipe_is_json_and_a_recipe_again() -> None:
    recipe = parse_recipe(HEAD + FOLDER % ("/a/x", "/a/e.hdr", "/a/m.npz", "/a/t"))
    canonical = canonical_recipe(recipe)
    restored = Recipe.model_validate({**json.loads(canonical_json(canonical)), "count": 9})
    assert canonical_recipe(restored) == canonical
    assert "count" not in canonical and "shard_size" not in canonical


def test_canonical_json_is_sorted_exact_and_refuses_nan() -> None:
    assert canonical_json({"b": 0.1, "a": [1, 1.0, "é"]}) == '{"a":[1,1.0,"\\u00e9"],"b":0.1}'
    with pytest.raises(ValueError):
        canonical_json({"a": float("nan")})


def test_difference_names_fields() -> None:
    def canonical(text: str) -> dict[str, Any]:
        return canonical_recipe(parse_recipe(text))

    old = canonical(HEAD + "pose: {yaw_deg: {distribution: normal, stddev: 3}}\ncodec: jpeg\n")
    new = canonical(HEAD + "seed: 5\npose: {yaw_deg: 4}\ncodec: png\n")
    assert difference(old, new) == [
        'codec: "jpeg" -> "png"',
        'pose.yaw_deg.distribution: "normal" -> "constant"',
        "pose.yaw_deg.mean: 0.0 -> (absent)",
        "pose.yaw_deg.stddev: 3.0 -> (absent)",
        "pose.yaw_deg.value: (absent) -> 4.0",
        "seed: 0 -> 5",
    ]
    assert difference(old, old) == []


def test_difference_ignores_moved_assets_and_walks_mixtures() -> None:
    text = HEAD + "background: {kind: folder, images: %s}\nidentity: {distribution: mixture, components:"
    text += " [{weight: %d, distribution: constant, value: 1}]}\n"
    old, new = (canonical_recipe(parse_recipe(text % values)) for values in (("/a", 1), ("/b", 2)))
    assert difference(old, new) == ["identity.components[0].weight: 1.0 -> 2.0"]
