"""The tables of docs/cost.md."""

import re
from collections.abc import Iterator

from benchmarks.cost.formula import COLUMNS, ROWS, Measured, billed, dollars
from benchmarks.cost.prices import Deployment, Prices
from benchmarks.cost.variants import variants_table
from benchmarks.environments import ROOT

PAGE = ROOT / "docs" / "cost.md"
BEGIN, END = "<!-- begin: python -m benchmarks.cost -->", "<!-- end -->"
IDLE_POLLS = 5 * 3 * 60 * 24 * 30
"""Five pollers of a queue that wait for 20 seconds each, in a month."""


def tables(measured: Measured, prices: Prices, deployed: Deployment) -> str:
    """What stands between the marks of docs/cost.md."""
    return "\n".join(
        [
            BEGIN,
            "",
            *_cost_table(measured, prices, deployed),
            "",
            *variants_table(measured, prices),
            "",
            *_measured_table(measured, deployed),
            "",
            *_fixed(prices, deployed),
            "",
            END,
        ]
    )


def _cost_table(measured: Measured, prices: Prices, deployed: Deployment) -> Iterator[str]:
    yield f"| dollars per million | {' | '.join(COLUMNS)} | together |"
    yield "|---" + "|---:" * (len(COLUMNS) + 1) + "|"
    for row in ROWS:
        parts = [value * 1e6 for value in dollars(row, measured, prices, deployed).values()]
        cells = [f"{value:.2f}" if value else "" for value in parts]
        yield f"| {row.what} | {' | '.join(cells)} | **{sum(parts):.2f}** |"


def _measured_table(measured: Measured, deployed: Deployment) -> Iterator[str]:
    yield (
        "| invocation | memory, MB | processor, ms | waiting, ms | billed, ms | billed cold, ms "
        "| asked of AWS | bytes out |"
    )
    yield "|---" + "|---:" * 5 + "|---|---:|"
    for name, one in measured["invocations"].items():
        memory = deployed.memory[one["function"]]
        asked = ", ".join(f"{count} {unit.replace('_', ' ')}" for unit, count in one["requests"].items())
        yield (
            f"| {name} | {memory} | {one['warm_processor_ms']:.2f} | {one['warm_waiting_ms']:.2f} "
            f"| {billed(one, memory, 'warm')} | {billed(one, memory, 'cold')} | {asked or 'nothing'} "
            f"| {one['bytes_out'] + one.get('bytes_sent', 0):,} |"
        )
    yield ""
    yield f"Measured with {measured['conditions']}."


def _fixed(prices: Prices, deployed: Deployment) -> Iterator[str]:
    yield "| by the month, whether called or not | dollars |"
    yield "|---|---:|"
    for what, value in {
        f"{deployed.secrets} secret": deployed.secrets * prices["secret_month"],
        f"{deployed.alarm_metrics} metrics of alarms": deployed.alarm_metrics * prices["alarm_metric_month"],
        f"Lambda waiting for {deployed.polled} queues": deployed.polled * IDLE_POLLS * prices["sqs_request"],
    }.items():
        yield f"| {what} | {value:.2f} |"


def written(page: str, inner: str) -> str:
    """The page with what stands between its marks replaced."""
    return replaced(page, inner, BEGIN, END)


def replaced(page: str, inner: str, begin: str, end: str) -> str:
    """A page with what stands between two marks replaced, marks included."""
    found = re.subn(f"{re.escape(begin)}.*{re.escape(end)}", lambda _: inner, page, flags=re.DOTALL)
    if found[1] != 1:
        raise ValueError(f"the page must have the marks {begin} and {end} once")
    return found[0]
