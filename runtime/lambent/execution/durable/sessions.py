"""Sessions: objects kept under handles, read once and written at most once a call.

A tool that works in steps holds its session from its first step on, so that the session always fits the steps
that are done::

    load v1 ── first step: lease, v2 ── step ── … ── save, lease over, v3
    another call:        ✗ leased: wait ························ load v3
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from msgspec import UNSET, Raw, UnsetType

from lambent.auth.principal import key_of
from lambent.errors import ConfigurationError, ItemTooLargeError, Signal, StoreError, ToolError
from lambent.execution.call import Call
from lambent.execution.durable.records import (
    Held,
    Lease,
    Record,
    Records,
    changed,
    is_leased,
    lease_of,
    random_id,
)
from lambent.execution.failures import report
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.steps import Step
from lambent.features.codecs import codec_of
from lambent.features.signature import SessionParam, kind_of
from lambent.wire.results import CallToolResult, InputRequiredResult

DEFAULT_TTL = timedelta(hours=24)
_TOMBSTONE_SECONDS = 24 * 3600
_UNBOUNDED_SECONDS = 900.0
_TRIES = 8
"""How often a handler runs when others keep changing its session: each try means that another call ended."""

_WAIT_SECONDS = 5.0
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 0.5


class SessionRecord(Record, frozen=True, omit_defaults=True):
    """A session as it is kept.

    Attributes:
        kind: the name of the object's type.
        ttl: seconds for which it is kept after its last use.
        lease: which call holds it exclusively. When its time is over, it stays until another call writes, so
            that its owner knows whether anything has changed.
        before: the object as the lease's owner has read it. A call that takes effect once and died between
            the write of the session and that of its result runs again from there.
    """

    kind: str
    expires: float
    ttl: float
    data: Raw
    lease: Lease | None = None
    before: Raw | UnsetType = UNSET

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires + _TOMBSTONE_SECONDS


class SessionChanged(Signal):
    """Another call has changed the session before this one took its first step: run again."""


def run_with_session(
    param: SessionParam,
    kwargs: dict[str, Any],
    call: Call,
    journal: Journal,
    run: Callable[[dict[str, Any]], Any],
) -> Any:
    """Run a function that takes a session's object, and keep what it changed when it succeeds.

    Where another call was faster, it runs again with what that one has kept. ``kwargs`` have the session's
    handle, and ``run`` takes them with its object in place of that.

    Raises:
        ToolError: there is no such session, another call holds it, or it changes too fast.
    """
    for _ in range(_TRIES):
        held = HeldSession(call, param, kwargs[param.name], journal)
        journal.before_step, journal.abandon = held.acquire, held.release
        try:
            with call.invocation.renewing(held.renew):
                result = run({**kwargs, param.name: held.value})
        except SessionChanged:
            continue
        except BaseException:
            held.release()
            raise
        if held.is_lost:  # the handler has caught the signal
            continue
        is_failure = isinstance(result, CallToolResult) and result.is_error is True
        if is_failure or isinstance(result, InputRequiredResult):
            held.release(0.0 if is_failure else call.services.state_ttl)
            return result
        if held.save():
            return result
    raise ToolError("Others keep changing the same session: try again in a moment")


class HeldSession:
    """A session during one run of a handler, whose journal remembers that the session is held.

    Attributes:
        value: the object, which the handler may change.
        is_lost: another call has changed the session before the first step.
    """

    def __init__(self, call: Call, param: SessionParam, handle: str, journal: Journal) -> None:
        self._call = call
        self._clock = call.services.clock
        self._param = param
        self._journal = journal
        self._owners = {journal.session, journal.session_owner} - {""}
        self._held = self._load(handle)
        self._acquired = False
        record = self._held.record
        is_saved = record.lease is not None and record.lease.owner in self._owners
        self._data = record.data if isinstance(record.before, UnsetType) or not is_saved else record.before
        self.value = param.codec.decode(self._data)
        self.is_lost = False

    def _load(self, handle: str) -> Held[SessionRecord]:
        records, wait = sessions_of(self._call), _FIRST_POLL_SECONDS
        key = records.key(handle, key_of(self._call.principal))
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            held = records.read(key)
            # Whatever is wrong with a handle, the model reads the same message.
            if held is None or held.record.kind != self._param.kind or self._clock() >= held.record.expires:
                raise ToolError(
                    f"There is no session under the handle given as {self._param.name!r}, or it has expired: "
                    "create a new one and pass its handle."
                )
            lease, mine = held.record.lease, self._journal.session
            is_ours = lease is not None and lease.owner in self._owners
            if mine and (lease is None or lease.owner != mine):
                raise ToolError(
                    "The session was changed after a step of this call was done: look at it, and start over"
                )
            if is_ours or not is_leased(lease, self._clock()):
                return held
            if time.monotonic() >= deadline:
                raise ToolError("Another call is working on the same session: try again in a moment")
            self._call.invocation.check()
            self._call.invocation.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_POLL_SECONDS)

    def acquire(self) -> None:
        """Hold the session exclusively before a step; ``SessionChanged`` if another call was faster."""
        if self.is_lost:
            raise SessionChanged
        if self._acquired:
            return
        owner = self._journal.session or self._journal.session_owner
        lease = lease_of(self._call.invocation, self._clock(), _UNBOUNDED_SECONDS, owner)
        if not self._held.replace(changed(self._held.record, lease=lease)):
            self.is_lost = True
            raise SessionChanged
        self._journal.session = lease.owner
        self._acquired = True

    def renew(self) -> None:
        """Hold it for longer, if it is held; see ``Invocation.renewing``."""
        if self._acquired:
            owner = self._journal.session
            lease = lease_of(self._call.invocation, self._clock(), _UNBOUNDED_SECONDS, owner)
            self._held.renew(lambda record: changed(record, lease=lease))

    def save(self) -> bool:
        """Keep what the handler changed; where it changed nothing, write only to renew the ``ttl`` in time.

        Returns:
            False where another call has changed the session, and no step was done.

        Raises:
            ToolError: it has grown too large, or another call has taken it over after steps were done.
        """
        data, record, now = self._param.codec.encode(self.value), self._held.record, self._clock()
        is_held = bool(self._journal.session)
        if not is_held and data == bytes(record.data) and record.expires - now > record.ttl / 2:
            return True
        owner = self._journal.session_owner
        kept = changed(
            record,
            data=Raw(data),
            expires=now + record.ttl,
            lease=Lease(owner, now) if owner else None,
            before=self._data if owner else UNSET,
        )
        try:
            is_saved = self._held.replace(kept)
        except ItemTooLargeError as error:
            self.release()
            raise ToolError("The session has grown too large to be kept: put less into it") from error
        if not is_saved and is_held:
            raise ToolError("The call took so long that another one has changed its session")
        return is_saved

    def release(self, seconds: float = 0.0) -> None:
        """Leave the session as it is, held for some seconds more: for a later round of the same call."""
        if not self._journal.session:
            return
        lease = Lease(self._journal.session, self._clock() + seconds)
        try:
            self._held.replace(changed(self._held.record, lease=lease))
        except StoreError as error:
            report(error, self._call.rpc)  # the lease ends by itself


def sessions_of(call: Call) -> Records[SessionRecord]:
    """The sessions of a server; ``ConfigurationError`` where there is no table to keep them in."""
    services = call.services
    if services.store is None:
        raise ConfigurationError("Sessions are kept in a table, so the function needs one: set LAMBENT_TABLE")
    return Records(services.store, services.clock, "SESSION", services.audience, SessionRecord)


class SessionMaker:
    """``Context.sessions``: makes sessions, each once, however often the handler runs again."""

    def __init__(self, call: Call, journal: Journal) -> None:
        self._call = call
        self._journal = journal
        self._count = 0

    def create(self, value: Any, *, ttl: timedelta = DEFAULT_TTL) -> str:
        """Keep a new object and return its handle, 192 random bits, for the client to pass.

        Args:
            value: the object, or its type, which is then made without arguments.
            ttl: how long it is kept after its last use.

        Raises:
            ConfigurationError: there is no table to keep it in.
            ItemTooLargeError: it is too large to be kept.
        """
        self._count += 1
        name = f"lambent.session {self._count}"  # not one that an author would give a step
        step = Step(name, self._insert, False, self._journal, self._call.invocation)
        return str(step.start(lambda: self._insert(value, ttl.total_seconds())).result())

    def _insert(self, value: Any, ttl: float) -> str:
        if isinstance(value, type):
            value = value()
        records, handle = sessions_of(self._call), random_id()
        data = Raw(codec_of(type(value), "keep").encode(value))
        record = SessionRecord(kind_of(type(value)), records.clock() + ttl, ttl, data)
        records.insert(records.key(handle, key_of(self._call.principal)), record)
        return handle
