"""The JSON Schemas that pydantic generates, without what is not so of every value."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from lambent.features.codecs._core_schema import is_users


class ExactSchema(GenerateJsonSchema):
    """Leaves out defaults that are no JSON, and what is not so of every value."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # ``schemas.refine`` sets them, for both libraries

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        described = super().bytes_schema(schema)
        if described["format"] == "base64url":
            for bound in described.keys() & {"minLength", "maxLength"}:  # of bytes; the text is longer
                described[bound] = 4 * ((described[bound] + 2) // 3)
        return described

    def time_schema(self, schema: Any) -> dict[str, Any]:
        return self._temporal(super().time_schema(schema), schema)

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        return self._temporal(super().datetime_schema(schema), schema)

    def _temporal(self, described: dict[str, Any], schema: Any) -> dict[str, Any]:
        zone = schema.get("tz_constraint")
        if zone == "naive" or (zone is None and self.mode == "serialization"):
            described.pop("format", None)  # RFC 3339 demands a zone
        return described

    def ser_schema(self, schema: Any) -> Any:
        """Describes what a serializer without a type may write as anything, not as what it is given."""
        found = super().ser_schema(schema)
        is_typed = schema["type"] not in ("function-plain", "function-wrap") or "return_schema" in schema
        return found if is_typed or not is_users(schema) else {}
