"""`lambent doctor`: what is wrong with a deployed URL, a template before it is deployed, or a Redis."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from lambent.cli.client.auth_checks import check_authorization
from lambent.cli.client.checks import (
    check_address,
    check_cards,
    check_preflight,
    check_status,
    check_times,
    check_versions,
    initialize_request,
    modern_request,
    preflight,
    unreachable,
)
from lambent.cli.client.event_checks import check_events
from lambent.cli.client.findings import Finding
from lambent.cli.client.probe import Probe
from lambent.cli.client.target import Target, optional_server_options, read_target
from lambent.cli.client.text import one_line
from lambent.cli.client.web import NoResponseError
from lambent.cli.errors import UsageError
from lambent.wire.discovery_paths import CARD_SUFFIX

_EPILOG = """\
SERVER is a URL, or the template of an application (template.yaml): there it looks whether functions stream
where their front ends do. --store looks at a Redis or Valkey, in place of SERVER or beside it; without a
URL at that which LAMBENT_STORE names, so that the password is in no list of processes.

Each line says what was looked at and what was found; below it stands what to do.

The exit status is 1 if something is wrong.
"""
_TEMPLATES = (".yaml", ".yml", ".json", ".template")
_LOCAL_PAGE = "http://localhost:6274"
"""The page of the MCP Inspector."""


@click.command(
    "doctor", help="Find what is wrong with a deployed URL, a template or a Redis.", epilog=_EPILOG
)
@optional_server_options
@click.option(
    "--origin", metavar="ORIGIN", help="A page that has to be allowed, such as https://app.example.com."
)
@click.option(
    "--store",
    is_flag=False,
    flag_value="",
    metavar="[URL]",
    help="Look at a Redis: redis://… or rediss://…; default: LAMBENT_STORE.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(
    server: str | None,
    token: str | None,
    headers: tuple[str, ...],
    timeout: float,
    origin: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Look at a URL, at a template, or at a Redis.

    Args:
        server: The URL, or the file of the template; None for neither.
        token: The access token, for what is behind it.
        headers: Further headers.
        timeout: How long to wait for each response, in seconds.
        origin: A page that has to be allowed.
        store: The URL of a Redis; empty for that of the environment, None for none.
        as_json: Whether to print JSON.

    Returns:
        The exit status: 1 if something is wrong.

    Raises:
        UsageError: The server is neither of them, or nothing is named.
        TemplateError: The template cannot be read.
    """
    if server is None and store is None:
        raise UsageError("name a SERVER, or a Redis with --store")
    parts: list[Iterator[Finding]] = []
    if server is not None:
        parts.append(_examine_any(read_target(server, token, headers, timeout), origin))
    if store is not None:
        # Loaded where a Redis is looked at.
        from lambent.cli.client.store_checks import check_store

        parts.append(check_store(_store_of(store)))
    findings = []
    for finding in itertools.chain.from_iterable(parts):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    return 1 if any(finding.level == "wrong" for finding in findings) else 0


def _store_of(given: str) -> str:
    url = given or os.environ.get("LAMBENT_STORE", "").strip()
    if not url:
        raise UsageError("--store: give a URL, or set LAMBENT_STORE")
    return url


def _examine_any(target: Target, origin: str | None) -> Iterator[Finding]:
    if not target.is_url and target.server.endswith(_TEMPLATES):
        # They read YAML, which is not installed for every command.
        from lambent.cli.local_aws.template import read_template
        from lambent.cli.templates.streams import check_streams

        yield from check_streams(read_template(Path(target.server)))
        return
    if not target.is_url:
        raise UsageError(
            f"{target.server} is no URL, and no template: an app of this machine is started by `lambent dev`"
        )
    probe = Probe(target.server, target.timeout)
    try:
        yield from examine(probe, target, origin)
    finally:
        probe.close()


def examine(probe: Probe, target: Target, origin: str | None) -> Iterator[Finding]:
    """Look at everything, one thing after another; what cannot be reached ends it.

    Args:
        probe: Sends the requests.
        target: The server.
        origin: A page that has to be allowed; None for none.
    """
    url = target.server
    yield from check_address(url)
    headers, body = modern_request()
    try:
        first = probe.send("POST", url, headers, body)
        second = probe.send("POST", url, headers, body)
        status = list(check_status(url, first))
        yield from status
        if any(finding.level == "wrong" for finding in status):
            return
        yield from check_times(first.seconds, second.seconds)
        yield from check_authorization(probe, url, first)
        yield from _check_behind_token(probe, target, is_refused=first.status == 401)
        yield from check_preflight(
            preflight(probe, url, origin or _LOCAL_PAGE), origin or _LOCAL_PAGE, is_asked=origin is not None
        )
        yield from check_cards(url, probe.send("GET", url.rstrip("/") + CARD_SUFFIX))
    except NoResponseError as error:
        yield unreachable(error)


def _check_behind_token(probe: Probe, target: Target, *, is_refused: bool) -> Iterator[Finding]:
    """What only those see who may call."""
    if is_refused and not target.headers:
        yield Finding("note", "versions", "not looked at: a token is needed", "Give one with --token.")
        return
    headers, body = modern_request()
    discovered = probe.send("POST", target.server, {**headers, **target.headers}, body)
    if discovered.status in (401, 403):
        challenge = one_line(discovered.challenge)
        yield Finding(
            "wrong",
            "token",
            f"the token is refused with {discovered.status}: {challenge}",
            "See docs/auth.md.",
        )
        return
    headers, body = initialize_request()
    yield from check_versions(
        discovered, probe.send("POST", target.server, {**headers, **target.headers}, body)
    )
    yield from check_events(probe, target, discovered)


def _print(finding: Finding) -> None:
    color = {"ok": "green", "note": "yellow", "wrong": "red"}[finding.level]
    mark = click.style(f"{finding.level:5}", fg=color)
    click.echo(f"{mark}  {finding.subject}: {one_line(finding.text)}")
    if finding.advice:
        click.echo(f"       {finding.advice}")
