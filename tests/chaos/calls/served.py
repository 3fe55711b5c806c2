"""A server on which everything goes wrong, as an execution environment or uvicorn imports it."""

import logging
import os
import random
import threading
import time
from pathlib import Path

from tests.chaos.calls.plan import read_plan
from tests.chaos.calls.records import Journals
from tests.chaos.calls.tools import Tools
from tests.chaos.faults import kill_this_process, make_faulty
from tests.chaos.ledger import Ledger
from tests.chaos.short_times import hurry

from lambent import MCPServer
from lambent.stores import aws


def make() -> MCPServer:
    """A server for this process, which is killed some time."""
    plan = read_plan()
    hurry(allowance=plan.allowance, unbounded=plan.unbounded)
    dice = random.Random(os.urandom(8))
    ledger = Ledger(Path(plan.ledger))

    def told(what: str) -> None:
        ledger.write("fault", name=what)

    aws._clients["dynamodb"] = make_faulty(aws.client("dynamodb"), plan.odds, dice, told)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # more calls at a time than connections to keep
    mcp = MCPServer("chaos")

    def die() -> None:
        if dice.random() < plan.killed_in_step:
            kill_this_process(told)

    def die_later() -> None:
        time.sleep(dice.expovariate(1 / plan.kill_every))
        kill_this_process(told)

    Tools(ledger, Path(plan.ledger), Journals(plan.endpoint, plan.table), dice, die).add_to(mcp)
    threading.Thread(target=die_later, daemon=True).start()
    return mcp
