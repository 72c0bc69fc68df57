"""The JSON Schema of a recipe, for editors: every kind with its fields and descriptions.

Made from the same pydantic models that check a recipe, plug-ins included, so it cannot lag behind.
"""

from __future__ import annotations

from homespun.recipe import Recipe
from homespun.recipe_checks import ROLES
from homespun.recipefile import SECTIONS
from homespun.records import JSONDict
from homespun.registry import kinds, lookup


def json_schema() -> JSONDict:
    """Return the JSON Schema of a recipe, for editors: every kind with its fields and descriptions."""
    schema = Recipe.model_json_schema(by_alias=True)
    definitions = schema.setdefault("$defs", {})

    def union(group: str) -> JSONDict:
        options = []
        for kind in sorted(kinds(group)):
            cls = lookup(group, kind)
            inner = cls.model_json_schema(by_alias=True)
            definitions.update(inner.pop("$defs", {}))
            inner["required"] = sorted({"kind", *inner.get("required", [])})
            definitions[f"{group}-{kind}"] = inner
            options.append({"$ref": f"#/$defs/{group}-{kind}"})
        return {"oneOf": options}

    for section, group in SECTIONS.items():
        schema["properties"][section] = {"type": "object", "additionalProperties": union(group)}
    schema["properties"]["train"] = union("trainer")
    model = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ModelSpec"}]}
    schema["properties"]["models"] = {"type": "object", "properties": dict.fromkeys(ROLES, model)}
    rules = union("rule")
    shorthand = {"type": "object", "properties": {"all": {"type": "array"}, "any": {"type": "array"}}}
    rules["oneOf"].append({**shorthand, "additionalProperties": False})
    definitions["Arm"]["properties"]["select"]["items"] = rules
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
