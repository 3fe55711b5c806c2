"""Request states that can complete a call once (basic/patterns/mrtr, "Server Requirements", 5)."""

from __future__ import annotations

import hashlib
import logging

from msgspec import UnsetType

from lambent.errors import ConfigurationError, InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.ports import Item, Store
from lambent.execution.rounds.run import Round, Target
from lambent.features.tools import Tool

_USED = "USED#"

_log = logging.getLogger("lambent.state")


class StateClaim:
    """The one use of a request state.

    Args:
        call: a call that came with a state that is valid.

    Raises:
        InvalidParamsError: the state was used before; said as for any state that is not valid.
        ConfigurationError: there is no table to remember states in.
    """

    def __init__(self, call: Call) -> None:
        self._store = store_of(call, "This tool wants states used once")
        token = hashlib.sha256(call.request.params.request_state.encode()).hexdigest()
        self._key = _USED + token
        purge_at = int(call.services.clock() + call.services.sealer.ttl) + 60
        if not self._store.insert(Item(self._key, 1, b"{}", purge_at)):
            _log.warning("Request state for %s %r rejected: used before", call.method, call.name)
            raise InvalidParamsError("Invalid or expired requestState: start the request over")

    def release(self) -> None:
        """Give the use back: the call came to nothing."""
        self._store.remove(self._key, 1)


def claim_state(tool: Tool, call: Call) -> StateClaim | None:
    """Claim the state of a call, where its tool wants states used once and it came with one.

    Raises:
        InvalidParamsError: the state is not valid, or was used before.
    """
    if not tool.single_use or isinstance(call.request.params.request_state, UnsetType):
        return None
    Round(
        tool.signature, Target(tool.name, call.request.params.arguments), call
    )  # garbage must not cost a write
    return StateClaim(call)


def store_of(call: Call, why: str) -> Store:
    """The store of a call's server.

    Args:
        call: the call.
        why: what needs it, for the error.

    Raises:
        ConfigurationError: there is none; the message says what to set.
    """
    store = call.services.store
    if store is None:
        raise ConfigurationError(f"{why}, so the function needs a table: set LAMBENT_TABLE")
    return store
