"""A server with every type of the table in every position, described by either adapter."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.features.types_page import ADAPTERS, form_with, hint_of, sent_as_text, typed
from tests.features.types_table import NEVER, ROWS, VALUES, Row

from lambent import Context, DeclarationError, MCPServer
from lambent.features.forms import form_of

ARRIVED = "arrived"
"""What a declaration says that takes the row's value and has got it; it says what it got otherwise."""

mcp = MCPServer("lambent-interop-types", version="1", compact_results=True)


class Case(NamedTuple):
    """A row that was declared in a position, and the task of a client that uses the declaration."""

    position: str
    adapter: str
    row: Row
    name: str
    task: dict[str, Any]


def tool_argument(row: Row, hint: Any, name: str) -> dict[str, Any]:
    mcp.tool(name)(_taking(row, hint))
    return {"do": "call", "name": name, "arguments": {"x": row.sent}}


def prompt_argument(row: Row, hint: Any, name: str) -> dict[str, Any]:
    mcp.prompt(name)(_taking(row, hint))
    return {"do": "prompt", "name": name, "arguments": {"x": sent_as_text(row.sent)}}


def template_variable(row: Row, hint: Any, name: str) -> dict[str, Any]:
    many = isinstance(row.sent, list)
    parts = [quote(sent_as_text(part), safe="") for part in (row.sent if many else [row.sent])]
    if parts[0].startswith("%2F"):
        raise DeclarationError("an absolute path does not get in, whatever its type")
    mcp.resource(f"template://{name}{'{/x*}' if many else '/{x}'}", name=name)(_taking(row, hint))
    return {"do": "read", "uri": "/".join([f"template://{name}", *parts])}


def form_field(row: Row, hint: Any, name: str) -> dict[str, Any]:
    # A client knows from the name of the field what to answer.
    form = form_with(name, row, hint)
    form_of(form)

    @mcp.tool(name)
    def ask(ctx: Context) -> str:
        return _told(getattr(ctx.elicit("?", form).result().data, name), row)

    return {"do": "call", "name": name, "arguments": {}}


def tool_result(row: Row, hint: Any, name: str) -> dict[str, Any]:
    mcp.tool(name)(typed(lambda: row.value, **{"return": hint}))
    return {"do": "call", "name": name, "arguments": {}}


def resource_result(row: Row, hint: Any, name: str) -> dict[str, Any]:
    mcp.resource(f"resource://{name}", name=name)(typed(lambda: row.value, **{"return": hint}))
    return {"do": "read", "uri": f"resource://{name}"}


def _taking(row: Row, hint: Any) -> Callable[..., str]:
    return typed(lambda x: _told(x, row), x=hint, **{"return": str})


def _told(value: Any, row: Row) -> str:
    return ARRIVED if value == row.value and type(value) is type(row.value) else repr(value)


POSITIONS: dict[str, Callable[[Row, Any, str], dict[str, Any]]] = {
    "argument of a tool": tool_argument,
    "of a prompt": prompt_argument,
    "of a template": template_variable,
    "field of a form": form_field,
    "result of a tool": tool_result,
    "of a resource": resource_result,
}
TEXTUAL = ("of a template", "field of a form")
"""Positions that take what fits into text or into a form."""


def _cases() -> list[Case]:
    cases = []
    for position, declare in POSITIONS.items():
        for adapter in ADAPTERS:
            for number, row in enumerate(ROWS if position in TEXTUAL else ROWS + VALUES):
                if row.value is NEVER:
                    continue
                name = f"{declare.__name__}_{adapter}_{number}"
                try:
                    task = declare(row, hint_of(row, adapter), name)
                except (DeclarationError, TypeError):
                    continue
                cases.append(Case(position, adapter, row, name, task))
    return cases


CASES = _cases()

asgi = mcp.asgi()
