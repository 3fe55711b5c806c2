"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from lambent.cli.errors import UsageError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def app_argument(function: _Function) -> _Function:
    """Add the argument APP, which shells complete to a file.

    Args:
        function: The command's function; it gets the text as ``app``.
    """
    return click.argument("app", metavar="APP", shell_complete=complete_file)(function)


def env_option(function: _Function) -> _Function:
    """Add the option `--env KEY=VALUE`: environment variables of the function.

    Args:
        function: The command's function; it gets the texts as ``env``, for `variables_of`.
    """
    return click.option(
        "--env",
        multiple=True,
        metavar="KEY=VALUE",
        help="Environment variable of the function; may be repeated.",
    )(function)


def variables_of(texts: Iterable[str]) -> dict[str, str]:
    """Read the values of `--env`.

    Args:
        texts: What was given.

    Returns:
        The variables; of those that are given twice the last one.

    Raises:
        UsageError: One of them is not KEY=VALUE.
    """
    return dict(_variable(text) for text in texts)


def complete_file(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Have the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--env {text!r} is not KEY=VALUE")
    return name, value
