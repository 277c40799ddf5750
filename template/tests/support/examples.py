"""A valid value for a JSON schema, always the same one."""

from datetime import timedelta
from typing import Any

from app.core.clock import utc_now

Schema = dict[str, Any]


def resolve(document: Schema, schema: Schema) -> Schema:
    """Follow references in the OpenAPI document; of several types take the first."""
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            return resolve(document, schema[kind][0]) | schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolve(document, document["components"]["schemas"][name]) | schema
    return schema


def example(document: Schema, schema: Schema) -> Any:
    """Return the schema's own example or default, else a value of its type."""
    schema = resolve(document, schema)
    match schema:
        case {"examples": [value, *_]} | {"const": value}:
            return value
        case {"default": value} if value is not None:
            return value
        case {"enum": [value, *_]}:
            return value
        case {"type": "object"}:
            fields = schema.get("properties", {})
            return {name: example(document, field) for name, field in fields.items()}
        case {"type": "array", "items": items}:
            return [example(document, items)] * max(1, schema.get("minItems", 1))
        case {"type": "integer" | "number"}:
            return _number(schema)
        case {"type": "string"}:
            return _text(schema)
    return True


def _number(schema: Schema) -> Any:
    """Return the least number that is allowed, or 1."""
    step = schema.get("multipleOf", 1)
    highest = schema.get("maximum", schema.get("exclusiveMaximum", step + 1) - step)
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", min(step, highest) - step) + step)
    return -(-lowest // step) * step


def _text(schema: Schema) -> str:
    """Return text of an allowed length; a pattern needs an example of its own."""
    soon = utc_now() + timedelta(hours=1)
    formats = {
        "date": (soon + timedelta(days=1)).date().isoformat(),
        "date-time": soon.isoformat(),
        "duration": "PT1H",
        "email": "ada@example.com",
        "time": "12:00:00",
        "uri": "https://example.com/",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
    text = formats.get(schema.get("format", ""), "text")
    return text[: schema.get("maxLength")].ljust(schema.get("minLength", 0), "x")
