"""Schemas as FastMCP lists them: without titles and references; and what docstrings say of parameters."""

from __future__ import annotations

import re
import typing
from typing import Annotated, Any

from msgspec import UNSET

from lambent.compat.fastmcp.media import MEDIA
from lambent.compat.fastmcp.results import ToolResult
from lambent.features.codecs import Codec, codec_of
from lambent.features.hints import mentions
from lambent.wire.results import Result
from lambent.wire.values import Content
from lambent.wire.values import ToolResult as NativeResult

WRAPS = "x-fastmcp-wrap-result"
"""Marks the schema of a result that is the member ``result`` of an object."""

_NAMED = ("properties", "patternProperties", "$defs")
_VALUES = ("default", "enum", "const", "examples", "required")
_CONTENT = (ToolResult, NativeResult, Result, Content, bytes, bytearray, *MEDIA)
_UNKNOWN = (UNSET, None, type(None), Any, object, list, tuple)


class _RecursiveSchemaError(Exception):
    """A definition mentions itself."""


def tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without titles, and without references unless one is recursive."""
    found: dict[str, Any]
    try:
        found = _tidy(schema, schema.get("$defs", {}), ())
        found.pop("$defs", None)
    except _RecursiveSchemaError:
        found = _tidy(schema, None, ())
    return found


def _tidy(node: Any, definitions: dict[str, Any] | None, within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_tidy(item, definitions, within) for item in node]
    if not isinstance(node, dict):
        return node
    if definitions is not None and isinstance(reference := node.get("$ref"), str):
        name = reference.rpartition("/")[2]
        if name in within:
            raise _RecursiveSchemaError
        others = {key: value for key, value in node.items() if key != "$ref"}
        return {
            **_tidy(definitions[name], definitions, (*within, name)),
            **_tidy(others, definitions, within),
        }
    found = {}
    for key, value in node.items():
        if key in _NAMED and isinstance(value, dict):
            if key != "$defs" or definitions is None:
                found[key] = {name: _tidy(item, definitions, within) for name, item in value.items()}
        elif key in _VALUES:
            if value != [] or key != "required":
                found[key] = value
        elif key != "title":
            found[key] = _tidy(value, definitions, within)
    return found


def result_codec(hint: Any, name: str) -> tuple[Codec, bool] | None:
    """What writes structured results of a type, and whether they are wrapped in an object.

    None: results of the type are content only.

    Raises:
        DeclarationError: the type cannot be described.
    """
    if not _has_schema(hint):
        return None
    codec = codec_of(hint, "write")
    return codec, _with_root(tidy(codec.schema())).get("type") != "object"


def _with_root(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose root is no reference, as that of a recursive record is."""
    from lambent.features.codecs.schemas import resolve

    return resolve(schema, schema.get("$defs", {}))


def _has_schema(hint: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _has_schema(args[0])
    if mentions(hint, *_CONTENT) or _mentions_foreign(hint):
        return False
    if origin in (list, tuple):
        return any(arg not in (Any, ...) for arg in args)
    return not any(hint is one for one in _UNKNOWN)


def _mentions_foreign(hint: Any) -> bool:
    """Whether a hint is, or consists of, a class of the protocol of another library."""
    module = getattr(hint, "__module__", None) or ""
    return module.partition(".")[0] in ("mcp", "mcp_types") or any(
        map(_mentions_foreign, typing.get_args(hint))
    )


def result_schema(codec: Codec, *, wraps: bool) -> dict[str, Any]:
    """The schema of structured results."""
    from lambent.features.codecs.schemas import admit_results

    schema = tidy(admit_results(codec.schema()))
    if not wraps:
        return _with_root(schema)
    return {"type": "object", "properties": {"result": schema}, "required": ["result"], WRAPS: True}


_HEADING = "(Args|Arguments|Parameters|Params|Returns?|Raises|Yields?|Examples?|Notes?|Warnings?|Attributes)"
_SECTION = re.compile(
    rf"^{_HEADING}:\s*$|^{_HEADING}\n-+\s*$|^:(param|returns?|raises|type|rtype)\b", re.MULTILINE
)
_GOOGLE = re.compile(r"^(?:Args|Arguments|Parameters|Params):\s*\n((?:[ \t]+.*(?:\n|$)|\n)*)", re.MULTILINE)
_NUMPY = re.compile(r"^Parameters\n-+\s*\n((?:(?!\S.*\n-+\s*$).*(?:\n|$))*)", re.MULTILINE)
_SPHINX = re.compile(r"^:param (?:[\w\[\], |.]+ )?(\w+):[ \t]*(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


def read_doc(doc: str | None) -> tuple[str | None, dict[str, str]]:
    """What a docstring says of the function, and of its parameters by name.

    Sections in the styles of Google, NumPy and Sphinx are understood; the text of the function ends where the
    first one begins.
    """
    if not doc:
        return doc, {}
    first = _SECTION.search(doc)
    if first is None:
        return doc, {}
    text = doc[: first.start()].strip() or None
    parameters: dict[str, str] = {}
    if found := _GOOGLE.search(doc):
        parameters |= _google(found[1])
    elif found := _NUMPY.search(doc):
        parameters |= _numpy(found[1])
    for name, said in _SPHINX.findall(doc):
        parameters[name] = "\n".join(line.strip() for line in said.splitlines())
    return text, parameters


def _google(block: str) -> dict[str, str]:
    lines = [line for line in block.splitlines() if line.strip()]
    if not lines:
        return {}
    indent = len(lines[0]) - len(lines[0].lstrip())
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        entry = _ENTRY.match(line.strip()) if len(line) - len(line.lstrip()) == indent else None
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name:
            found[name] += f"\n{line.strip()}"
    return found


def _numpy(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    for line in block.splitlines():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
            found |= dict.fromkeys(names, "")
        elif line.strip():
            found |= {name: f"{found[name]}\n{line.strip()}".strip() for name in names}
    return found
