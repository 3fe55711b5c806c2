"""Values made for schemas."""

from typing import Any

import jsonschema
import pytest
from tests.porting.drive import samples

POINT = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 5},
    {"type": "string", "format": "date"},
    {"type": "string", "pattern": "^[0-9]{4}$"},
    {"type": "integer", "minimum": 10},
    {"type": "number", "exclusiveMaximum": 1},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"enum": ["a", "b"]},
    {"const": 4},
    {"$ref": "#/$defs/Point", "$defs": {"Point": POINT}},
    {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "integer"}},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@pytest.mark.parametrize("variant", [0, 1])
def test_a_schema_takes_its_values(schema: dict[str, Any], variant: int) -> None:
    jsonschema.validate(samples.value(schema, variant, schema), schema)


@pytest.mark.parametrize("kind", ["string", "integer", "number", "boolean", "array", "object"])
def test_a_schema_does_not_take_a_wrong_value(kind: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(samples.wrong({"type": kind}, {}), {"type": kind})
