"""Rules of single keys and between keys."""

from typing import Any

import pytest
from pydantic import ValidationError

from synthgen.core.label_spec import DEFAULT_IMAGE_LABELS, DEFAULT_PAIR_LABELS, LABELS, PARAMETER_LABELS, labels_of_kind
from synthgen.recipe.distributions import Normal, Uniform
from synthgen.recipe.json_schema import recipe_json_schema
from synthgen.recipe.photo_sections import Profile
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import ActionsExpression, GaussianExpression, PerspectiveCamera


def recipe(**entries: Any) -> Recipe:
    return Recipe.model_validate({"kind": "images", "count": 3, "size": [32, 48], **entries})


def refused(**entries: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        recipe(**entries)
    return str(caught.value)


def test_defaults() -> None:
    plain = recipe()
    assert (plain.seed, plain.codec, plain.shard_size, plain.other_faces) == (0, "jpeg", 1000, "ignore")
    assert plain.size == (32, 48)
    assert plain.model.source == "procedural" and plain.model.resolution == "base"
    assert plain.identity == Normal(stddev=1.0)
    assert isinstance(plain.expression, ActionsExpression)
    assert plain.camera == PerspectiveCamera(focal=Uniform(low=1.5, high=5.0))
    assert plain.background.kind == "gray"
    assert plain.occluders.kinds == ("box",) and plain.occluders.count.bounds() == (0, 0)
    assert plain.sensor.supersampling == 1
    assert (plain.flow.method, plain.flow.threshold) == ("exact", 0.015)
    assert plain.labels == DEFAULT_IMAGE_LABELS
    assert recipe(kind="pairs").labels == DEFAULT_PAIR_LABELS


def test_recipes_are_frozen() -> None:
    plain = recipe()
    with pytest.raises(ValidationError):
        plain.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        plain.pose.yaw_deg = Normal(stddev=1.0)  # type: ignore[misc]


def test_label_names_follow_the_table_with_parameters_written_out() -> None:
    names = recipe(labels=["parameters", "depth", "image"]).label_names()
    assert names[:2] == ("image", "depth") and set(names[2:]) == set(PARAMETER_LABELS)
    assert list(names) == sorted(names, key=list(LABELS).index)
    assert recipe(labels=["euler", "image"]).label_names() == ("image", "euler")


@pytest.mark.parametrize("name", [name for name, spec in LABELS.items() if spec.view == "pair"])
def test_pair_labels_need_pairs(name: str) -> None:
    assert f"the label {name} exists for kind: pairs and" in refused(labels=[name])
    assert recipe(kind="pairs", labels=[name]).labels == (name,)


@pytest.mark.parametrize("name", labels_of_kind("images"))
def test_image_labels_exist_for_both_kinds(name: str) -> None:
    assert recipe(labels=[name]).labels == recipe(kind="pairs", labels=[name]).labels == (name,)


@pytest.mark.parametrize(("kind", "name"), [("fittings", "source_map"), ("video", "source_map"), ("fittings", "flow")])
def test_labels_of_photos(kind: str, name: str) -> None:
    photos = {"kind": kind, "fittings": {"path": "/a.npz"}}
    assert recipe(**photos, labels=[name]).labels == (name,)
    refused(**photos, labels=["albedo"])


def test_photos_need_a_fitting_file_and_no_count() -> None:
    assert "fittings" in refused(kind="fittings") and "count" in refused(count=None)
    assert recipe(kind="video", fittings={"path": "/a.npz"}, count=None).count is None
    assert Profile(yaw_deg=(0, 30), pitch_deg=(-5, 5, 10), flip=True).views == 12


def test_expression_forms() -> None:
    half = GaussianExpression(coefficients=Normal(stddev=0.5))
    assert recipe(expression={"mode": "gaussian", "stddev": 0.5}).expression == half
    assert recipe(expression={"distribution": "normal", "stddev": 0.5}).expression == half
    assert (
        recipe(expression={"mode": "gaussian", "coefficients": {"distribution": "normal", "stddev": 0.5}}).expression
        == half
    )
    assert recipe(expression={"active": 2}).expression == ActionsExpression.model_validate({"active": 2})
    refused(expression={"mode": "actions", "stddev": 1})
    refused(expression={"mode": "gaussian", "active": 1})


@pytest.mark.parametrize(
    "entries",
    [
        {"kind": "image"}, {"kind": 3}, {"kind": ["images"]}, {"kind": None},
        {"seed": -1}, {"seed": 1.0}, {"seed": True}, {"seed": 2**63}, {"seed": "1"},
        {"count": 0}, {"count": -4}, {"count": 2.5}, {"count": True}, {"count": 10**10},
        {"size": [32]}, {"size": [15, 32]}, {"size": [32, 4097]}, {"size": [32, 32, 3]}, {"size": 32},
        {"size": [32.0, 32]}, {"size": [True, 32]}, {"size": "32x32"},
        {"model": {"source": "bfm"}}, {"model": {"path": ""}}, {"model": {"path": 3}},
        {"model": {"path": "a", "resolution": "fine"}}, {"model": {"resolution": "huge"}}, {"model": "procedural"},
        {"expression": {"mode": "blend"}}, {"expression": {"mode": "gaussian", "stddev": 1, "coefficients": 1}},
        {"expression": 3}, {"expression": {"weight": 2}},
        {"expression": {"active": 1.5}}, {"expression": {"active": -1}}, {"expression": {"asymmetry": 3}},
        {"camera": {"projection": "fisheye"}}, {"camera": {"focal": 0}}, {"camera": {"focal": -1}},
        {"camera": {"projection": "scaled_orthographic", "focal": 2}}, {"camera": "perspective"},
        {"camera": {"focal": {"distribution": "normal", "mean": 3, "stddev": 0.1}}},
        {"pose": {"scale": 0}}, {"pose": {"scale": -1}}, {"pose": {"yaw": 3}}, {"pose": []},
        {"light": {"source": ""}}, {"light": {"source": None}}, {"light": {"intensity": -1}}, {"light": "builtin"},
        {"albedo": {"textures": 3}}, {"albedo": {"source": "photo"}},
        {"albedo": {"source": "procedural", "textures": "a"}},
        {"background": {}}, {"background": {"kind": "grey"}}, {"background": {"kind": "gray", "level": 1.1}},
        {"background": {"kind": "folder"}}, {"background": {"kind": "folder", "images": "a", "zoom": 0.5}},
        {"background": {"kind": "coco", "images": "a"}}, {"background": {"kind": "procedural", "images": "a"}},
        {"background": {"kind": "coco", "images": "a", "annotations": "b", "skip_people": "no"}},
        {"background": {"kind": "coco", "images": "a", "annotations": "b", "skip_people": 1}},
        {"occluders": {"count": -1}}, {"occluders": {"count": 0.5}}, {"occluders": {"count": 1000}},
        {"occluders": {"kinds": []}}, {"occluders": {"kinds": ["ball"]}}, {"occluders": {"kinds": ["box", "box"]}},
        {"occluders": {"kinds": ["cutout"]}}, {"occluders": {"kinds": ["cutout"], "images": "a"}},
        {"occluders": {"size": -0.1}}, {"occluders": {"kinds": "box"}},
        {"sensor": {"noise": -1}}, {"sensor": {"blur": -1}}, {"sensor": {"supersampling": 0}},
        {"sensor": {"supersampling": 5}}, {"sensor": {"noise": {"distribution": "normal", "stddev": 1}}},
        {"faces": 0}, {"faces": 4}, {"faces": 1.5}, {"faces": {"distribution": "choice", "values": [1, 2.5]}},
        {"faces": True}, {"other_faces": "hide"},
        {"kind": "pairs", "faces": 2}, {"kind": "pairs", "other_faces": "label"},
        {"flow": {"method": "nearest_uv"}}, {"kind": "pairs", "flow": {"threshold": 0}},
        {"kind": "pairs", "flow": {"method": "farneback"}},
        {"fittings": {"path": "/a.npz"}}, {"video": {"frames": 4}}, {"profile": {}}, {"crop": {"rule": "fit"}},
        {"kind": "fittings", "fittings": {"path": "/a"}, "pose": {"yaw_deg": 3}},
        {"kind": "fittings", "fittings": {"path": "/a"}, "video": {"frames": 4}},
        {"kind": "fittings", "fittings": {"path": "/a"}, "profile": {}, "augment": {"copies": 2}},
        {"kind": "fittings", "fittings": {"path": "/a"}, "profile": {"yaw_deg": [100]}},
        {"kind": "video", "fittings": {"path": "/a"}, "video": {"scale": 0}},
        {"kind": "video", "fittings": {"path": "/a"}, "video": {"frames": 1}},
        {"labels": []}, {"labels": ["colour"]}, {"labels": "image"}, {"labels": ["image", "image"]}, {"labels": [3]},
        {"codec": "webp"}, {"shard_size": 0}, {"shard_size": 1.5}, {"identity": None}, {"colour": 3},
    ],
)  # fmt: skip
def test_refused(entries: dict[str, Any]) -> None:
    refused(**entries)


def test_settings_of_the_other_kind_may_stand_at_their_default() -> None:
    assert recipe(kind="pairs", faces=1, other_faces="ignore").kind == "pairs"
    assert recipe(flow={"method": "exact"}).kind == "images"


@pytest.mark.parametrize("kind", ["images", "pairs"])
def test_a_resolved_recipe_loads_again(kind: str) -> None:
    full = recipe(
        kind=kind, model={"path": "/m.npz"}, albedo={"textures": "/t"},
        expression={"distribution": "uniform", "low": -1, "high": 1},
        background={"kind": "coco", "images": "/a", "annotations": "/b"},
        occluders={"kinds": ["box", "cutout"], "images": "/a", "annotations": "/b", "count": 2},
        pose={"yaw_deg": {"distribution": "mixture", "components": [
            {"weight": 1, "distribution": "choice", "values": [1, 2], "weights": [1, 2]},
            {"weight": 2, "distribution": "truncated_normal", "stddev": 1, "low": 0, "high": 1}]}},
    )  # fmt: skip
    assert Recipe.model_validate(full.model_dump(mode="json")) == full
    assert Recipe.model_validate(recipe(kind=kind).model_dump(mode="json")) == recipe(kind=kind)


# --- JSON schema ---------------------------------------------------------------------------------------------------


def test_json_schema_lists_every_key_and_closes_every_section() -> None:
    schema = recipe_json_schema()
    assert set(schema["properties"]) == {*Recipe.model_fields, "extends"}
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]["labels"]["items"]["enum"]) == {*LABELS, "parameters"}
    for name, definition in schema["$defs"].items():
        assert definition["additionalProperties"] is False, name


def test_json_schema_offers_numbers_and_every_distribution() -> None:
    schema = recipe_json_schema()
    variants = schema["properties"]["identity"]["oneOf"]
    assert {"type": "number"} in variants
    named = [schema["$defs"][variant["$ref"].rsplit("/", 1)[1]] for variant in variants if "$ref" in variant]
    assert {entry["properties"]["distribution"]["const"] for entry in named} == {
        "constant", "uniform", "normal", "truncated_normal", "choice", "mixture",
    }  # fmt: skip
    assert all("distribution" in entry["required"] for entry in named)


@pytest.mark.parametrize(
    ("policy", "added"),
    [
        ("ignore", {"ignore_mask"}),
        ("label", {"face_index", "other_landmarks_2d", "other_landmarks_visibility"}),
    ],
)
def test_several_faces_store_what_tells_them_apart(policy: str, added: set[str]) -> None:
    several = recipe(faces={"distribution": "choice", "values": [1, 2]}, other_faces=policy)
    assert set(several.labels) - set(recipe().labels) == added
    assert recipe(faces=2, labels=["image"]).labels == ("image",)
