"""Methods beyond those of the protocol, which an extension or the server itself adds (SEP-2133)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, codec_of
from lambent.features.hints import show
from lambent.features.signature import Signature

_ADVICE = "write one of a vendor's, such as com.example/search"


class CustomMethod(msgspec.Struct, frozen=True):
    """A registered method.

    Attributes:
        name: as requests have it.
        signature: of its function; the members of ``params`` are its arguments.
        output: writes its results; None where nothing is known of them.
        extension: the extension that its client must have declared, if any.
        protocol_versions: the versions of which it is a method; None: of all.
        scopes: what its caller needs.
    """

    name: str
    signature: Signature
    output: Codec | None
    extension: str | None = None
    protocol_versions: frozenset[str] | None = None
    scopes: tuple[str, ...] = ()


def make_method(
    name: str,
    signature: Signature,
    extension: str | None,
    protocol_versions: Collection[str] | None,
    scopes: tuple[str, ...],
) -> CustomMethod:
    """Make a method.

    Raises:
        DeclarationError: its name is one of the protocol's, no version has it, or its results are no objects.
    """
    from lambent.wire.eras.legacy import LegacyEra
    from lambent.wire.methods import METHODS

    if name in METHODS or name in LegacyEra.methods or name.startswith("notifications/") or not name:
        raise DeclarationError(f"{name!r} is a name of the protocol: {_ADVICE}")
    if isinstance(protocol_versions, str) or (protocol_versions is not None and not protocol_versions):
        raise DeclarationError(f"{name}: protocol_versions is a list of versions, or None for all of them")
    output = None
    if signature.returns not in (UNSET, None, type(None), Any):
        output = codec_of(signature.returns, "write")
        _check_object(name, signature.returns, output)
    versions = None if protocol_versions is None else frozenset(protocol_versions)
    return CustomMethod(name, signature, output, extension, versions, scopes)


def _check_object(name: str, hint: Any, output: Codec) -> None:
    """Refuse a type whose values are never objects, as every result is."""
    from lambent.features.codecs.schemas import admits, alternatives

    schema = output.schema()
    if not any(admits(node, "object") for node in alternatives(schema, schema.get("$defs", {}))):
        raise DeclarationError(f"{name}: a result is an object, so {show(hint)} is none: return a record")
