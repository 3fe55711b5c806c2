"""What an audit record says of the arguments of a call: a digest, their names, or all that may be shown."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import ProtocolError
from lambent.execution.audit.config import ArgumentPolicy
from lambent.execution.audit.record import MAX_NAME, MAX_TEXT, json_of, shown
from lambent.execution.call import Call
from lambent.execution.handlers.resources import find_resource
from lambent.execution.ports import Keys
from lambent.execution.rounds.digests import decode_exactly
from lambent.features.catalog import Catalog
from lambent.features.sensitive import Visibility, visibility_of
from lambent.features.signature import Signature
from lambent.wire.values import PromptReference

REDACTED = "[redacted]"
UNREADABLE = "[unreadable]"

_MAX_NAMES = 100
_MAX_DEPTH = 50
"""Levels of nesting that every sink can write."""

_LABEL = b"lambent audit arguments"


class Asked(msgspec.Struct, frozen=True):
    """What a call asks for.

    Attributes:
        name: of the feature; None where there is none, or where it would be an argument.
        arguments: as clients send them; None for methods that have none.
        visibility: which of them may be shown.
    """

    name: str | None = None
    arguments: Mapping[str, Any] | Raw | None = None
    visibility: Visibility = Visibility()


class Arguments:
    """Says of arguments what a policy lets it.

    Args:
        policy: see ``Audit``.
        keyed: digests are keyed with the secret that seals request state.
    """

    def __init__(self, policy: ArgumentPolicy, *, keyed: bool) -> None:
        self._policy = policy
        self._keyed = keyed
        self._known: dict[tuple[str, str], Visibility] = {}

    def asked(self, call: Call) -> Asked:
        """What a call asks for."""
        catalog, params = call.services.catalog, call.rpc.params
        match call.method:
            case "tools/call":
                tool = catalog.tools.get(params.name)
                known = Visibility()
                if tool is not None:
                    known = self._visibility("tool", tool.name, tool.signature, tool.sensitive)
                return Asked(params.name, params.arguments, known)
            case "prompts/get":
                return Asked(params.name, params.arguments, self._of_prompt(catalog, params.name))
            case "resources/read":
                return self._of_uri(catalog, params.uri)
            case "completion/complete":
                given = {params.argument.name: params.argument.value}
                if isinstance(params.ref, PromptReference):
                    return Asked(params.ref.name, given, self._of_prompt(catalog, params.ref.name))
                template = next((one for one in catalog.templates if one.uri == params.ref.uri), None)
                if template is None:
                    return Asked(None, {"uri": params.ref.uri, **given})
                known = self._visibility("template", template.uri, template.signature)
                return Asked(template.uri, given, known)
            case "events/poll" | "events/stream" | "events/subscribe" | "events/unsubscribe":
                from lambent.execution.audit.event_arguments import asked_of  # loaded where there are events

                name, members, shown_names = asked_of(catalog, call.rpc.raw)
                return Asked(name, members, Visibility(shown_names))
        return Asked()

    def tell(self, asked: Asked, keys: Keys) -> Raw | UnsetType:
        """What the record has to say.

        Raises:
            ConfigurationError: the key of digests cannot be had; also ``StoreError``.
        """
        arguments = asked.arguments
        if arguments is None:
            return UNSET
        try:
            members = decode_exactly(arguments) if isinstance(arguments, Raw) else dict(arguments)
        except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
            return json_of(UNREADABLE)
        if not isinstance(members, dict):
            return json_of(UNREADABLE)
        if self._policy == "redacted":
            names = [shown(name, MAX_TEXT) for name in list(members)[:_MAX_NAMES]]
            return Raw(msgspec.json.encode(dict.fromkeys(names, REDACTED)))
        visible = asked.visibility
        told = {name: value if visible.shows(name) else REDACTED for name, value in members.items()}
        if self._policy == "full":
            encoded = msgspec.json.encode(told)
            return json_of(encoded.decode()) if _is_deep(told) else Raw(encoded)
        # What may not be shown is no part of the digest either: with few possible values it could be guessed.
        return json_of(self._digest(msgspec.json.encode(told, order="deterministic"), keys))

    def _digest(self, canonical: bytes, keys: Keys) -> str:
        if not self._keyed:
            return f"sha256:{hashlib.sha256(canonical).hexdigest()}"
        key, name = _derive(keys.ring()[0])
        return f"hmac-sha256:{name}:{hmac.digest(key, canonical, 'sha256').hex()}"

    def _of_prompt(self, catalog: Catalog, name: str) -> Visibility:
        prompt = catalog.prompts.get(name)
        return Visibility() if prompt is None else self._visibility("prompt", name, prompt.signature)

    def _of_uri(self, catalog: Catalog, uri: str) -> Asked:
        try:
            resource, _ = find_resource(catalog, uri)
        except ProtocolError:  # it may still fit a template, with values that do not fit their types
            fitting = (
                one for one in catalog.templates if one.template and one.template.match(uri) is not None
            )
            found = next(fitting, None)
            if found is None:
                return Asked(None, {"uri": shown(uri, MAX_NAME)}, Visibility(frozenset({"uri"})))
            resource = found
        if resource.template is None:
            return Asked(resource.uri)
        values = resource.template.match(uri) or {}
        known = self._visibility("template", resource.uri, resource.signature)
        return Asked(resource.uri, values, known)

    def _visibility(
        self, kind: str, name: str, signature: Signature, declared: frozenset[str] = frozenset()
    ) -> Visibility:
        found = self._known.get((kind, name))
        if found is None:
            found = self._known[kind, name] = visibility_of(signature, declared)
        return found


@functools.lru_cache(maxsize=2)
def _derive(secret: bytes) -> tuple[bytes, str]:
    """A key from a secret, used for nothing else, and its name."""
    key = hmac.digest(_LABEL, secret, "sha256")
    return key, hmac.digest(key, b"key id", "sha256")[:4].hex()


def _is_deep(value: Any) -> bool:
    """Whether a JSON value has more levels of nesting than every sink can write."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
