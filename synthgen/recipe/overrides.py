"""`--set a.b=value`: one assignment becomes a tree with that single entry, to be merged over the recipe."""

from collections.abc import Callable

from synthgen.core.errors import RecipeError
from synthgen.core.limits import MOST_OVERRIDE_KEYS
from synthgen.recipe.tree import Node, Place


def override_tree(assignment: str, parse_value: Callable[[str, str], Node]) -> Node:
    """The tree of one assignment.

    assignment: `key.key=value`, the value in YAML syntax; parse_value: (text, name) -> Node, from `recipe.load`.
    Raises RecipeError when there is no `=`, an empty key, or a value that is not YAML.
    """
    name = f"--set {assignment}" if len(assignment) <= 200 else f"--set {assignment[:200]}..."
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise RecipeError([f"{name}: expected key.key=value, for example --set pose.yaw_deg=30"])
    if keys[0] == "extends":
        raise RecipeError([f"{name}: extends cannot be overridden; name another recipe instead"])
    if len(keys) > MOST_OVERRIDE_KEYS:
        raise RecipeError([f"{name}: more than {MOST_OVERRIDE_KEYS} keys in one path"])
    place = Place(name)
    parsed = parse_value(text, name)
    node = _at_place(parsed, place)
    for key in reversed(keys):
        node = Node({key: node}, place, {key: place}, node.size + 1)
    return node


def _at_place(node: Node, place: Place) -> Node:
    """The same tree with every position set to the override, whose text has no lines worth counting."""
    if isinstance(node.value, dict):
        children = {key: _at_place(child, place) for key, child in node.value.items()}
        return Node(children, place, dict.fromkeys(node.value, place), node.size)
    if isinstance(node.value, list):
        return Node([_at_place(child, place) for child in node.value], place, {}, node.size)
    return Node(node.value, place, {}, node.size)
