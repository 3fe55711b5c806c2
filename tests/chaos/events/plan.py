"""What every process of a run has to know, and the server whose events are delivered."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec
from tests.chaos.faults import Odds

from lambent import MCPServer
from lambent.auth.principal import Principal
from lambent.execution.call import Call
from lambent.execution.events import (
    attempting,
    attempts,
    health,
    sending,
    subscription_records,
    subscriptions,
)

EVENT = "order.refunded"
PRINCIPAL = Principal("ann", "https://issuer.example")


class Plan(msgspec.Struct, frozen=True):
    """A run.

    Attributes:
        endpoint: where AWS is.
        table: the table.
        queue_url: the queue of deliveries.
        queue_arn: its ARN.
        ledger: the path of the ledger.
        odds: how often what goes wrong.
        environments: of a worker's process: they are killed together.
        batch: how many messages an environment takes at once.
    """

    endpoint: str
    table: str
    queue_url: str
    queue_arn: str
    ledger: str
    odds: Odds = Odds(throttled=0.03, unsent=0.03, lost=0.01, doubled=0.05, late=0.1, killed=0.0005)
    environments: int = 3
    batch: int = 5


@dataclasses.dataclass
class Refund:
    order: int


@dataclasses.dataclass
class Wanted:
    only_even: bool = False


def make_server() -> MCPServer:
    """A server with one event type."""

    def identify(call: Call, following: Any) -> Any:
        return following(call.as_principal(PRINCIPAL))

    mcp = MCPServer("chaos", middleware=[identify])

    @mcp.event(EVENT, payload=Refund, arguments=Wanted, delivery=["webhook"])
    def refunded(refund: Refund, wanted: Wanted) -> bool:
        """A refund."""
        return not wanted.only_even or refund.order % 2 == 0

    return mcp


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Make the times of this process short for a while; see ``hurry``."""
    kept = [(module, name, getattr(module, name)) for module, name, _ in _TIMES]
    hurry()
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def hurry() -> None:
    """Make the times of this process short, so that what is lost is noticed in seconds."""
    for module, name, value in _TIMES:
        setattr(module, name, value)


_TIMES: list[tuple[Any, str, Any]] = [
    (attempts, "_BACKOFF", (0.5, 1.5, 4.0, 8.0)),
    (attempts, "_OVERDUE_SECONDS", 4.0),
    (attempts, "_LONGEST_SECONDS", 3600.0),  # what is given up was tried as often as it may be
    (attempts, "_MOST_LOST", 20),
    (attempting, "_SKEW_SECONDS", 1.0),
    (health, "_LEAST_ATTEMPTS", 30),
    (sending, "_SECONDS", 1.0),
    (subscription_records, "_ANSWER_SECONDS", 1.5),
    (subscriptions, "_INDEX_SECONDS", 1.0),
]

VISIBILITY = 6
