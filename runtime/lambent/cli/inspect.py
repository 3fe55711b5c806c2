"""`lambent inspect`: what a server offers."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import click

from lambent.cli.client.arguments import types_of
from lambent.cli.client.failures import RefusedError
from lambent.cli.client.probe import Probe, metadata_location
from lambent.cli.client.session import Session
from lambent.cli.client.target import (
    SERVER_HELP,
    Target,
    connected,
    output_kept,
    read_target,
    server_options,
)
from lambent.cli.client.terminal import Terminal
from lambent.cli.client.text import one_line, printable
from lambent.cli.client.web import NoResponseError
from lambent.cli.errors import MissingExtraError

_EPILOG = f"""\
{SERVER_HELP}
Arguments with a question mark are optional.
"""

# The lists, each with its method and the capability of a server that has it.
_LISTS: Final = {
    "tools": ("tools/list", "tools"),
    "resources": ("resources/list", "resources"),
    "resourceTemplates": ("resources/templates/list", "resources"),
    "prompts": ("prompts/list", "prompts"),
    "events": ("events/list", "events"),
}
_EVENTS_EXTENSION: Final = "io.modelcontextprotocol/events"
_WIDTH_OF_FILES = 120

_Row = Sequence[str]


@click.command("inspect", help="Show what an MCP server offers.", epilog=_EPILOG)
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(server: str, token: str | None, headers: tuple[str, ...], timeout: float, as_json: bool) -> None:
    """Show what a server offers.

    Args:
        server: The URL, or the reference of an app.
        token: The access token.
        headers: Further headers.
        timeout: How long to wait for the server, in seconds.
        as_json: Whether to print JSON.

    Raises:
        CommandError: The server cannot be reached, or refuses.
    """
    target = read_target(server, token, headers, timeout)
    nobody = Terminal({}, can_ask=False, shows_progress=False)
    with output_kept(target) as stdout, connected(target, nobody) as session:
        found = {**_about(session), "authorization": _authorization(target)}
        for kind, (method, capability) in _LISTS.items():
            found[kind] = _listed(session, method, kind) if _has(session, capability) else []
        text = json.dumps(found, indent=2) + "\n" if as_json else _tables(found)
        stdout.write(text.encode(errors="backslashreplace"))
        stdout.flush()


def _about(session: Session) -> dict[str, Any]:
    return {
        "server": session.info,
        "protocol": session.protocol,
        "versions": session.supported,
        "capabilities": session.capabilities,
        "instructions": session.instructions,
    }


def _has(session: Session, capability: str) -> bool:
    """Whether the server has a capability; that of events is also named as an extension."""
    if capability in session.capabilities:
        return True
    extensions = session.capabilities.get("extensions")
    return capability == "events" and isinstance(extensions, dict) and _EVENTS_EXTENSION in extensions


def _listed(session: Session, method: str, kind: str) -> list[dict[str, Any]]:
    """All of a list; no events where the server shows them to callers alone whom it knows."""
    try:
        return session.list_all(method, kind)
    except RefusedError:
        if kind != "events":
            raise
        return []


def _authorization(target: Target) -> dict[str, Any] | None:
    """The metadata for clients that need a token; None where the server has none."""
    if not target.is_url:
        return None
    probe = Probe(target.server, target.timeout)
    try:
        reply = probe.send("GET", metadata_location(target.server))
    except NoResponseError:
        return None
    finally:
        probe.close()
    found = reply.json if reply.status == 200 else None
    return found if found is not None and "authorization_servers" in found else None


def _tables(found: Mapping[str, Any]) -> str:
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ModuleNotFoundError as error:
        raise MissingExtraError("rich", "showing tables") from error

    output = io.StringIO()
    is_terminal = sys.stderr.isatty()
    console = Console(file=output, width=None if is_terminal else _WIDTH_OF_FILES, highlight=False)

    def show(title: str, columns: _Row, rows: Iterable[_Row]) -> None:
        table = Table(
            title=Text(title),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_header=any(columns),
        )
        for column in columns:
            table.add_column(Text(column), overflow="fold")
        for row in rows:
            table.add_row(*[Text(cell) for cell in row])
        if table.row_count:
            console.print(table)

    show("Server", ("", ""), list(_overview(found)))
    for listing in _LISTINGS:
        show(listing.title, listing.columns, map(listing.row, found[listing.kind]))
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def _overview(found: Mapping[str, Any]) -> Iterable[_Row]:
    info = found["server"]
    yield "name", one_line(" ".join(str(info[key]) for key in ("name", "version") if info.get(key)))
    if info.get("title"):
        yield "title", one_line(info["title"])
    yield "protocol", one_line(found["protocol"])
    yield "versions", one_line(", ".join(found["versions"]))
    yield "capabilities", one_line(", ".join(_capabilities(found["capabilities"]))) or "none"
    metadata = found["authorization"]
    if metadata is not None:
        yield "tokens from", one_line(", ".join(map(str, metadata["authorization_servers"] or ())))
        if metadata.get("scopes_supported"):
            yield "scopes", one_line(" ".join(map(str, metadata["scopes_supported"])))
    if found["instructions"]:
        yield "instructions", printable(found["instructions"])


def _capabilities(capabilities: Mapping[str, Any]) -> Iterable[str]:
    for name, value in capabilities.items():
        if name == "extensions" and isinstance(value, dict):
            yield from value
            continue
        members = [key for key, on in value.items() if on] if isinstance(value, dict) else []
        yield f"{name} ({', '.join(members)})" if members else name


def _tool(tool: Mapping[str, Any]) -> _Row:
    return _name(tool), _arguments(tool.get("inputSchema")), _description(tool)


def _resource(resource: Mapping[str, Any]) -> _Row:
    return one_line(resource.get("uri")), one_line(resource.get("mimeType") or ""), _description(resource)


def _event(event: Mapping[str, Any]) -> _Row:
    modes = event.get("delivery")
    delivery = ", ".join(map(str, modes)) if isinstance(modes, list) else ""
    return _name(event), _arguments(event.get("inputSchema")), one_line(delivery), _description(event)


def _template(template: Mapping[str, Any]) -> _Row:
    return (
        one_line(template.get("uriTemplate")),
        one_line(template.get("mimeType") or ""),
        _description(template),
    )


def _prompt(prompt: Mapping[str, Any]) -> _Row:
    given = [one for one in prompt.get("arguments") or () if isinstance(one, dict)]
    names = [f"{one_line(one.get('name'))}{'' if one.get('required') else '?'}" for one in given]
    return _name(prompt), "\n".join(names), _description(prompt)


class _Listing(NamedTuple):
    """One of the tables: its items, and the row of each."""

    title: str
    kind: str
    columns: _Row
    row: Callable[[Mapping[str, Any]], _Row]


_LISTINGS: Final = (
    _Listing("Tools", "tools", ("name", "arguments", "description"), _tool),
    _Listing("Resources", "resources", ("uri", "type", "description"), _resource),
    _Listing("Resource templates", "resourceTemplates", ("uri template", "type", "description"), _template),
    _Listing("Prompts", "prompts", ("name", "arguments", "description"), _prompt),
    _Listing("Events", "events", ("name", "arguments", "delivery", "description"), _event),
)


def _name(item: Mapping[str, Any]) -> str:
    return one_line(item.get("name"))


def _description(item: Mapping[str, Any]) -> str:
    return printable(item.get("description") or item.get("title") or "").strip()


def _arguments(schema: Any) -> str:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return ""
    required = schema.get("required") or ()
    return "\n".join(
        f"{one_line(name)}{'' if name in required else '?'}: "
        + one_line(" or ".join(sorted(types_of(one, schema))) or "any")
        for name, one in properties.items()
    )
