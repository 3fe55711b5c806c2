"""The tool schema of a Lambda target of AgentCore Gateway, from the tools of a server.

Its schemas have ``type``, which is one of six, ``description``, ``properties``, ``required`` and ``items``.
What else a JSON Schema says is left out, where it then describes more than before: the function checks it.
https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ToolDefinition.html
https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_SchemaDefinition.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambent.features.tools import Tool

_TYPES = ("string", "number", "object", "array", "boolean", "integer")
_TYPE_OF = {str: "string", bool: "boolean", int: "integer", float: "number"}
_SAID = frozenset(
    {"type", "description", "properties", "required", "items", "anyOf", "oneOf", "allOf", "$ref"}
)
_SILENT = frozenset({"title", "$defs", "$schema", "examples", "enum", "const", "default"})
"""What says nothing of the values, or is told in the description."""

Schema = Mapping[str, Any]


class NotExpressibleError(ValueError):
    """A schema that the gateway has no form for; the message says where and why."""


class ToolSchema:
    """The definitions of tools for a gateway.

    Attributes:
        definitions: what the gateway takes.
        notes: what the gateway is not told, by tool.
        refused: why a tool is none of them, by tool.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self.definitions: list[dict[str, Any]] = []
        self.notes: dict[str, list[str]] = {}
        self.refused: dict[str, str] = {}
        for tool in tools:
            self._add(tool)

    def _add(self, tool: Tool) -> None:
        described = json.loads(bytes(tool.described))
        if tool.task is not None and tool.task.support == "required":
            self.refused[tool.name] = "its calls are tasks, which the gateway does not know"
            return
        given, returned = _SchemaReader("argument"), _SchemaReader("output")
        try:
            definition = {
                "name": tool.name,
                "description": described.get("description") or tool.name,
                "inputSchema": given.read_root(described["inputSchema"]),
            }
        except NotExpressibleError as error:
            self.refused[tool.name] = str(error)
            return
        if (output := described.get("outputSchema")) is not None:
            try:
                definition["outputSchema"] = returned.read_root(output)
            except NotExpressibleError as error:
                returned.notes[f"no output schema, as {error}"] = None
        self.definitions.append(definition)
        if notes := [*given.said(), *returned.said()]:
            self.notes[tool.name] = notes


class _SchemaReader:
    """Reads the schema of arguments or of an output, and notes what is lost.

    An argument may be left with fewer values, as clients then send no others. An output may not.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._definitions: Schema = {}
        self._left_out: dict[str, None] = {}
        self.notes: dict[str, None] = {}

    def said(self) -> Iterator[str]:
        """What is lost, one thing a line."""
        yield from self.notes
        if self._left_out:
            yield f"{self._what}s: {', '.join(self._left_out)} left out"

    def read_root(self, schema: Schema) -> dict[str, Any]:
        """The schema of all arguments, or of the result.

        Raises:
            NotExpressibleError: it has no form here.
        """
        self._definitions = schema.get("$defs", {})
        found = self._read(schema, "", ())
        if found["type"] != "object":
            raise NotExpressibleError(f"the {self._what} is no object")
        return found

    def _read(self, schema: Any, where: str, within: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(schema, Mapping):
            raise self._any(where)
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            if "$ref" in schema:
                name = str(schema["$ref"]).removeprefix("#/$defs/")
                if name in within:
                    self.notes[f"{self._what} {where} contains itself: described as any {name}"] = None
                    return {"type": self._definitions[name].get("type", "object")}
                within = (*within, name)
                inner = self._definitions[name]
            else:
                (inner,) = schema["allOf"]
            schema = {
                **inner,
                **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")},
            }
        if (choices := _alternatives(schema)) is not None:
            return self._choice(schema, choices, where, within)
        kind = _kind(schema)
        if kind == "null":
            raise NotExpressibleError(f"{where or 'it'} is always null")
        if kind not in _TYPES:
            raise self._any(where)
        found: dict[str, Any] = {"type": kind}
        if text := _description(schema):
            found["description"] = text
        if kind == "object":
            self._properties(schema, found, where, within)
        elif kind == "array":
            self._items(schema, found, where, within)
        self._left_out.update(
            dict.fromkeys(
                key
                for key, value in schema.items()
                if key not in _SAID | _SILENT and not (key == "additionalProperties" and value is True)
            )
        )
        return found

    def _choice(
        self, schema: Schema, choices: list[Any], where: str, within: tuple[str, ...]
    ) -> dict[str, Any]:
        """One of several schemas: where they are of one type, that."""
        some = [one for one in choices if not (isinstance(one, Mapping) and one.get("type") == "null")]
        if len(some) < len(choices):
            if self._what == "output":
                raise NotExpressibleError(f"{where or 'it'} may be null")
            self.notes[f"{self._what} {where} may be null, which the schema cannot say"] = None
        outer = {key: schema[key] for key in ("description", "default") if key in schema}
        if len(some) == 1 and isinstance(some[0], Mapping):
            return self._read({**some[0], **outer}, where, within)
        found = [self._read(one, where, within) for one in some]
        kinds = {one["type"] for one in found}
        kind = "number" if kinds == {"integer", "number"} else next(iter(kinds), "")
        if kind != "number" and len(kinds) != 1:
            raise NotExpressibleError(f"{where or 'it'} may be of several types: {', '.join(sorted(kinds))}")
        if kind in ("object", "array"):
            self.notes[f"{self._what} {where}: described as any {kind}"] = None
        texts = [text for text in (_description(outer), *(one.get("description") for one in found)) if text]
        return {"type": kind, **({"description": " ".join(dict.fromkeys(texts))} if texts else {})}

    def _properties(self, schema: Schema, found: dict[str, Any], where: str, within: tuple[str, ...]) -> None:
        properties, required = {}, list(schema.get("required", ()))
        for name, inner in schema.get("properties", {}).items():
            path = f"{where}.{name}" if where else name
            try:
                properties[name] = self._read(inner, path, within)
            except NotExpressibleError as error:
                if name in required and self._what == "argument":
                    raise
                self.notes[f"{self._what} {path} left out, as {error}"] = None
                required = [one for one in required if one != name]
        if properties or not where:
            found["properties"] = properties
        if required:
            found["required"] = required

    def _items(self, schema: Schema, found: dict[str, Any], where: str, within: tuple[str, ...]) -> None:
        path = f"{where}[]"
        try:
            if items := schema.get("items"):
                found["items"] = self._read(items, path, within)
            elif parts := schema.get("prefixItems"):
                found["items"] = self._choice({}, list(parts), path, within)
                self._left_out["prefixItems"] = None
        except NotExpressibleError as error:
            self.notes[f"{self._what} {path} left out, as {error}"] = None

    def _any(self, where: str) -> NotExpressibleError:
        return NotExpressibleError(f"{where or 'it'} may be of any type")


def _alternatives(schema: Schema) -> list[Any] | None:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return list(schema[key])
    kind = schema.get("type")
    return [{**schema, "type": one} for one in kind] if isinstance(kind, list) else None


def _kind(schema: Schema) -> Any:
    if "type" in schema:
        return schema["type"]
    if "properties" in schema:
        return "object"
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = {_TYPE_OF.get(type(value)) for value in values}
    return kinds.pop() if len(kinds) == 1 else None


def _description(schema: Schema) -> str:
    """The description, with the choices and the default, which have no other place."""
    text = schema.get("description") or ""
    texts = [text if text.endswith((".", "!", "?")) else f"{text}."] if text else []
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        texts.append(f"One of: {', '.join(map(json.dumps, values))}.")
    if schema.get("default") is not None:
        texts.append(f"Default: {json.dumps(schema['default'])}.")
    return " ".join(texts) if len(texts) > 1 else text or "".join(texts)
