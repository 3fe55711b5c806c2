"""Tool parameters that clients mirror into headers (server/tools, "x-mcp-header"): the mark.

``features.header_params`` finds marks in schemas: loaded where a parameter has one, or tools are listed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.hints import fields_of, has_mark, records_in

KEYWORD = "x-mcp-header"


class McpHeader(msgspec.Struct, frozen=True):
    """Marks a parameter: ``region: Annotated[str, McpHeader("Region")]``.

    Clients then send its value in the header ``Mcp-Param-Region`` too, where gateways can see it. Never mark
    secrets: intermediaries read headers.
    """

    name: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Let pydantic write the annotation into its schema."""
        return {**handler(core_schema), KEYWORD: self.name}


def unreachable(mark: str) -> DeclarationError:
    """The error for a mark where clients do not look for it."""
    return DeclarationError(
        f"{KEYWORD} {mark} is not reachable through properties alone: annotate a parameter of the tool itself"
    )


def mentions_header(hint: Any) -> bool:
    """Whether a parameter's hint is marked with ``McpHeader``.

    Raises:
        DeclarationError: the mark is inside of a record, where clients do not look for it.
    """
    for record in records_in([hint]):
        for name, member in fields_of(record).items():
            if has_mark(member, McpHeader):
                raise unreachable(f"on {record.__name__}.{name}")
    return has_mark(hint, McpHeader)
