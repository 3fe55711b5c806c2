"""The checks of `lambent doctor` that are about tokens: the challenge, and the metadata that it leads to."""

from __future__ import annotations

from collections.abc import Iterator

from lambent.cli.client.findings import Finding
from lambent.cli.client.probe import (
    CHALLENGE,
    RENAMED_CHALLENGE,
    Probe,
    Reply,
    metadata_location,
    metadata_of_challenge,
)
from lambent.cli.client.web import NoResponseError


def check_authorization(probe: Probe, url: str, reply: Reply) -> Iterator[Finding]:
    """Look at how callers without a token are refused, and whether they learn where to get one.

    Args:
        probe: Sends further requests.
        url: The URL of the endpoint.
        reply: To a request without a token.
    """
    if reply.status != 401:
        if reply.status < 300:
            yield Finding("note", "callers", "everybody may call: no token is asked for")
        return
    yield from _check_challenge(reply)
    named = metadata_of_challenge(reply.challenge)
    at_root = metadata_location(url)
    found = _metadata(probe, named or at_root)
    if found is None:
        yield Finding(
            "wrong",
            "metadata",
            f"there is no resource metadata at {named or at_root}",
            "Route this path to the server too; behind a stage set LAMBENT_PUBLIC_URL, or use a "
            "custom domain.",
        )
        return
    resource = found.get("resource")
    if resource != url.rstrip("/") and resource != url:
        yield Finding(
            "wrong",
            "metadata",
            f"`resource` is {resource}, and not the URL",
            "Set LAMBENT_PUBLIC_URL: clients refuse metadata of another resource (RFC 9728, section 3.3).",
        )
    issuers = found.get("authorization_servers")
    if not isinstance(issuers, list) or not issuers:
        yield Finding("wrong", "metadata", "it names no issuer", "Set LAMBENT_AUTH_ISSUER.")
    elif resource in (url, url.rstrip("/")):
        yield Finding("ok", "metadata", f"tokens are issued by {', '.join(map(str, issuers))}")
    if named is not None and named != at_root and CHALLENGE not in reply.headers:
        root = _metadata(probe, at_root)
        if root is None:
            yield Finding(
                "wrong",
                "stage",
                f"clients that cannot read the challenge look at {at_root}, where there is no metadata",
                "Use a custom domain without a path in front of the API: the root of this host is not "
                "the server's.",
            )


def _check_challenge(reply: Reply) -> Iterator[Finding]:
    if CHALLENGE in reply.headers:
        yield Finding("ok", "challenge", "401 with WWW-Authenticate")
    elif RENAMED_CHALLENGE in reply.headers:
        yield Finding(
            "note",
            "challenge",
            "the front end has renamed WWW-Authenticate to X-Amzn-Remapped-WWW-Authenticate",
            "Clients then find the metadata by its usual place; a REST API can map the header back, see "
            "docs/hosts.md.",
        )
    else:
        yield Finding(
            "wrong",
            "challenge",
            "401 without WWW-Authenticate",
            "The refusal may be that of an authorizer in front: let the server refuse, or have it add "
            "the header.",
        )


def _metadata(probe: Probe, location: str) -> dict[str, object] | None:
    try:
        reply = probe.send("GET", location)
    except NoResponseError:
        return None
    return reply.json if reply.status == 200 else None
