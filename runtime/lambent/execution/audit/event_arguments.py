"""What calls ask for that concern events: not the secret of an endpoint, and of its URL the origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from lambent.execution.rounds.digests import decode_exactly
from lambent.features.catalog import Catalog
from lambent.features.codecs.schemas import resolve, subschemas

URL = "delivery.url"
"""The name under which a record has where deliveries go."""


class _Delivery(msgspec.Struct):
    url: str = ""


class _Params(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"{}")
    delivery: _Delivery | None = None


def asked_of(
    catalog: Catalog, params: Raw
) -> tuple[str | None, Mapping[str, Any] | Raw | None, frozenset[str]]:
    """The event type, the arguments, and the names of those that may be shown.

    An argument whose type is or holds a secret may not be, nor one that the event type does not have.
    """
    try:
        read = msgspec.json.decode(params, type=_Params)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None, None, frozenset()
    event = catalog.events.get(read.name)
    schema = {} if event is None else event.definition.input_schema
    names = {
        name
        for name, prop in schema.get("properties", {}).items()
        if not _holds_secret(prop, schema.get("$defs", {}))
    }
    if read.delivery is None:
        return read.name, read.arguments, frozenset(names)
    try:
        members = decode_exactly(read.arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        members = None
    if not isinstance(members, dict):
        return read.name, read.arguments, frozenset(names)
    told = {**members, URL: _origin_of(read.delivery.url)}
    return read.name, told, frozenset({*names, URL})


def _origin_of(url: str) -> str:
    """Where a URL leads: paths and queries of endpoints may be what lets in."""
    try:
        target = urlsplit(url)
        host, port = target.hostname or "", target.port
    except ValueError:
        return ""
    return f"{target.scheme}://{host}" + (f":{port}" if port is not None else "")


def _holds_secret(schema: dict[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Whether a value of a schema is a secret, or has one inside."""
    todo, seen = [schema], set[int]()
    while todo:
        for part in subschemas(todo.pop()):
            if part.get("writeOnly") or part.get("format") == "password":
                return True
            if "$ref" in part and id(target := resolve(part, definitions)) not in seen:
                seen.add(id(target))
                todo.append(target)
    return False
