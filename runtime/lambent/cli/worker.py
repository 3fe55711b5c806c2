"""`lambent worker`: tasks and deliveries of events in a process that stays, as containers have them."""

from __future__ import annotations

import logging
import os

import click

from lambent.cli.app_server import load_server, parse_server
from lambent.cli.errors import CommandError
from lambent.cli.parameters import app_argument
from lambent.errors import ConfigurationError, StoreError

_EPILOG = """\
APP is module:attribute or path/to/file.py:attribute (the attribute: mcp).

Where there is Lambda, the queues invoke a function. Elsewhere this command takes their messages: of
LAMBENT_TASK_QUEUE_URL and LAMBENT_EVENTS_QUEUE_URL, or of the queues in a Redis that LAMBENT_STORE names.
Start as many as there is work for.

At SIGTERM it takes no more. What runs may go on for LAMBENT_DRAIN_SECONDS; then it is handed over.
"""


@click.command("worker", help="Run tasks and deliver events, outside of Lambda.", epilog=_EPILOG)
@app_argument
@click.option(
    "--threads", type=click.IntRange(1, 64), default=8, metavar="N", help="Messages of a queue at a time."
)
@click.option(
    "--dead-letters",
    multiple=True,
    metavar="URL",
    help="A queue with what the others have given up; may be repeated.",
)
@click.option(
    "--schedule",
    type=click.FloatRange(0),
    default=60.0,
    metavar="SECONDS",
    help="Between looks for overdue deliveries, and checks of events; 0 for never.",
)
def command(app: str, threads: int, dead_letters: tuple[str, ...], schedule: float) -> None:
    """Work until SIGTERM or SIGINT.

    Args:
        app: Where the server is.
        threads: Messages of one queue at a time.
        dead_letters: URLs of queues.
        schedule: Seconds.

    Raises:
        CommandError: There is no server under the name, a setting cannot be used, or a Redis.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    reference = parse_server(app)
    os.chdir(reference.folder)
    server = load_server(reference)
    try:
        server.run_worker(threads=threads, dead_letters=dead_letters, schedule=schedule)
    except (ConfigurationError, StoreError) as error:
        raise CommandError(str(error)) from error
