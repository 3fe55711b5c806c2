"""Request state: sealed, bound and short-lived (basic/patterns/mrtr, "Server Requirements").

A token is ``base64url(version ‖ key id ‖ nonce ‖ AES-256-GCM(payload))``. The header is authenticated with
the payload. Whatever is wrong with a token, the client reads the same message; the log has the reason.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from lambent.errors import ConfigurationError, InternalError, InvalidParamsError
from lambent.execution.log_records import logger
from lambent.execution.rounds.digests import from_base64url, to_base64url
from lambent.wire.jsonrpc import LazyDecoder

if TYPE_CHECKING:
    from lambent.execution.ports import Clock, Keys

MAX_TOKEN_LENGTH = 32 * 1024
"""Characters. Clients carry the token back and forth, gateways limit what they carry."""

_VERSION = b"\x01"
_KEY_ID = 4
_NONCE = 12
_HEAD = 1 + _KEY_ID + _NONCE
_PLAIN, _DEFLATED = b"\x00", b"\x01"
_COMPRESS_FROM = 256
_MAX_PAYLOAD = 1024 * 1024
_CLOCK_SKEW = 60
_log = logger("lambent.state")


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """The request that a state belongs to: it cannot be used for any other.

    Attributes:
        method: the JSON-RPC method.
        target: the tool's or prompt's name, or the resource's URI.
        arguments: a digest of the arguments.
        principal: the caller's key; empty where nobody is identified.
        audience: the server.
    """

    method: str
    target: str
    arguments: str
    principal: str
    audience: str


class State(msgspec.Struct, frozen=True, array_like=True):
    """A journal as it is kept; see ``journal``.

    Attributes:
        answers: per question, a digest of it and the client's answer.
        steps: the results of finished steps, by name.
        asked: the questions that are open, each with its digest.
        intents: steps that may run at most once and have begun, without a result.
        flow: names the rounds that belong together, where states may be used once; else empty.
        session: proves that this call holds a session exclusively; empty where it holds none.
        trail: what its audit records share, and the number of its round; None where it is not audited.
        note: the state of an ``InputRequiredResult`` that the handler has made itself.
    """

    answers: dict[str, tuple[str, Raw]] = {}
    steps: dict[str, Raw] = {}
    asked: dict[str, str] = {}
    intents: list[str] = []
    flow: str = ""
    session: str = ""
    trail: tuple[str, int] | None = None
    note: str | None = None

    @property
    def has_effects(self) -> bool:
        """A step was finished, or may have taken effect."""
        return bool(self.steps or self.intents)


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    binding: Binding
    issued: int
    expires: int
    state: Raw


_envelope_decoder: LazyDecoder[_Envelope] = LazyDecoder(_Envelope)
_state_decoder: LazyDecoder[State] = LazyDecoder(State)


class Sealer:
    """Seals and opens request state.

    Args:
        keys: the ring; read at first use.
        clock: the time.
        ttl: seconds for which a state can be used.
        audience: names the server, so that servers that share keys do not accept each other's states.
    """

    def __init__(self, keys: Keys, clock: Clock, ttl: int, audience: str) -> None:
        self._keys = keys
        self._clock = clock
        self._ttl = ttl
        self.audience = audience

    def seal(self, binding: Binding, state: State) -> str:
        """Make a token.

        Raises:
            ConfigurationError: there is no key.
            InternalError: the token would be longer than 32 KiB.
        """
        now = int(self._clock())
        envelope = _Envelope(binding, now, now + self._ttl, Raw(msgspec.json.encode(state)))
        payload = msgspec.json.encode(envelope)
        token = self.seal_bytes(payload)
        if len(token) > MAX_TOKEN_LENGTH:
            raise _too_large(binding, f"{len(token)} characters long, the limit is {MAX_TOKEN_LENGTH}")
        if len(payload) > _MAX_PAYLOAD:
            raise _too_large(binding, f"{len(payload)} bytes of JSON, the limit is {_MAX_PAYLOAD}")
        return token

    def seal_bytes(self, payload: bytes, version: bytes = _VERSION) -> str:
        """Make a token of bytes; ``version`` keeps tokens for one use from being taken for another's.

        Raises:
            ConfigurationError: there is no key.
        """
        key = _derive(self._keys.ring()[0])
        head = version + _key_id(key) + os.urandom(_NONCE)
        return to_base64url(head + _cipher(key).encrypt(head[-_NONCE:], _pack(payload), head))

    def open_bytes(self, token: str, version: bytes) -> bytes | None:
        """The bytes of a token; None where it is not one of ours, or for another use.

        Raises:
            ConfigurationError: there is no key.
        """
        try:
            return self._decrypt(_unbase64(token), version)
        except (_Rejected, UnicodeError):
            return None

    def open(self, token: str, binding: Binding) -> State:
        """Read a token.

        Raises:
            ConfigurationError: there is no key.
            InvalidParamsError: the token is not one of ours, is expired, or belongs to another request.
        """
        try:
            return self._open(token, binding)
        except (_Rejected, msgspec.DecodeError, UnicodeError) as rejected:
            _log.warning("Request state for %s %r rejected: %s", binding.method, binding.target, rejected)
            raise InvalidParamsError("Invalid or expired requestState: start the request over") from None

    def _open(self, token: str, binding: Binding) -> State:
        if len(token) > MAX_TOKEN_LENGTH:
            raise _Rejected("too long")
        import hmac

        envelope = _envelope_decoder.decode(self._decrypt(_unbase64(token), _VERSION))
        now = self._clock()
        for name in Binding.__struct_fields__:
            if not hmac.compare_digest(
                getattr(envelope.binding, name).encode(), getattr(binding, name).encode()
            ):
                raise _Rejected(f"bound to another {name}")
        if now >= envelope.expires:
            raise _Rejected("expired")
        if envelope.issued > now + _CLOCK_SKEW:
            raise _Rejected("from the future")
        return _state_decoder.decode(envelope.state)

    def _decrypt(self, body: bytes, version: bytes) -> bytes:
        head, sealed = body[:_HEAD], body[_HEAD:]
        if head[:1] != version or not sealed:
            raise _Rejected("not a token of this version")
        key_id = head[1 : 1 + _KEY_ID]
        # After a rotation, another process may have sealed it with a newer secret.
        key = _key_of(self._keys.ring(), key_id) or _key_of(self._keys.renewed(), key_id)
        if key is None:
            raise _Rejected("sealed with an unknown key")
        from cryptography.exceptions import InvalidTag

        try:
            return _unpack(_cipher(key).decrypt(head[-_NONCE:], sealed, head))
        except InvalidTag:
            raise _Rejected("altered") from None


def _too_large(binding: Binding, what: str) -> InternalError:
    return InternalError(
        f"The request state of {binding.target!r} would be {what}: let steps and answers be small (keep "
        "large results in a store and return a reference), or make the tool a task"
    )


class _Rejected(Exception):  # noqa: N818 - says what happened
    """The reason why a token is not accepted, for the log."""


def _unbase64(token: str) -> bytes:
    try:
        body = from_base64url(token)
    except ValueError:
        raise _Rejected("not base64url") from None
    # Base64 has unused bits at the end: without this, several tokens would be the same one.
    if to_base64url(body) != token:
        raise _Rejected("not canonical base64url")
    return body


def _derive(secret: bytes) -> bytes:
    """A 256-bit key from a secret of any length and alphabet, used for nothing else."""
    import hmac

    return hmac.digest(b"lambent request state", secret, "sha256")


def _key_of(ring: Sequence[bytes], key_id: bytes) -> bytes | None:
    return next((key for key in map(_derive, ring) if _key_id(key) == key_id), None)


def _key_id(key: bytes) -> bytes:
    import hmac

    return hmac.digest(key, b"key id", "sha256")[:_KEY_ID]


def _cipher(key: bytes) -> Any:
    # Tens of milliseconds to import: only calls that ask something pay them.
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ConfigurationError("Questions need cryptography: install the extra lambent[seal]") from error

    return AESGCM(key)


def _pack(payload: bytes) -> bytes:
    if len(payload) >= _COMPRESS_FROM:
        import zlib

        deflated = zlib.compress(payload, 6)
        if len(deflated) < len(payload):
            return _DEFLATED + deflated
    return _PLAIN + payload


def _unpack(packed: bytes) -> bytes:
    if packed[:1] == _PLAIN:
        return packed[1:]
    import zlib

    if packed[:1] != _DEFLATED:
        raise _Rejected("not packed by this version")
    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(packed[1:], _MAX_PAYLOAD)
    except zlib.error:
        raise _Rejected("not deflated by this version") from None
    if inflater.unconsumed_tail:
        raise _Rejected("inflates beyond all measure")
    return payload
