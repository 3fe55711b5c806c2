"""What every process of a run has to know."""

import os
from collections.abc import Mapping

import msgspec
from tests.chaos.faults import Odds

VARIABLE = "CHAOS_PLAN"


class Plan(msgspec.Struct, frozen=True):
    """A run.

    Attributes:
        endpoint: where AWS is.
        table: the table.
        ledger: the path of the ledger.
        kill_every: seconds that a process lives, on average.
        killed_in_step: how often a process is killed before or after the effect of a step, of 1.
        odds: how often what goes wrong.
        allowance: seconds that two clocks may be apart, as the library is told.
        unbounded: seconds that a lease lasts on a host that stays; no call should take as long.
        invocation: seconds that an invocation lasts.
        environments: execution environments of the gateway.
        servers: processes that serve with uvicorn.
    """

    endpoint: str
    table: str
    ledger: str
    kill_every: float
    killed_in_step: float = 0.004
    odds: Odds = Odds(throttled=0.04, lost=0.01, outage=0.002, killed=0.0015)
    allowance: float = 1.0
    unbounded: float = 7.0
    invocation: float = 5.0
    environments: int = 6
    servers: int = 2

    def variables(self) -> dict[str, str]:
        """The environment variables of a process of the run."""
        return {VARIABLE: msgspec.json.encode(self).decode()}


def read_plan(environ: Mapping[str, str] = os.environ) -> Plan:
    """The plan of the run that this process belongs to."""
    return msgspec.json.decode(environ[VARIABLE], type=Plan)
