"""The group of commands. A command is imported when it is run, and no sooner."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from click.shell_completion import CompletionItem, shell_complete

from lambent.cli.errors import CommandError

_COMMANDS: Final = {
    "init": "make a project: a server, its tests, and what deploys it",
    "stdio": "serve an MCPServer on standard input and output",
    "worker": "run tasks and deliver events, outside of Lambda",
    "card": "print, check, bundle and publish server cards",
    "dev": "serve a Lambda handler over HTTP on this machine, as AWS would",
    "build": "fill a folder with what Lambda imports, for a function or a layer",
    "deploy": "deploy an application to an AWS of this machine",
    "sizes": "show what `sam build` made, by size",
    "invoke": "run a Lambda handler once, with an event from a file",
    "keys": "make API keys",
    "call": "call a tool of an MCP server",
    "inspect": "show what an MCP server offers",
    "doctor": "find what is wrong with a deployed URL",
    "connect": "add a server to an application",
    "migrate": "move a server over from the official SDK or FastMCP",
}
"""What each command does. The module of the same name in this package has it as ``command``."""

_COMPLETION = "_LAMBENT_COMPLETE"
"""What the script of a shell asks by; see docs/cli.md."""

_INTERRUPTED = 130
_PIPE_CLOSED = 141
"""What shells show for a process that SIGINT or SIGPIPE has ended."""


class CommandGroup(click.Group):
    """Commands by the table above: its help and its completion import none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the table."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command.

        Args:
            ctx: The group's context.
            cmd_name: The name of the command.

        Returns:
            The command, or None for a name that there is not.
        """
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"lambent.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table into the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command or an option.

        Args:
            ctx: The group's context.
            incomplete: What has been typed.

        Returns:
            What fits.
        """
        names = [
            CompletionItem(name, help=summary)
            for name, summary in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for.

        Args:
            ctx: The group's context.

        Returns:
            The exit status, or None for success.
        """
        try:
            return super().invoke(ctx)
        except CommandError as error:
            print(f"lambent {ctx.invoked_subcommand}: {error}", file=sys.stderr)
            return error.status


def _print_version(ctx: click.Context, parameter: click.Parameter, given: bool) -> None:
    if not given or ctx.resilient_parsing:
        return
    import lambent

    print(f"lambent {lambent.__version__}")
    ctx.exit()


_ROOT: Final = CommandGroup(
    "lambent",
    help="MCP servers on AWS Lambda.",
    epilog="`lambent COMMAND --help` says what a command takes.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
)


def run(argv: Sequence[str] | None) -> int:
    """Run the `lambent` command.

    Args:
        argv: The arguments after the program's name; None takes them from `sys.argv`.

    Returns:
        The exit status.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if instruction := os.environ.get(_COMPLETION):
        return shell_complete(_ROOT, {}, "lambent", _COMPLETION, instruction)
    try:
        with _ROOT.make_context("lambent", arguments) as context:
            status: int | None = _ROOT.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        # What is still buffered goes nowhere: the flush at the interpreter's end must not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return status or 0
