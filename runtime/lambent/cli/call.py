"""`lambent call`: a tool of any MCP server, from the command line."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from lambent.cli.client.arguments import read_arguments
from lambent.cli.client.output import print_result
from lambent.cli.client.session import Session
from lambent.cli.client.target import SERVER_HELP, connected, output_kept, read_target, server_options
from lambent.cli.client.terminal import Terminal, at_terminal
from lambent.cli.client.text import one_line
from lambent.cli.errors import UsageError

_EPILOG = f"""\
{SERVER_HELP}
Arguments are typed by the tool's schema: a=2 is a number for a tool that takes one, and tags='["x"]' a list.

Questions of the tool are asked in the terminal. Where there is none, --answer fills the fields of its forms,
and --respond accepts or declines what --answer does not fill.

The exit status is 0 for a result, 1 for a tool that reports an error, 2 for arguments that are not valid, 3
where the server cannot be reached or refuses the call, 4 for a question that nobody answers.
"""


@click.command("call", help="Call a tool of an MCP server.", epilog=_EPILOG)
@server_options
@click.argument("tool", metavar="TOOL")
@click.argument("words", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--args", "given", metavar="JSON", help="Arguments as a JSON object.")
@click.option(
    "--answer", "answers", multiple=True, metavar="NAME=VALUE", help="A form field; may be repeated."
)
@click.option(
    "--respond",
    "response",
    type=click.Choice(["accept", "decline", "cancel"]),
    help="The response to other questions, instead of asking; an accepted form has its defaults.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def command(
    server: str,
    token: str | None,
    headers: tuple[str, ...],
    timeout: float,
    tool: str,
    words: tuple[str, ...],
    given: str | None,
    answers: tuple[str, ...],
    response: str | None,
    as_json: bool,
) -> int:
    """Call a tool.

    Args:
        server: The URL, or the reference of an app.
        token: The access token.
        headers: Further headers.
        timeout: How long to wait for the server, in seconds.
        tool: The name of the tool.
        words: Its arguments, as name=value.
        given: Its arguments, as a JSON object.
        answers: Answers to forms, as name=value.
        response: What other questions are responded to with: accept, decline or cancel; None to ask.
        as_json: Whether to print the whole result.

    Returns:
        The exit status: 1 for a tool that reports an error.

    Raises:
        CommandError: The call cannot be made, or is refused.
    """
    target = read_target(server, token, headers, timeout)
    terminal = Terminal(
        dict(map(_pair, answers)),
        can_ask=at_terminal(),
        response=response,
        shows_progress=sys.stderr.isatty() and not as_json,
    )
    with output_kept(target) as stdout, connected(target, terminal) as session:
        found = _find(session, tool)
        schema = found.get("inputSchema")
        arguments = read_arguments(words, given, schema if isinstance(schema, dict) else {})
        try:
            result = session.call_tool(found, arguments)
        finally:
            terminal.close()
        if as_json:
            stdout.write(json.dumps(result, indent=2).encode() + b"\n")
            stdout.flush()
        else:
            print_result(result, stdout)
    return 1 if result.get("isError") is True else 0


def _find(session: Session, name: str) -> dict[str, Any]:
    tools = session.list_all("tools/list", "tools")
    for tool in tools:
        if tool.get("name") == name:
            return tool
    names = [str(tool.get("name")) for tool in tools]
    raise UsageError(f"there is no tool {one_line(name)}; {_instead(name, names)}")


def _instead(name: str, names: Iterable[str]) -> str:
    names = list(names)
    if close := difflib.get_close_matches(name, names, 1):
        return f"do you mean {one_line(close[0])}?"
    return f"there are: {', '.join(map(one_line, names)) or 'none'}"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--answer {text!r} is not NAME=VALUE")
    return name, value
