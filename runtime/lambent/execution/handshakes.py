"""Handshakes of the legacy era: what ``initialize`` has negotiated, in a token that the client keeps.

``Mcp-Session-Id`` is ``lb1.`` + base64url(payload) + ``.`` + base64url(HMAC-SHA-256 of it and its principal).
Any execution environment can read it, and none keeps it. Nothing in it is secret from the client, which has
sent it all. To another principal it is no token at all: its signature is wrong.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, HttpRefusal, StoreError
from lambent.execution.log_records import logger
from lambent.execution.rounds.digests import from_base64url, mark_of, to_base64url
from lambent.wire.eras import UNNEGOTIATED, negotiate
from lambent.wire.jsonrpc import RpcMessage
from lambent.wire.values import ClientCapabilities, LogLevel

if TYPE_CHECKING:
    from lambent.execution.ports import Clock, Keys

_log = logger("lambent")

SESSION_HEADER = "mcp-session-id"
VERSION_HEADER = "mcp-protocol-version"

SESSION_SECONDS = 7 * 24 * 3600
"""How long a token can be used; then the client has to start again."""

_PREFIX = "lb1."
_MAC_BYTES = 16
_MAX_TOKEN = 4096
_MAX_NAME = 100
_MAX_SETTINGS = 1024
"""Bytes of the settings of extensions that a token carries; where there are more, it has none of them."""

_KEPT = 256
"""Tokens that are remembered as good."""


class Handshake(msgspec.Struct, frozen=True, array_like=True):
    """What a client of the legacy era and this server have agreed on.

    Attributes:
        version: the protocol version.
        capabilities: what the client can do.
        client_info: what the client says it is; its name and version.
        log_level: the least severe level of log messages that it wants.
        is_known: it was read from a token, or kept by the process; else the client's abilities are not known.
    """

    version: str
    capabilities: ClientCapabilities = ClientCapabilities()
    client_info: dict[str, Any] | None = None
    log_level: LogLevel = "info"
    is_known: bool = False


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    handshake: Handshake
    expires: int
    nonce: str


def make_handshake(
    version: str,
    capabilities: ClientCapabilities,
    client_info: Mapping[str, Any] | None,
    extensions: Collection[str] = (),
) -> Handshake:
    """What ``initialize`` negotiates; without the members that no version of the era knows.

    Clients declare extensions all the same (MCP Apps, "Client<>Server Capability Negotiation"): those of the
    server are kept, whose identifiers are ``extensions``.
    """
    known = msgspec.structs.replace(capabilities, extensions=None, experimental=None)
    named = {
        name: value[:_MAX_NAME]
        for name, value in (client_info or {}).items()
        if name in ("name", "version") and isinstance(value, str)
    }
    known = _without_contents(known)
    if extensions and capabilities.extensions:
        kept = {name: capabilities.extensions[name] for name in extensions if name in capabilities.extensions}
        if kept and len(msgspec.json.encode(kept)) > _MAX_SETTINGS:
            kept = {name: {} for name in kept}
        known = msgspec.structs.replace(known, extensions=kept or None)
    return Handshake(version, known, named or None, is_known=True)


def _without_contents(capabilities: ClientCapabilities) -> ClientCapabilities:
    """Capabilities without what clients write into their objects, which nobody reads."""

    def emptied(value: Any) -> Any:
        if isinstance(value, dict):
            return {}
        if isinstance(value, msgspec.Struct):
            members = {name: emptied(getattr(value, name)) for name in value.__struct_fields__}
            return msgspec.structs.replace(value, **members)
        return value

    emptied_: ClientCapabilities = emptied(capabilities)
    return emptied_


class Handshakes:
    """Signs and checks the tokens of a server; ``audience`` names it, so that servers may share keys."""

    def __init__(self, keys: Keys, clock: Clock, audience: str) -> None:
        self._keys = keys
        self._clock = clock
        self._audience = audience
        self._decoder = msgspec.json.Decoder(_Sealed)
        self._good: OrderedDict[tuple[str, str], _Sealed] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    @property
    def has_key(self) -> bool:
        """There is a key, so clients are given sessions."""
        return self._key() is not None

    def _key(self) -> bytes | None:
        try:
            return self._keys.ring()[0]
        except (ConfigurationError, StoreError) as error:
            _log.info("There is no key for sessions: %s", error)
            return None

    def seal(self, handshake: Handshake, principal: Principal | None) -> str | None:
        """Make the token of a handshake; None where there is no key at the moment, and so no session."""
        if (key := self._key()) is None:
            return None
        expires = int(self._clock()) + SESSION_SECONDS
        payload = msgspec.json.encode(_Sealed(handshake, expires, os.urandom(9).hex()))
        return _joined(payload, self._sign(key, _signed(payload, mark_of(principal))))

    def open(self, token: str, principal: Principal | None) -> Handshake | None:
        """Read a token; None where this server has no key, and so has given out none, or cannot read it now.

        Raises:
            HttpRefusal: 404, it is not one of this server's for this caller, or its time is over.
        """
        mark = mark_of(principal)
        sealed = self._good.get((mark, token))
        if sealed is None:
            try:
                self._keys.ring()
                sealed = self._check(token, mark)
            except (ConfigurationError, StoreError) as error:
                _log.info("A session cannot be checked: %s", error)
                return None
            self._good[mark, token] = sealed
            if len(self._good) > _KEPT:
                self._good.popitem(last=False)
        if sealed.expires <= self._clock() or token in self._ended:
            raise _gone()
        return sealed.handshake

    def of(self, message: RpcMessage, headers: Mapping[str, str], principal: Principal | None) -> Handshake:
        """What a request of the legacy era was negotiated to be.

        Raises:
            HttpRefusal: 404, its session is not one of this server's, or is over.
        """
        if message.method == "initialize":
            return Handshake(requested_version(message))
        token, version = headers.get(SESSION_HEADER), headers.get(VERSION_HEADER)
        known = self.open(token, principal) if token else None
        if known is not None and (version is None or version == known.version):
            return known
        version = UNNEGOTIATED if version is None else version.strip()
        return Handshake(version) if known is None else msgspec.structs.replace(known, version=version)

    def end(self, token: str, principal: Principal | None) -> None:
        """End a session. Only this process remembers it: the token itself stays good until it expires.

        Raises:
            HttpRefusal: see ``open``.
        """
        if self.open(token, principal) is not None:
            self._ended[token] = None
            if len(self._ended) > _KEPT:
                self._ended.popitem(last=False)

    def stamp(self, text: str, principal: Principal | None) -> str:
        """A mark that only this server can put on a text for this caller, 22 characters."""
        return to_base64url(self._sign(self._keys.ring()[0], f"{mark_of(principal)} {text}".encode()))

    def is_stamp(self, stamp: str, text: str, principal: Principal | None) -> bool:
        """Whether a mark is the one of a text."""
        payload = f"{mark_of(principal)} {text}".encode()
        try:
            mac = from_base64url(stamp)
        except ValueError:
            return False
        return to_base64url(mac) == stamp and self._is_signed(payload, mac)  # in one spelling only

    def _check(self, token: str, mark: str) -> _Sealed:
        payload_text, _, mac_text = token.removeprefix(_PREFIX).partition(".")
        if len(token) > _MAX_TOKEN or not token.startswith(_PREFIX):
            raise _gone()
        try:
            payload, mac = from_base64url(payload_text), from_base64url(mac_text)
        except ValueError:
            raise _gone() from None
        if token != _joined(payload, mac):  # another spelling, under which a session would not have ended
            raise _gone()

        if not self._is_signed(_signed(payload, mark), mac):
            raise _gone()
        return self._decoder.decode(payload)

    def _is_signed(self, payload: bytes, mac: bytes) -> bool:
        import hmac

        def is_signed(ring: Sequence[bytes]) -> bool:
            return any(hmac.compare_digest(self._sign(key, payload), mac) for key in ring)

        # After a rotation, another process may have signed it with a newer secret.
        return is_signed(self._keys.ring()) or is_signed(self._keys.renewed())

    def _sign(self, key: bytes, payload: bytes) -> bytes:
        import hmac  # maps OpenSSL into memory

        own = hmac.digest(b"lambent handshake", key, "sha256")
        return hmac.digest(own, self._audience.encode() + b"\0" + payload, "sha256")[:_MAC_BYTES]


def _signed(payload: bytes, mark: str) -> bytes:
    """What is signed for the principal with a mark, which has no null character."""
    return mark.encode() + b"\0" + payload


def _joined(payload: bytes, mac: bytes) -> str:
    return f"{_PREFIX}{to_base64url(payload)}.{to_base64url(mac)}"


def _gone() -> HttpRefusal:
    return HttpRefusal(404, "Session not found: send initialize to start another one")


class _Requested(msgspec.Struct):
    version: str = msgspec.field(name="protocolVersion")


def requested_version(message: RpcMessage) -> str:
    """The version that an ``initialize`` is answered with."""
    try:  # only this member: others, such as a number out of range, do not change it
        return negotiate(msgspec.json.decode(message.params, type=_Requested).version)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return negotiate(None)
