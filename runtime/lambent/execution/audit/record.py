"""Audit records, and their JSON: one line of ASCII, of bounded size."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.execution.log_records import one_line

MAX_TEXT = 256
"""Characters of a text that a client has sent."""

MAX_NAME = 1024
"""Characters of the name of a tool or a prompt, or of a URI."""

DEFAULT_LIMIT = 200 * 1024
"""Bytes of a record: what a line of a Lambda log and an event of EventBridge can hold."""

_MARK_BYTES = 64


class AuditPrincipal(msgspec.Struct, frozen=True):
    """Who called, as the token or the platform said; see ``Principal``."""

    subject: str
    issuer: str


class AuditClient(msgspec.Struct, frozen=True, omit_defaults=True):
    """What called.

    Attributes:
        id: the OAuth client, as the issuer knows it.
        name: what the client says it is: unverified.
        version: as the name.
    """

    id: str = ""
    name: str = ""
    version: str = ""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an audit says of one call; what is not known is left out of its JSON.

    Attributes:
        time: when the call began, ISO 8601 in UTC.
        server: the server's name.
        call_id: shared by the rounds of a call, by the attempts of the task that it became, and by calls with
            one idempotency key.
        method: the JSON-RPC method; None where the caller was refused before the body was read.
        name: the tool, the prompt, the resource, or the template that the URI fits.
        outcome: ``ok``, ``tool_error``, ``input_required``, ``task_created``, ``denied`` (401, 403),
            ``limited`` (429), ``cancelled`` (the client is gone), ``error``; of attempts at a task also
            ``retried`` and ``interrupted``; ``not_ready`` where a stream was resumed too early.
        code: of the JSON-RPC error.
        status: of the HTTP response; where there is none, what it would have been; None where an attempt has
            no outcome yet.
        duration_ms: milliseconds from the first middleware to the outcome.
        principal: who called; None where nobody is identified.
        client: what called; None where nothing is known of it.
        client_address: see ``Request``.
        request_id: of the JSON-RPC request; each round has its own.
        aws_request_id: of Lambda's invocation.
        traceparent: the W3C context in ``_meta``.
        xray_trace: the header of X-Ray.
        round: counts the requests of one call, from 1.
        attempt: counts the attempts at a task, from 1; from the start again after progress.
        task: a digest of the task's id, in the records of the call that made it, of its attempts, and of the
            requests that name it.
        arguments: JSON; a string where it is a digest, could not be read, or was cut.
    """

    time: str
    server: str
    call_id: str
    method: str | None = None
    name: str | None = None
    outcome: str
    code: int | None = None
    status: int | None = None
    duration_ms: float
    principal: AuditPrincipal | None = None
    client: AuditClient | None = None
    client_address: str | None = None
    request_id: str | int | None = None
    aws_request_id: str | None = None
    traceparent: str | None = None
    xray_trace: str | None = None
    round: int | None = None
    attempt: int | None = None
    task: str | None = None
    arguments: Raw | UnsetType = UNSET

    def to_json(self, limit: int = DEFAULT_LIMIT) -> str:
        """The record as one line of ASCII; arguments that make it longer than the limit are cut.

        Args:
            limit: bytes.
        """
        text = to_ascii_json(self)
        if len(text) <= limit or isinstance(self.arguments, UnsetType):
            return text
        whole = to_ascii_json(self.arguments)
        rest = limit - (len(text) - len(whole)) - _MARK_BYTES
        kept = whole[: max(0, rest) // 2]  # in a string, quotes and backslashes take two
        mark = f"{kept} [cut, {len(whole)} bytes]"
        return to_ascii_json(msgspec.structs.replace(self, arguments=json_of(mark)))


def to_ascii_json(value: Any) -> str:
    """JSON in which every character but printable ASCII is escaped, so that it is one line everywhere."""
    return in_ascii(msgspec.json.encode(value).decode())


def in_ascii(text: str) -> str:
    """JSON without white space, with every character but printable ASCII escaped: they are in strings."""
    return text if text.isascii() and text.isprintable() else re.sub(r"[^\x20-\x7e]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def json_of(text: str) -> Raw:
    """A text as JSON."""
    return Raw(msgspec.json.encode(text))


def shown(text: Any, limit: int = MAX_TEXT) -> str:
    """A text that a client or a token has brought, as a record may have it: one line, cut; else empty."""
    if not isinstance(text, str):
        return ""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return one_line(cut)


def iso_time(seconds: float) -> str:
    """A time in seconds since the epoch in ISO 8601, UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
