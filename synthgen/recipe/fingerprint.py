"""Which recipe made a dataset: canonical form, fingerprint, and what differs between two recipes.

`count` and `shard_size` decide how many samples there are and how they are packed, not what a sample is; they stay
outside. So do the paths of assets: their contents are in the fingerprint instead, so that moving a folder is no change.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.recipe.load import BUILTIN, PATH_KEYS
from synthgen.recipe.schema import KEY_KINDS, Recipe

PLAN_KEYS = ("count", "shard_size")
FILE_MARK = "(file)"


def canonical_recipe(recipe: Recipe) -> dict[str, Any]:
    """Everything that decides the bytes of a sample, as plain JSON values; labels in the order of the label table."""
    plain: dict[str, Any] = recipe.model_dump(mode="json")
    unused = [key for key, kinds in KEY_KINDS.items() if recipe.kind not in kinds]  # of other kinds alone
    for key in (*PLAN_KEYS, *unused):
        del plain[key]
    plain["labels"] = list(recipe.label_names())
    return plain


def fingerprint(recipe: Recipe, asset_hashes: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Hex sha256 of the canonical recipe without paths, the contents of its assets and the versions of the code.

    asset_hashes: asset id -> sha256 of its content; ids must not hold machine paths. versions: name -> version of
    whatever can change bytes (engine, label schema, libraries, codecs, CPU family).
    """
    content = {
        "recipe": _without_paths(canonical_recipe(recipe)),
        "assets": dict(asset_hashes),
        "versions": dict(versions),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and the shortest exact form of every number; refuses NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines `key: old -> new` for every entry in which two canonical recipes differ, paths of assets left out."""
    before, after = (dict(_leaves(_without_paths(old))), dict(_leaves(_without_paths(new))))
    lines = []
    for key in sorted({*before, *after}):
        left, right = (side.get(key, "(absent)") for side in (before, after))
        if left != right:
            lines.append(f"{key}: {left} -> {right}")
    return lines


def _without_paths(canonical: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(canonical)
    for section, key in PATH_KEYS:
        entries = plain.get(section)
        if isinstance(entries, Mapping) and entries.get(key) not in (None, BUILTIN):
            plain[section] = {**entries, key: FILE_MARK}
    return plain


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, JSON text) of every entry; lists of mappings are walked, other lists compared whole."""
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(entry, Mapping) for entry in value):
        for number, entry in enumerate(value):
            yield from _leaves(entry, f"{path}[{number}]")
    else:
        yield path, json.dumps(value, sort_keys=True)
