"""JSON schema of a recipe, for completion and checks in editors."""

from typing import Any

from synthgen.recipe.schema import Recipe, known_labels

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_json_schema() -> dict[str, Any]:
    """The schema of a recipe file, `extends` and the short forms of `expression` included.

    A recipe that extends another one need not repeat the required keys, so they are required only without `extends`.
    """
    schema = Recipe.model_json_schema()
    schema["$schema"] = SCHEMA_DIALECT
    schema["title"] = "synthgen recipe"
    properties: dict[str, Any] = schema["properties"]
    properties["extends"] = {"type": "string", "description": "path of one recipe to start from"}
    properties["labels"]["items"] = {"type": "string", "enum": list(known_labels(None))}
    required = schema.pop("required")
    schema["anyOf"] = [{"required": ["extends"]}, {"required": required}]
    _require_discriminators(schema)
    _allow_short_expressions(schema)
    return schema


def _require_discriminators(schema: dict[str, Any]) -> None:
    """In Python the name of a distribution or background has a default, in YAML it must be written."""
    for definition in schema["$defs"].values():
        for key in ("distribution", "kind"):
            if "const" in definition["properties"].get(key, {}):
                definition["properties"][key].pop("default", None)
                definition["required"] = [key, *definition.get("required", [])]


def _allow_short_expressions(schema: dict[str, Any]) -> None:
    """`stddev` in place of `coefficients`, and a bare distribution in place of the section."""
    definitions = schema["$defs"]
    definitions["GaussianExpression"]["properties"]["stddev"] = {"type": "number", "minimum": 0}
    expression = schema["properties"]["expression"]
    distribution = definitions["Pose"]["properties"]["yaw_deg"]
    mappings = [variant for variant in distribution["oneOf"] if "$ref" in variant]
    expression["anyOf"] = [*expression.pop("oneOf"), *mappings]
