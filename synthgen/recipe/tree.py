"""YAML as a tree that remembers where every key and value was written.

Files of an `extends` chain and `--set` overrides become such trees and are merged before the schema sees them, so a
complaint about any value points to the file (or override) that wrote it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Place:
    """A position: name of the file or override; line and column count from 1, and are 0 for an override."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True)
class Node:
    """A scalar, a list of nodes or a mapping of nodes.

    value: str, int, float, bool, None, list[Node] or dict[str, Node]; place: where the value begins; keys: where each
    key of a mapping begins; size: how many nodes it holds, itself included.
    """

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Any:
        """The value without positions, ready for the schema."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


# Keys that decide which other keys a section may hold, with the value that their absence means.
DISCRIMINATORS = {"distribution": None, "kind": None, "mode": "actions", "projection": "perspective"}
# Either of these makes the other one of the pair invalid.
ALTERNATIVES = (("source", "path"), ("source", "textures"))


def merge(parent: Node, child: Node, depth: int = 0) -> Node:
    """`parent` with the entries of `child` laid over it.

    Mappings are merged key by key; lists and scalars are replaced; so is a section of which the child changes the
    discriminator, because the parent's other keys would have no meaning there.
    """
    if not isinstance(parent.value, dict) or not isinstance(child.value, dict):
        return child
    if depth > 0 and _changes_variant(parent.value, child.value):
        return child
    value = dict(parent.value)
    for key, node in child.value.items():
        value[key] = merge(value[key], node, depth + 1) if key in value else node
    return Node(value, child.place, {**parent.keys, **child.keys}, parent.size + child.size)


def _changes_variant(parent: Mapping[str, Node], child: Mapping[str, Node]) -> bool:
    for key, default in DISCRIMINATORS.items():
        if key in child:
            before = parent[key].value if key in parent else default
            # A bare distribution has no mode, and a mode no distribution of its own.
            rivals = {"distribution": "mode", "mode": "distribution"}
            if child[key].value != before or rivals.get(key) in parent:
                return True
    return any((one in child and other in parent) or (other in child and one in parent) for one, other in ALTERNATIVES)


def map_scalars(node: Node, change: Callable[[tuple[str, ...], Any], Any], path: tuple[str, ...] = ()) -> Node:
    """The tree with every scalar that is reached through mappings alone replaced by change(path, value)."""
    if isinstance(node.value, dict):
        value = {key: map_scalars(child, change, (*path, key)) for key, child in node.value.items()}
        return replace(node, value=value)
    return node if isinstance(node.value, list) else replace(node, value=change(path, node.value))


def without(node: Node, key: str) -> Node:
    """A mapping without one of its keys."""
    return replace(
        node,
        value={name: child for name, child in node.value.items() if name != key},
        keys={name: place for name, place in node.keys.items() if name != key},
    )
