"""Sessions: objects kept under handles, read once and written at most once a call."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, ItemTooLargeError, ToolError
from lambent.execution.call import Call, Services
from lambent.execution.ports import Clock, Item, Store
from lambent.execution.replay import Replay
from lambent.features.codecs import Codec, codec_of
from lambent.features.sessions import SessionParam, kind_of

_KEY = "SESSION#"
DEFAULT_TTL = timedelta(hours=24)
_TOMBSTONE_SECONDS = 24 * 3600

_encode = msgspec.json.encode


class _Kept(msgspec.Struct, frozen=True):
    """A session as it is kept."""

    kind: str
    principal: str
    expires: float
    ttl: float
    data: Raw


_decoder = msgspec.json.Decoder(_Kept)


class Held(msgspec.Struct, frozen=True):
    """A session in the hands of a call.

    Attributes:
        key: where it is kept.
        version: the version that was read.
        kept: what was read.
        codec: writes the object.
        value: the object, which the call may change.
    """

    key: str
    version: int
    kept: _Kept
    codec: Codec
    value: Any


class Sessions:
    """The sessions of a server.

    Args:
        store: keeps them.
        clock: the time.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, value: Any, ttl: timedelta, principal: Principal | None) -> str:
        """Keep a new object.

        Args:
            value: the object, or its type, which is then made without arguments.
            ttl: how long it is kept after its last use.
            principal: whom it belongs to.

        Returns:
            The handle: 192 random bits.
        """
        if isinstance(value, type):
            value = value()
        seconds = ttl.total_seconds()
        expires = self._clock() + seconds
        data = Raw(codec_of(type(value)).encode(value))
        kept = _Kept(kind_of(type(value)), _owner(principal), expires, seconds, data)
        handle = base64.urlsafe_b64encode(os.urandom(24)).decode()
        self._store.insert(_item(_KEY + handle, 1, kept))
        return handle

    def load(self, param: SessionParam, handle: str, principal: Principal | None) -> Held:
        """Read the object under a handle.

        Raises:
            ToolError: there is none, it has expired, or it is somebody else's; said alike, for the model.
        """
        item = self._store.read(_KEY + handle)
        kept = _decoder.decode(item.body) if item is not None else None
        if (
            item is None
            or kept is None
            or kept.kind != param.kind
            or kept.principal != _owner(principal)
            or self._clock() >= kept.expires
        ):
            raise ToolError(
                f"There is no session under the handle given as {param.name!r}, or it has expired: "
                "create a new one and pass its handle."
            )
        return Held(item.key, item.version, kept, param.codec, param.codec.decode(kept.data))

    def save(self, held: Held) -> bool:
        """Keep what a call changed; a session that is used but not changed is kept for longer now and then.

        Returns:
            False where another call has changed the session meanwhile.
        """
        data = held.codec.encode(held.value)
        now = self._clock()
        if data == bytes(held.kept.data) and held.kept.expires - now > held.kept.ttl / 2:
            return True
        kept = msgspec.structs.replace(held.kept, data=Raw(data), expires=now + held.kept.ttl)
        try:
            return self._store.replace(_item(held.key, held.version + 1, kept))
        except ItemTooLargeError as error:
            raise ToolError("The session has grown too large to be kept: put less into it") from error


def sessions_of(services: Services) -> Sessions:
    """The sessions of a server.

    Raises:
        ConfigurationError: there is no table to keep them in; the message says what to set.
    """
    if services.store is None:
        raise ConfigurationError("Sessions are kept in a table, so the function needs one: set LAMBENT_TABLE")
    return Sessions(services.store, services.clock)


class SessionMaker:
    """``Context.sessions``: makes sessions.

    Args:
        call: the call, whose principal they belong to.
        replay: remembers the handles, so that a handler that runs again makes no second session.
    """

    def __init__(self, call: Call, replay: Replay) -> None:
        self._call = call
        self._replay = replay
        self._count = 0

    def create(self, value: Any, *, ttl: timedelta = DEFAULT_TTL) -> str:
        """Keep a new object and return its handle, for the client to pass.

        Args:
            value: the object, or its type, which is then made without arguments.
            ttl: how long it is kept after its last use.

        Raises:
            ConfigurationError: there is no table to keep it in.
        """
        self._count += 1
        name = f"lambent.session {self._count}"  # not one that an author would give a step
        known = self._replay.begin_step(name)
        if known is not None:
            return str(msgspec.json.decode(known))
        handle = sessions_of(self._call.services).create(value, ttl, self._call.principal)
        self._replay.finish_step(name, Raw(_encode(handle)))
        return handle


def _item(key: str, version: int, kept: _Kept) -> Item:
    return Item(key, version, _encode(kept), int(kept.expires) + _TOMBSTONE_SECONDS)


def _owner(principal: Principal | None) -> str:
    return principal.key if principal is not None else ""
