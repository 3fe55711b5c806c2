"""The `--env KEY=VALUE` option: environment variables of the function."""

from __future__ import annotations

import argparse

from lambent.cli.errors import UsageError


def add_env_option(parser: argparse.ArgumentParser) -> None:
    """Add the option.

    Args:
        parser: The subcommand's parser.
    """
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="environment variable of the function; may be repeated",
    )


def variables_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Read what was given.

    Args:
        arguments: The parsed arguments.

    Returns:
        The variables; of those that are given twice the last one.

    Raises:
        UsageError: One of them is not KEY=VALUE.
    """
    return dict(_variable(text) for text in arguments.env)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--env {text!r} is not KEY=VALUE")
    return name, value
