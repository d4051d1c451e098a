"""YAML to Recipe, strictly: the only file that reads YAML.

Numbers and booleans follow YAML 1.2 (`1e-3` is a number, `no` and `12:30` are text, `010` is ten). Duplicate keys, tags
and merge keys are refused, sizes are limited, and every problem of a recipe is reported at once with its position.
"""

import os.path
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from synthgen.core.errors import RecipeError
from synthgen.core.limits import (
    MOST_RECIPE_BYTES,
    MOST_RECIPE_DEPTH,
    MOST_RECIPE_DIGITS,
    MOST_RECIPE_NODES,
    MOST_RECIPE_PARENTS,
)
from synthgen.recipe.overrides import override_tree
from synthgen.recipe.problems import describe_problems
from synthgen.recipe.schema import Recipe
from synthgen.recipe.section import Section
from synthgen.recipe.tree import Node, Place, map_scalars, merge, without

SectionType = TypeVar("SectionType", bound=Section)

# Entries that name a file or folder; a relative one belongs to the folder of the file that wrote it.
PATH_KEYS = (
    ("model", "path"), ("light", "source"), ("albedo", "textures"), ("background", "images"),
    ("background", "annotations"), ("occluders", "images"), ("occluders", "annotations"),
    ("fittings", "path"), ("fittings", "photos"),
)  # fmt: skip
BUILTIN = "builtin"

_NULL = re.compile(r"(~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_OR_HEX = re.compile(r"(0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with its `extends` parents beneath and the overrides on top.

    overrides: assignments as of `--set`, `pose.yaw_deg=30`. Relative paths inside become absolute: those of a file
    against its folder, those of an override against the current folder.
    Raises RecipeError with every problem, one line each: `file:line:col: key: what is wrong`.
    """
    return _recipe_from_tree(_read_chain(Path(path)), overrides)


def parse_recipe(
    text: str, name: str = "recipe.yaml", overrides: Sequence[str] = (), folder: str | Path = "."
) -> Recipe:
    """The recipe in a text; `name` stands in the messages, relative paths and `extends` belong to `folder`.

    Raises RecipeError as load_recipe does.
    """
    tree = _with_parents(parse_yaml(text, name), Path(folder), (name,))
    return _recipe_from_tree(tree, overrides)


def load_section(path: str | Path, schema: type[SectionType], overrides: Sequence[str] = ()) -> SectionType:
    """The section in a YAML file that is no recipe, read as strictly, with its `extends` parents and overrides.

    Paths inside are left as they are. Raises RecipeError as load_recipe does.
    """
    tree = _read_chain(Path(path))
    for assignment in overrides:
        tree = merge(tree, override_tree(assignment, parse_yaml))
    try:
        return schema.model_validate(tree.plain())
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors(include_url=False)]
        raise RecipeError(describe_problems(details, tree, schema)) from None


def _recipe_from_tree(tree: Node, overrides: Sequence[str]) -> Recipe:
    complaints: list[str] = []
    for assignment in overrides:
        try:
            tree = merge(tree, _with_absolute_paths(override_tree(assignment, parse_yaml), Path.cwd()))
        except RecipeError as error:
            complaints += error.problems
    try:
        recipe = Recipe.model_validate(tree.plain())
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors(include_url=False)]
        raise RecipeError(complaints + describe_problems(details, tree)) from None
    if complaints:
        raise RecipeError(complaints)
    return recipe


# --- files and parents ---------------------------------------------------------------------------------------------


def _read_chain(path: Path, seen: tuple[str, ...] = ()) -> Node:
    """The tree of a file, merged over those of its parents."""
    try:
        identity = str(path.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a zero byte
        raise RecipeError([f"{path}: cannot read the file: {_reason(error)}"]) from None
    return _with_parents(_read_file(path), path.parent, (*seen, identity))


def _read_file(path: Path) -> Node:
    """The tree of one YAML file, without its parents."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_RECIPE_BYTES + 1)
    except (OSError, ValueError, RuntimeError) as error:
        raise RecipeError([f"{name}: cannot read the file: {_reason(error)}"]) from None
    if len(data) > MOST_RECIPE_BYTES:
        raise RecipeError([f"{name}: larger than {MOST_RECIPE_BYTES} bytes, which no recipe needs"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError([f"{name}: not UTF-8 text (byte {error.start})"]) from None
    return parse_yaml(text, name)


def _reason(error: Exception) -> str:
    """The system's words without the path, which the message names already."""
    return getattr(error, "strerror", None) or str(error)


def _with_parents(tree: Node, folder: Path, seen: tuple[str, ...]) -> Node:
    if not isinstance(tree.value, dict):
        raise RecipeError([f"{tree.place}: a recipe is a mapping of keys, for example kind: images"])
    parent = tree.value.get("extends")
    tree = without(_with_absolute_paths(tree, folder), "extends")
    if parent is None:
        return tree
    if not isinstance(parent.value, str) or not parent.value or not parent.value.isprintable():
        raise RecipeError([f"{parent.place}: extends: expected the path of one recipe"])
    path = Path(_absolute(parent.value, folder))
    try:
        identity, exists = str(path.resolve()), path.is_file()
    except (OSError, RuntimeError) as error:  # a name that the system cannot hold, or a loop of links
        raise RecipeError([f"{parent.place}: extends: cannot be read: {_reason(error)}"]) from None
    if identity in seen:
        raise RecipeError([f"{parent.place}: extends: {parent.value} extends this recipe, a cycle"])
    if len(seen) > MOST_RECIPE_PARENTS:
        raise RecipeError([f"{parent.place}: extends: more than {MOST_RECIPE_PARENTS} parents"])
    if not exists:
        raise RecipeError([f"{parent.place}: extends: {path} does not exist"])
    return merge(_read_chain(path, seen), tree)


def _with_absolute_paths(tree: Node, folder: Path) -> Node:
    def resolve(path: tuple[str, ...], value: Any) -> Any:
        if path not in PATH_KEYS or not isinstance(value, str) or not value or value == BUILTIN:
            return value
        return _absolute(value, folder)

    return map_scalars(tree, resolve)


def _absolute(text: str, folder: Path) -> str:
    if "\0" in text:
        return text
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # ~nobody
        path = Path(text)
    # Not resolve(): links stay as the user named them.
    return os.path.normpath(Path.cwd() / folder / path)


# --- YAML ----------------------------------------------------------------------------------------------------------


def parse_yaml(text: str, name: str) -> Node:
    """The tree of one YAML document.

    Raises RecipeError with the position of the first thing that is not plain YAML 1.2 within the limits.
    """
    try:
        builder = _TreeBuilder(yaml.parse(text, Loader=yaml.SafeLoader), name)
        return builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        raise RecipeError([f"{place}: not valid YAML: {error.problem or error.context}"]) from None
    except yaml.YAMLError as error:
        raise RecipeError([f"{name}: not valid YAML: {str(error).splitlines()[0]}"]) from None
    except (ValueError, OverflowError) as error:
        # PyYAML converts escapes and version numbers without checking their range.
        raise RecipeError([f"{name}: not valid YAML: {error}"]) from None


class _TreeBuilder:
    """Builds nodes from parser events, with the limits checked while reading, before anything grows."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self.events = events
        self.name = name
        self.anchors: dict[str, Node] = {}
        self.nodes = 0

    def document(self) -> Node:
        """The only document of the stream; an empty stream is an empty mapping."""
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node({}, Place(self.name, 1, 1))
        root = self.node(next(self.events), 0)
        next(self.events)  # document end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self.error(event, "a second document: a recipe is one document")
        return root if root.value is not None else Node({}, root.place)

    def node(self, event: Any, depth: int) -> Node:
        """The node that begins with this event."""
        if depth > MOST_RECIPE_DEPTH:
            raise self.error(event, f"nested deeper than {MOST_RECIPE_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.count(event, 1)
        if event.tag is not None and event.tag != "!":
            raise self.error(event, f"tags are not allowed: {event.tag[:60]}")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None and event.tag is None
            node = Node(self.scalar(event) if plain else event.value, self.place(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, depth)
        else:
            node = self.mapping(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any) -> Node:
        """The anchored node, at the position of the alias."""
        if event.anchor not in self.anchors:
            raise self.error(event, f"unknown alias *{event.anchor[:60]}")
        target = self.anchors[event.anchor]
        self.count(event, target.size)
        return replace(target, place=self.place(event))

    def sequence(self, start: Any, depth: int) -> Node:
        """A list, up to its end event."""
        children = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            children.append(self.node(event, depth + 1))
        return Node(children, self.place(start), {}, 1 + sum(child.size for child in children))

    def mapping(self, start: Any, depth: int) -> Node:
        """A mapping, up to its end event."""
        children: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event)
            if key in children:
                raise self.error(event, f"{key[:60]}: duplicate key, first at line {keys[key].line}")
            keys[key] = self.place(event)
            children[key] = self.node(next(self.events), depth + 1)
        return Node(children, self.place(start), keys, 1 + sum(child.size for child in children.values()))

    def key(self, event: Any) -> str:
        """The text of a key."""
        if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, "!"):
            raise self.error(event, "a key must be plain text")
        if event.value == "<<" and event.style is None:
            raise self.error(event, "merge keys (<<) are not supported; use extends: parent.yaml")
        return str(event.value)

    def scalar(self, event: Any) -> Any:
        """The value of a plain scalar by the core schema of YAML 1.2."""
        text = event.value
        if _NULL.match(text):
            return None
        if _BOOL.match(text):
            return text.lower() == "true"
        if _INT.match(text) or _OCTAL_OR_HEX.match(text):
            if len(text) > MOST_RECIPE_DIGITS:
                raise self.error(event, f"a number of {len(text)} digits")
            return int(text, 10 if _INT.match(text) else 0)
        if _FLOAT.match(text):
            return float(text)
        return float(_NOT_FINITE[text.lower()]) if text.lower() in _NOT_FINITE else text

    def count(self, event: Any, nodes: int) -> None:
        """Counts nodes as if aliases were written out."""
        self.nodes += nodes
        if self.nodes > MOST_RECIPE_NODES:
            raise self.error(event, f"more than {MOST_RECIPE_NODES} values, aliases written out")

    def place(self, event: Any) -> Place:
        """Where an event begins."""
        return Place(self.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def error(self, event: Any, message: str) -> RecipeError:
        """The error to raise at an event."""
        return RecipeError([f"{self.place(event)}: {message}"])
