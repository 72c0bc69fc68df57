"""The JSON Schema of a recipe, for editors: every kind with its fields and descriptions.

Made from the same pydantic models that check a recipe, plug-ins included, so it cannot lag behind.
"""

from __future__ import annotations

from homespun.data.records import JSONDict
from homespun.recipe.recipe import Recipe
from homespun.recipe.recipefile import SECTIONS
from homespun.registry import Strategy, kinds, lookup
from homespun.select.base import Rule
from homespun.task import ROLES
from homespun.train.base import Trainer


def json_schema() -> JSONDict:
    """Return the JSON Schema of a recipe, for editors: every kind with its fields and descriptions."""
    schema = Recipe.model_json_schema(by_alias=True)
    definitions = schema.setdefault("$defs", {})

    def union(base: type[Strategy]) -> JSONDict:
        options = []
        for kind in sorted(kinds(base.group)):
            cls = lookup(base, kind)
            inner = cls.model_json_schema(by_alias=True)
            definitions.update(inner.pop("$defs", {}))
            inner["required"] = sorted({"kind", *inner.get("required", [])})
            definitions[f"{base.group}-{kind}"] = inner
            options.append({"$ref": f"#/$defs/{base.group}-{kind}"})
        return {"oneOf": options}

    for section, base in SECTIONS.items():
        schema["properties"][section] = {"type": "object", "additionalProperties": union(base)}
    schema["properties"]["train"] = union(Trainer)
    model = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ModelSpec"}]}
    schema["properties"]["models"] = {"type": "object", "properties": dict.fromkeys(ROLES, model)}
    rules = union(Rule)
    shorthand = {"type": "object", "properties": {"all": {"type": "array"}, "any": {"type": "array"}}}
    rules["oneOf"].append({**shorthand, "additionalProperties": False})
    definitions["Arm"]["properties"]["select"]["items"] = rules
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
