"""A resolved recipe as YAML that people can read and `synthgen generate` takes; written without a YAML library."""

import json
import re
from collections.abc import Mapping
from typing import Any

_WIDTH = 100
# Words that YAML reads as they are; everything else is quoted as JSON does, which YAML 1.2 understands.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """Lines `key: value`; mappings that fit into a line are written in one."""
    return "".join(line + "\n" for line in _lines(recipe, ""))


def _lines(mapping: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in mapping.items():
        flow = f"{indent}{key}: {_flow(value)}"
        if isinstance(value, Mapping) and value and len(flow) > _WIDTH:
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(flow)
    return lines


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    if isinstance(value, float) and value == round(value) and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value)
