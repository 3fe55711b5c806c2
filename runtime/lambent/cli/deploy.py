"""`lambent deploy --local`: an application on an AWS of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from lambent.cli.errors import UsageError
from lambent.cli.local_aws.interpreter import is_prepared, prepare, runtime_version
from lambent.cli.local_aws.sam import Deployed, local_url, require_sam
from lambent.cli.local_aws.session import LocalSession
from lambent.cli.local_aws.template import read_template
from lambent.cli.parameters import complete_file

_EPILOG = """\
sam builds the application into .aws-sam/local and deploys it to MiniStack: CloudFormation, functions with
their roles, URLs, APIs, tables, queues. Parameters of the template are those of [local.deploy.parameters] in
samconfig.toml, and --parameter. Outputs are printed, one "Name VALUE" a line, URLs as they are reached on
this machine, and served until Ctrl-C; nothing is kept. What the functions print and log goes to standard
error, and MiniStack's own log to .aws-sam/local/ministack.log. The first time, an environment with Lambda's
Python is made in the user's cache folder, from PyPI.
"""

_LOG_SECONDS: Final = 0.5
"""How often the logs of functions are read."""


@click.command("deploy", help="Deploy an application to an AWS of this machine.", epilog=_EPILOG)
@click.option("--local", is_flag=True, help="To this machine: needed, as `sam deploy` is for AWS.")
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    default=Path("template.yaml"),
    show_default=True,
    shell_complete=complete_file,
    help="The SAM template.",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the template; may be repeated.",
)
def command(local: bool, template: Path, parameters: tuple[str, ...]) -> int:
    """Do what the arguments ask for.

    Args:
        local: Whether to deploy to this machine.
        template: The template.
        parameters: Of the template.

    Returns:
        The exit status: 1 if MiniStack ends by itself.

    Raises:
        UsageError: It is not said that it is for this machine, or a parameter has no name.
        CommandError: Something is missing, or the application cannot be deployed.
    """
    if not local:
        raise UsageError("say --local; `sam build && sam deploy` deploys to AWS")
    require_sam()
    template = template.resolve()
    version = runtime_version(read_template(template))
    values = {**_settings(template.parent), **dict(map(_parameter, parameters))}
    if not is_prepared(version):
        click.echo(f"Making an environment with Python {version} for functions, once …", err=True)
    interpreter = prepare(version)
    folder = template.parent / ".aws-sam" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    with LocalSession(interpreter, folder / "ministack.log") as session:
        click.echo("Building …", err=True)
        built = session.build(template, folder / "build")
        click.echo("Deploying …", err=True)
        deployed = session.deploy(built, "local", values)
        _show(deployed, session.endpoint)
        return asyncio.run(_serve(session))


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--parameter {text!r} is not NAME=VALUE")
    return name, value


def _settings(folder: Path) -> Mapping[str, str]:
    """The parameters that samconfig.toml has for `local`."""
    try:
        document: dict[str, Any] = tomllib.loads((folder / "samconfig.toml").read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise UsageError(f"{folder / 'samconfig.toml'} cannot be read: {error}") from error
    found = document.get("local", {}).get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    return dict(map(_parameter, found.split() if isinstance(found, str) else found))


def _show(deployed: Deployed, endpoint: str) -> None:
    for name, value in deployed.outputs.items():
        click.echo(f"{name} {local_url(endpoint, value) or value}")
    click.echo("Serving until Ctrl-C.")


async def _serve(session: LocalSession) -> int:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    ended, asked = asyncio.ensure_future(session.ended()), asyncio.ensure_future(stopped.wait())
    logs = asyncio.ensure_future(_show_logs(session))
    await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
    logs.cancel()
    if asked.done():
        ended.cancel()
        return 0
    click.echo(f"lambent deploy: the local AWS has ended: {await ended}", err=True)
    asked.cancel()
    return 1


async def _show_logs(session: LocalSession) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    from lambent.cli.local_aws.function_logs import FunctionLogs

    logs = FunctionLogs(session.client("logs"))
    while True:
        await asyncio.sleep(_LOG_SECONDS)
        # Without an answer the local AWS is ending, which is told elsewhere.
        with contextlib.suppress(BotoCoreError, ClientError):
            for line in await asyncio.to_thread(logs.take):
                click.echo(line, err=True)
