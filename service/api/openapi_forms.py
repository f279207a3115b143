"""Forms of JSON schema that generators of clients misread, written otherwise with the same meaning.

openapi-typescript takes a property with a default for one that is always there, in requests too, and in
answers where it is absent: so a default stands in the description. Pydantic writes names of a pattern as
`patternProperties`, which allows anything under other names, and from which generators make no type: so they
are `additionalProperties` with the pattern in `propertyNames`.
"""

import json
from typing import Any

JsonObject = dict[str, Any]


def plain(schema: JsonObject) -> JsonObject:
    """The schema, and those within it, in forms that generators read as they are meant."""
    written = {key: _part(key, value) for key, value in schema.items()}
    return _with_closed_names(written)


def _part(key: str, value: object) -> object:
    if key == "properties" and isinstance(value, dict):
        return {name: _without_default(plain(each)) for name, each in value.items()}
    if key == "patternProperties" and isinstance(value, dict):
        return {pattern: plain(each) for pattern, each in value.items()}
    if isinstance(value, list):
        return [plain(each) if isinstance(each, dict) else each for each in value]
    return plain(value) if isinstance(value, dict) else value


def _without_default(schema: JsonObject) -> JsonObject:
    """A property whose default, null aside, is told in words."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    if schema.get("default") is None:
        return kept
    told = f"Default: {json.dumps(schema['default'], ensure_ascii=False)}."
    description = schema.get("description")
    return kept | {"description": told if description is None else f"{description}\n{told}"}


def _with_closed_names(schema: JsonObject) -> JsonObject:
    patterns = schema.get("patternProperties")
    if patterns is None:
        return schema
    if len(patterns) != 1:
        raise ValueError(f"expected one pattern of names, got {sorted(patterns)}")
    ((pattern, values),) = patterns.items()
    kept = {key: value for key, value in schema.items() if key != "patternProperties"}
    names = {**schema.get("propertyNames", {}), "pattern": pattern}
    return kept | {"additionalProperties": values, "propertyNames": names}
