"""What a call has besides its message."""

from __future__ import annotations

import msgspec

from lambent.auth.principal import Principal
from lambent.execution.invocation import Invocation
from lambent.execution.ports import AsyncRunner, Changes
from lambent.execution.sealing import Sealer
from lambent.features.catalog import Catalog


class Services(msgspec.Struct, frozen=True):
    """What every call of a server shares.

    Attributes:
        catalog: the declarations.
        sealer: seals and opens request state.
        run: runs coroutines.
        changes: the feed that subscriptions deliver; None where nothing can be delivered.
        listen_seconds: how long a subscription may hold an invocation open.
    """

    catalog: Catalog
    sealer: Sealer
    run: AsyncRunner
    changes: Changes | None
    listen_seconds: float


class Scope(msgspec.Struct, frozen=True):
    """What one call has to itself.

    Attributes:
        services: what it shares with every other call.
        invocation: where its notifications go and how much time is left.
        principal: who is calling; None where nobody is identified.
    """

    services: Services
    invocation: Invocation
    principal: Principal | None = None
