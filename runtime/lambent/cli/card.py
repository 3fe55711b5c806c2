"""`lambent card`: print, check, bundle and publish the documents by which servers are found."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lambent.cli.app_server import load_server, parse_server
from lambent.cli.errors import CommandError, MissingExtraError, UsageError
from lambent.cli.parameters import complete_file
from lambent.errors import ConfigurationError, StoreError
from lambent.features.summary import summarize
from lambent.wire.discovery_documents import Document, make_documents, skill_name
from lambent.wire.discovery_paths import CARD_SUFFIX
from lambent.wire.server_card import ServerSummary, problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.features.catalog import Catalog

_EPILOG = """\
APP is module:attribute or path/to/file.py:attribute (the attribute: mcp), PATH is the path of its endpoint
(/mcp). Several are documented together.
"""

_DEFAULT_PATH = "/mcp"
_LOAD_SECONDS = 120


@click.command("card", help="Print, check, bundle and publish server cards.", epilog=_EPILOG)
@click.argument("apps", metavar="APP[=PATH]...", nargs=-1, required=True, shell_complete=complete_file)
@click.option("--url", help="The public URL of the servers, such as https://mcp.example.com.")
@click.option(
    "--document",
    metavar="PATH",
    help="Which document to print, such as /.well-known/ai-catalog.json; default: the server cards.",
)
@click.option("--check", is_flag=True, help="Fail where the cards could not be published.")
@click.option(
    "--bundle", metavar="FILE", shell_complete=complete_file, help="Write the file that LAMBENT_CARDS names."
)
@click.option("--publish", metavar="BUCKET", help="Put all documents into an S3 bucket.")
@click.option("--agentcore", is_flag=True, help="Print the tool schema for a target of AgentCore Gateway.")
# For the processes that this command starts.
@click.option("--summary", is_flag=True, hidden=True)
def command(
    apps: tuple[str, ...],
    url: str | None,
    document: str | None,
    check: bool,
    bundle: str | None,
    publish: str | None,
    agentcore: bool,
    summary: bool,
) -> int:
    """Do what the arguments ask for.

    Args:
        apps: Where the servers are, and the paths of their endpoints.
        url: Their public URL.
        document: Which document to print.
        check: Whether to look for problems.
        bundle: The file to write all documents to.
        publish: The bucket to put them into.
        agentcore: Whether to print the tool schema for a gateway instead.
        summary: Whether to write the summary of the first server only, for another process.

    Returns:
        The exit status: 1 where `--check` or `--publish` found a problem, or a gateway cannot have a tool.

    Raises:
        CommandError: There is no server under a name, or the documents could not be written.
    """
    servers = [_app_and_path(text) for text in apps]
    if agentcore:
        if len(servers) > 1 or url or document or check or bundle or publish:
            raise UsageError("--agentcore takes one app, and no other option")
        return _print_tool_schema(servers[0][0])
    if summary:
        sys.stdout.buffer.write(msgspec.json.encode(_summarize(*servers[0])))
        return 0
    summaries = [_summarize(*servers[0])] if len(servers) == 1 else _summarize_apart(servers)
    public_url = _checked_url(url)
    _no_duplicates(summaries)
    if (check or publish) and not _passes(summaries, public_url):
        return 1
    if bundle:
        _write(Path(bundle), msgspec.json.encode(summaries))
    documents = make_documents(summaries, public_url)
    if publish:
        _publish(publish, documents)
    if document or not (bundle or publish):
        _print(_chosen(document, summaries, documents))
    return 0


def _app_and_path(text: str) -> tuple[str, str]:
    app, _, path = text.partition("=")
    path = path or _DEFAULT_PATH
    if not path.startswith("/"):
        raise UsageError(f"{text}: the path {path!r} has to start with a slash")
    return app, path.rstrip("/")


def _summarize(text: str, path: str) -> ServerSummary:
    return summarize(_catalog(text), path)


def _catalog(text: str) -> Catalog:
    # Output of the import must not get into a document.
    with contextlib.redirect_stdout(sys.stderr):
        return load_server(parse_server(text)).freeze()


def _print_tool_schema(text: str) -> int:
    from lambent.cli.agentcore_schema import ToolSchema

    schema = ToolSchema(_catalog(text).tools.values())
    for tool, notes in schema.notes.items():
        for note in notes:
            print(f"lambent card: {tool}: {note}", file=sys.stderr)
    for tool, reason in schema.refused.items():
        print(f"lambent card: {tool} is left out: {reason}", file=sys.stderr)
    print(json.dumps(schema.definitions, indent=2, ensure_ascii=False))
    return 1 if schema.refused else 0


def _summarize_apart(apps: Sequence[tuple[str, str]]) -> list[ServerSummary]:
    """Summarize several at once, each in a process of its own: their modules share names."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        encoded = list(threads.map(_summarize_in_a_process, *zip(*apps, strict=True)))
    # On one thread: msgspec may crash where several threads decode a type for the first time at once.
    return [msgspec.json.decode(summary, type=ServerSummary) for summary in encoded]


def _summarize_in_a_process(app: str, path: str) -> bytes:
    command = [sys.executable, "-m", "lambent.cli", "card", "--summary", f"{app}={path}"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_LOAD_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{app} is not loaded after {_LOAD_SECONDS} seconds") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise CommandError(lines[-1].removeprefix("lambent card: ") if lines else f"{app} cannot be loaded")
    return done.stdout


def _checked_url(url: str | None) -> str | None:
    from lambent.hosts.settings import Settings

    given = {"LAMBENT_PUBLIC_URL": os.environ.get("LAMBENT_PUBLIC_URL", "") if url is None else url}
    try:
        return Settings.from_env(given).public_url
    except ConfigurationError as error:
        raise UsageError(str(error).replace("LAMBENT_PUBLIC_URL", "--url")) from error


def _no_duplicates(summaries: Sequence[ServerSummary]) -> None:
    for what, values in {
        "path": [summary.path for summary in summaries],
        "name": [skill_name(summary) for summary in summaries],
    }.items():
        if twice := {value for value in values if values.count(value) > 1}:
            raise UsageError(f"two servers have the {what} {min(twice)!r}")


def _passes(summaries: Sequence[ServerSummary], url: str | None) -> bool:
    found = [f"{one.info.name}: {problem}" for one in summaries for problem in problems(one, url)]
    for problem in found:
        print(f"lambent card: {problem}", file=sys.stderr)
    return not found


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error


def _publish(bucket: str, documents: Mapping[str, Document]) -> None:
    try:
        import boto3  # noqa: F401 - the store imports it
    except ImportError as error:
        raise MissingExtraError("boto3", "publishing") from error
    from lambent.stores.cards import PREFIX, CardBucket

    try:
        CardBucket(bucket).publish(documents)
    except StoreError as error:
        raise CommandError(f"nothing more was published: {error}") from error
    for path, document in documents.items():
        print(f"s3://{bucket}/{PREFIX}{path}  {document.etag}")


def _chosen(
    path: str | None, summaries: Sequence[ServerSummary], documents: Mapping[str, Document]
) -> list[Document]:
    if path is None:
        return [documents[summary.path + CARD_SUFFIX] for summary in summaries]
    if path not in documents:
        raise UsageError(f"there is no document {path}; there are: {', '.join(sorted(documents))}")
    return [documents[path]]


def _print(chosen: Sequence[Document]) -> None:
    for document in chosen:
        text = document.body.decode()
        is_json = not document.media_type.startswith("text/")
        print(json.dumps(json.loads(text), indent=2, ensure_ascii=False) if is_json else text)
