"""Schema complaints as lines for a person: `file:line:col: key: what is wrong`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import Tag

from synthgen.recipe.schema import Recipe
from synthgen.recipe.section import Section
from synthgen.recipe.suggest import suggestion
from synthgen.recipe.tree import Node, Place

EXPECTED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
}
LIMITS = {"greater_than": (">", "gt"), "greater_than_equal": (">=", "ge"), "less_than": ("<", "lt"),
          "less_than_equal": ("<=", "le")}  # fmt: skip


def describe_problems(details: Sequence[Mapping[str, Any]], tree: Node, schema: type[Section] = Recipe) -> list[str]:
    """One line per complaint, in the order of their positions.

    details: pydantic's error dicts; tree: the merged recipe they are about; schema: what it was to be.
    """
    located = []
    for detail in details:
        if detail["type"] == "too_short" and _has_item_errors(detail["loc"], details):
            continue
        place, key = _locate(detail, tree)
        shown = key if key.isprintable() else quote(key)  # a key may hold anything, a line break too
        located.append((place, f"{place}: {shown}: {_message(detail, schema)}"))
    located.sort(key=lambda entry: (entry[0].name, entry[0].line, entry[0].column))
    return list(dict.fromkeys(line for _, line in located))


def _has_item_errors(loc: Sequence[Any], details: Sequence[Mapping[str, Any]]) -> bool:
    """A list whose items are wrong also reports itself as too short."""
    return any(tuple(other["loc"][: len(loc)]) == tuple(loc) and len(other["loc"]) > len(loc) for other in details)


def _locate(detail: Mapping[str, Any], tree: Node) -> tuple[Place, str]:
    """Position and dotted key. Union tags and entries that only the schema knows are left out of the key."""
    loc = list(detail["loc"])
    hint = detail.get("ctx", {}).get("key") if detail["type"] == "recipe" else None
    if hint is not None:
        loc.append(hint)
    node, place, walked = tree, tree.place, ""
    for element in loc:
        if isinstance(node.value, dict) and element in node.value:
            unknown = detail["type"] == "extra_forbidden"
            place = node.keys[element] if unknown else node.value[element].place
            node = node.value[element]
            walked += f".{element}" if walked else str(element)
        elif isinstance(node.value, list) and isinstance(element, int) and element < len(node.value):
            node = node.value[element]
            place = node.place
            walked += f"[{element}]"
    if detail["type"] == "missing":
        walked += f".{loc[-1]}" if walked else str(loc[-1])
    return place, walked or "recipe"


def _message(detail: Mapping[str, Any], schema: type[Section]) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown key{suggestion(detail['loc'][-1], _allowed_keys(detail['loc'][:-1], schema))}"
    if kind == "finite_number":
        return f"must be a finite number, got {quote(value)}"
    if kind in LIMITS:
        sign, name = LIMITS[kind]
        return f"must be {sign} {context[name]:g}, got {quote(value)}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind == "too_long":
        return f"expected {context['max_length']} values, got {context['actual_length']}"
    if kind == "literal_error":
        return f"unknown value {quote(value)}{suggestion(value, _expected_values(context))}"
    if kind in EXPECTED:
        return f"expected {EXPECTED[kind]}, got {quote(value)}"
    return str(detail["msg"])


def _expected_values(context: Mapping[str, Any]) -> list[str]:
    """Pydantic hands the allowed values over as `'a', 'b' or 'c'`."""
    return [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(",")]


def _allowed_keys(loc: Sequence[Any], schema: type[Section]) -> list[str]:
    """The keys of the section at a path with union tags."""
    section: type[Section] | None = schema
    annotation: Any = None
    for element in loc:
        if isinstance(element, int):
            continue
        if section is not None and element in section.model_fields:
            annotation = section.model_fields[element].annotation
            section = _as_section(annotation)
        else:
            section = _variant(annotation, element)
    keys = list(section.model_fields) if section is not None else []
    return [*keys, "extends"] if section is Recipe else keys


def _as_section(annotation: Any) -> type[Section] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _variant(annotation: Any, name: str) -> type[Section] | None:
    """The class that a union carries under a tag."""
    arguments = get_args(annotation)
    if any(isinstance(argument, Tag) and argument.tag == name for argument in arguments):
        return _as_section(arguments[0])
    found = (_variant(argument, name) for argument in arguments)
    return next((section for section in found if section is not None), None)


def quote(value: Any) -> str:
    """A value as the user wrote it, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
    text = repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= 80 else f"{text[:77]}..."
