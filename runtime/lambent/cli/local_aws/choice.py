"""Whether an app runs with a local AWS, and with which resources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambent.cli.app_ref import AppRef
from lambent.cli.errors import CommandError
from lambent.cli.gateway.launch import STATE_KEYS, STATE_SECRET
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.options import OWN_AWS
from lambent.cli.local_aws.emulator import require_ministack
from lambent.cli.local_aws.stack import VARIABLES, Stack, find_template, read_stack


def choose_stack(
    app: AppRef,
    asked: bool | None,
    template: Path | None,
    variables: Mapping[str, str],
    log: Log,
) -> Stack | None:
    """Decide which resources of a template an app needs on this machine.

    Args:
        app: The app.
        asked: Whether the developer asks for a local AWS; None where the template decides, by giving a table,
            a queue or a bucket to a function of the app.
        template: The template; None looks for one beside and above the app. Where there is none, a local AWS
            that is asked for has a table, a queue and a bucket of its own.
        variables: The environment variables of the function.
        log: Where it is noted that there is no local AWS although the template needs one.

    Returns:
        The resources; None for no local AWS.

    Raises:
        CommandError: It was asked for and is not available.
    """
    if asked is False:
        return None
    # Only one of the two may be set.
    excluded = {STATE_SECRET} if variables.get(STATE_KEYS) else set()
    path = template or find_template(app.folder)
    if asked or template is not None:
        require_ministack()
        if path is None:
            from lambent.cli.local_aws.own_stack import own_stack

            return own_stack()
        stack = read_stack(path, app, any_function=True, excluded=excluded)
        if stack is None:
            raise CommandError(f"no function in {path} has {' or '.join(VARIABLES)} in its environment")
        return stack
    if path is None or any(variables.get(name) for name in OWN_AWS):
        return None
    try:
        stack = read_stack(path, app, excluded=excluded)
        if stack is not None:
            require_ministack()
    except CommandError as error:
        log.note(f"local AWS is off: {error}")
        return None
    return stack
