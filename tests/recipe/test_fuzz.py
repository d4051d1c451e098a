"""Whatever the text, loading gives a Recipe or a RecipeError and nothing else."""

import math
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synthgen.core.errors import RecipeError
from synthgen.recipe.load import load_recipe, parse_recipe
from synthgen.recipe.schema import Recipe

QUICK = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DEMO = (Path(__file__).resolve().parents[2] / "recipes" / "demo.yaml").read_text()

WORDS = st.sampled_from(
    [
        "kind",
        "images",
        "pairs",
        "seed",
        "count",
        "size",
        "pose",
        "yaw_deg",
        "identity",
        "distribution",
        "normal",
        "stddev",
        "mixture",
        "components",
        "weight",
        "low",
        "high",
        "background",
        "coco",
        "folder",
        "annotations",
        "labels",
        "image",
        "parameters",
        "model",
        "path",
        "light",
        "source",
        "expression",
        "mode",
        "gaussian",
        "occluders",
        "cutout",
        "kinds",
        "sensor",
        "noise",
        "flow",
        "faces",
        "extends",
        "true",
        "null",
        ".nan",
        ".inf",
        "1e-3",
        "010",
        "~",
    ]
)
PUNCTUATION = ["kind: images", "\n", "\n  ", " ", "a", "1", "---", "\t", *"-{}[],:?&*!|>'\"%@`#"]
KEYS = st.one_of(WORDS, st.text(max_size=4))
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=8), st.just(10**400),
        st.just("\0"),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


def check(text: str) -> None:
    try:
        recipe = parse_recipe(text, "fuzz.yaml")
    except RecipeError as error:
        assert error.problems and all(problem.startswith("fuzz.yaml") for problem in error.problems)
        assert all("\n" not in problem for problem in error.problems)
    else:
        assert isinstance(recipe, Recipe)


@QUICK
@given(st.text(max_size=200))
@example("\ud800")
@example("a: \x85b")
@example("%YAML 9.9\n---\n")
@example("%YAML " + "9" * 5000 + ".1\n---\n")
@example('"\\xZZ": 1')
@example("? ? ? ?")
@example("&a [*a]")
@example("!<tag> a")
@example("- - - -\n" * 100)
@example("a: |9\n b")
@example("extends: ''")
@example("extends: ~nobody/x.yaml")
@example("extends: /dev/null")
@example("extends: " + "a" * 5000)
def test_any_text(text: str) -> None:
    check(text)


@QUICK
@given(
    st.lists(
        st.sampled_from(PUNCTUATION),
        max_size=60,
    )
)
def test_any_punctuation(parts: list[str]) -> None:
    check("".join(parts))


@QUICK
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_structure(entries: dict[str, object]) -> None:
    check(flow_style({"kind": "images", "count": 2, "size": [16, 16], **entries}))


@QUICK
@given(st.integers(0, len(DEMO) - 1), st.integers(0, 60), st.text(max_size=5))
def test_a_recipe_with_a_hole(start: int, length: int, patch: str) -> None:
    check(DEMO[:start] + patch + DEMO[start + length :])


@QUICK
@given(
    st.one_of(
        st.text(max_size=40), st.builds("{}.{}={}".format, KEYS, KEYS, KEYS), st.builds("{}={}".format, KEYS, KEYS)
    )
)
def test_any_override(assignment: str) -> None:
    try:
        assert isinstance(parse_recipe(DEMO, "fuzz.yaml", [assignment]), Recipe)
    except RecipeError as error:
        assert error.problems


@QUICK
@given(st.binary(max_size=200))
def test_any_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(data)
    try:
        assert isinstance(load_recipe(path), Recipe)
    except RecipeError as error:
        assert error.problems


def flow_style(value: object) -> str:
    """YAML flow text of plain values; numbers that are not finite in YAML's spelling."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)}: {flow_style(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_style(entry) for entry in value) + "]"
    if isinstance(value, str):
        return value if value in (".nan", ".inf", "~", "010", "1e-3", "true", "null") else quoted(value)
    if isinstance(value, float) and (not math.isfinite(value)):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
    return "null" if value is None else str(value).lower()


def quoted(text: str) -> str:
    escaped = "".join(f"\\U{ord(letter):08x}" if not letter.isalnum() else letter for letter in text)
    return f'"{escaped}"'
