"""What `lambent doctor` says of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lambent.cli.client.checks import modern_request
from lambent.cli.client.findings import Finding
from lambent.cli.client.probe import Probe, Reply
from lambent.cli.client.target import Target

_DOCUMENT: Final = "See docs/webhooks.md, what to set."


def check_events(probe: Probe, target: Target, discovered: Reply) -> Iterator[Finding]:
    """Look at how events are delivered; nothing is said of a server that has none.

    Args:
        probe: Sends the requests.
        target: The server.
        discovered: Its answer to `server/discover`.
    """
    capabilities = _result(discovered).get("capabilities")
    if not isinstance(capabilities, dict) or "events" not in capabilities:
        return
    headers, body = modern_request("events/list")
    reply = probe.send("POST", target.server, {**headers, **target.headers}, body)
    listed = _result(reply).get("events")
    if not isinstance(listed, list):
        error = (reply.json or {}).get("error")
        said = error.get("message") if isinstance(error, dict) else reply.status
        yield Finding("note", "events", f"events/list is answered by: {said}", _advice(target))
        return
    modes = {mode for one in listed if isinstance(one, dict) for mode in one.get("delivery") or ()}
    text = f"event types: {len(listed)}, by {', '.join(sorted(map(str, modes))) or 'nothing'}"
    if "webhook" in modes:
        yield Finding("ok", "events", text)
        return
    yield Finding("note", "events", f"{text}: applications such as ChatGPT want webhooks", _advice(target))


def _advice(target: Target) -> str:
    return _DOCUMENT if target.headers else f"Only callers that are identified may subscribe. {_DOCUMENT}"


def _result(reply: Reply) -> Mapping[str, Any]:
    """The result in a response; empty where there is none."""
    result = (reply.json or {}).get("result")
    return result if isinstance(result, dict) else {}
