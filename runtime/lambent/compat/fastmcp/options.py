"""Arguments of ``FastMCP`` beyond those of version 4: what they are here, or why they are refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from lambent.compat.fastmcp.context import PAGE
from lambent.compat.fastmcp.replaced import REMOVED, UNUSED
from lambent.compat.settings import ServerSettings
from lambent.errors import DeclarationError

_KEPT = (
    "debug", "dependencies", "host", "json_response", "log_level", "message_path", "port", "sse_path",
    "stateless_http", "streamable_http_path",
)  # fmt: skip
"""Those that ``ServerSettings`` keeps."""


class Older(msgspec.Struct, frozen=True):
    """Arguments of FastMCP 2.

    Attributes:
        settings: for ``run`` and ``http_app``.
        on_duplicate: what a second feature of one name does.
        serializer: makes the texts of results.
        include_tags: all others are switched off.
        exclude_tags: switched off.
    """

    settings: ServerSettings
    on_duplicate: str | None
    serializer: Any
    include_tags: Collection[str] | None
    exclude_tags: Collection[str] | None


def take(options: dict[str, Any], on_duplicate: str | None) -> Older:
    """Take what is of FastMCP out of further arguments; what is left is of ``lambent``.

    Raises:
        DeclarationError: an argument cannot have an effect here.
        ValueError: ``on_duplicate`` is none of its words.
    """
    for argument in UNUSED.keys() & options.keys():
        del options[argument]
    for argument in REMOVED.keys() & options.keys():
        if options.pop(argument):
            raise DeclarationError(f"FastMCP({argument}=…): {REMOVED[argument]} ({PAGE})")
    for kind in ("tools", "resources", "prompts"):
        on_duplicate = on_duplicate or options.pop(f"on_duplicate_{kind}", None)
        options.pop(f"on_duplicate_{kind}", None)
    if on_duplicate not in (None, "warn", "replace", "ignore", "error"):
        raise ValueError(f"on_duplicate cannot be {on_duplicate!r}")
    return Older(
        settings=ServerSettings(**{name: options.pop(name) for name in _KEPT if name in options}),
        on_duplicate=on_duplicate,
        serializer=options.pop("tool_serializer", None),
        include_tags=options.pop("include_tags", None),
        exclude_tags=options.pop("exclude_tags", None),
    )
