"""The tables of docs/scaling.md."""

import math
import random
import statistics
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.cost.formula import FULL_PROCESSOR_MB, ROWS, Measured, dollars
from benchmarks.cost.prices import Deployment, Prices, deployment
from benchmarks.environments import ROOT
from benchmarks.scale.demand import demands, read_quotas
from benchmarks.scale.fleets import Found, Service, needed, on_lambda, on_processes
from benchmarks.scale.load import DAYS, MIX, Load, Phase, arrivals, day
from lambent.cli.local_aws.template import read_template

PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- begin: python -m benchmarks.scale -->", "<!-- end -->"
HOURS = 24 * DAYS
SERVERS = {
    "lambent, coroutine": "Lambent behind uvicorn, `async def` tool",
    "sdk, coroutine": "the official SDK behind uvicorn, `async def` tool",
    "lambent, function": "Lambent behind uvicorn, `def` tool",
    "sdk, function": "the official SDK behind uvicorn, `def` tool",
}
PROCESS_GB = 2
"""The least that a task of Fargate with one processor has."""


class Inputs(NamedTuple):
    """What the tables follow from.

    Attributes:
        load: what users do.
        seed: of the simulation.
        invocations: what docs/cost.md is made of.
        services: what was measured for this page.
        prices: in dollars.
    """

    load: Load
    seed: int
    invocations: Measured
    services: Mapping[str, Any]
    prices: Prices


def tables(inputs: Inputs) -> str:
    """What stands between the marks of docs/scaling.md."""
    parts = (_costs(inputs), _fleet_costs(inputs), _quotas(inputs), _simulation(inputs))
    return "\n".join([BEGIN, "", *(line for part in parts for line in [*part, ""]), END])


def _costs(inputs: Inputs) -> Iterator[str]:
    load, rows = inputs.load, {row.what: row for row in ROWS}
    yield f"| {load.users:,} users, {load.calls:g} calls a day each | calls a month | dollars a month |"
    yield "|---|---:|---:|"
    total = 0.0
    for what, share in MIX.items():
        cost = sum(dollars(rows[what], inputs.invocations, inputs.prices, deployment()).values())
        total += cost * share * load.month
        yield f"| {what} | {share * load.month / 1e6:,.0f} million | {cost * share * load.month:,.0f} |"
    yield f"| together | {load.month / 1e6:,.0f} million | **{total:,.0f}** |"
    yield (
        f"| for each 1,000 users | {load.month / load.users / 1000:,.1f} million "
        f"| **{total / load.users * 1000:,.2f}** |"
    )


def _fleet_costs(inputs: Inputs) -> Iterator[str]:
    load = inputs.load
    yield "| plain calls only | processor, ms | environments or processes, mean | most | dollars a month |"
    yield "|---|---:|---:|---:|---:|"
    service = _lambda_service(inputs)
    (plain,) = (row for row in ROWS if row.what == "a plain tool")
    measured = {"invocations": {"plain": inputs.services["lambda"]}}
    waits = load.tool_ms / 1000 * _memory(inputs) / 1024
    busy = service.processor + service.tool
    rates = day(load)
    for what, where in (
        ("Lambent on Lambda, HTTP API", deployment()),
        ("the same, function URL", _without_api()),
    ):
        gb_second = inputs.prices[f"lambda_gb_second_{where.architecture}"]
        each = sum(dollars(plain, measured, inputs.prices, where).values()) + waits * gb_second
        yield (
            f"| {what} | {inputs.services['lambda']['warm_processor_ms']:.2f} "
            f"| {statistics.mean(rates) * busy:,.0f} | {max(rates) * busy:,.0f} | {each * load.month:,.0f} |"
        )
    for kind, what in SERVERS.items():
        one = _process_service(inputs, kind)
        fleet = [needed(rate, one) for rate in rates]
        yield (
            f"| {what} | {inputs.services[kind]['processor_ms']:.2f} | {statistics.mean(fleet):,.1f} "
            f"| {max(fleet):,} | {_processes(inputs, statistics.mean(fleet)):,.0f} |"
        )
    yield ""
    yield f"Measured on {inputs.services['conditions']}."


def _processes(inputs: Inputs, mean: float) -> float:
    """Dollars a month of processes, their load balancer, and what leaves AWS."""
    prices = inputs.prices
    gb = inputs.load.month * inputs.services["lambda"]["bytes_out"] / 1e9
    hour = prices["fargate_vcpu_hour"] + PROCESS_GB * prices["fargate_gb_hour"]
    balancer = prices["balancer_hour"] * HOURS + gb * prices["balancer_gb"]
    return mean * hour * HOURS + balancer + gb * prices["transfer_gb"]


def _without_api() -> Deployment:
    return deployment()._replace(front="function URL", access_log_bytes=0)


def _memory(inputs: Inputs) -> int:
    return deployment().memory[inputs.services["lambda"]["function"]]


def _lambda_service(inputs: Inputs) -> Service:
    one = inputs.services["lambda"]
    slower = max(1.0, FULL_PROCESSOR_MB / _memory(inputs))
    warm = one["warm_processor_ms"] * slower + one["warm_waiting_ms"]
    cold = one["cold_processor_ms"] * slower + one["cold_waiting_ms"]
    return Service(warm / 1000, inputs.load.tool_ms / 1000, cold / 1000)


def _process_service(inputs: Inputs, kind: str) -> Service:
    one = inputs.services[kind]
    return Service(one["processor_ms"] / 1000, inputs.load.tool_ms / 1000, one["start_ms"] / 1000)


def _quotas(inputs: Inputs) -> Iterator[str]:
    load = inputs.load
    parameters = {
        name: one.get("Default")
        for name, one in read_template(ROOT / "template.yaml").section("Parameters").items()
    }
    yield (
        f"| in the busiest hour, or a burst of {load.burst:g} times that | used | quota | met with users "
        "| can be raised | |"
    )
    yield "|---|---:|---:|---:|---|---|"
    for one in sorted(demands(load, inputs.invocations, parameters), key=lambda one: one.users(load)):
        source = one.source.removeprefix("docs/")
        used = f"{one.used:,.0f}" if one.used >= 10 else f"{one.used:.1f}"
        yield (
            f"| {one.what} | {used} | {one.quota:,.0f} {one.unit} | {_rounded(one.users(load)):,} "
            f"| {'yes' if one.raised else 'no'} | [source]({source}) |"
        )


def _rounded(users: float) -> int:
    """Two digits: there are no more in the assumptions."""
    digits = max(0, math.floor(math.log10(users)) - 1)
    return round(users / 10**digits) * 10**digits


def _simulation(inputs: Inputs) -> Iterator[str]:
    yield "| simulated | calls | refused | cold starts | p50, ms | p99, ms | p99.9, ms | most at once |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for what, found in simulations(inputs):
        refused = f"{found.refused:,}"
        if found.reasons:
            refused += f" ({', '.join(name.replace('_', ' ') for name in sorted(found.reasons))})"
        times = " | ".join(f"{found.percentile(share):,.0f}" for share in (0.5, 0.99, 0.999))
        yield f"| {what} | {found.calls:,} | {refused} | {found.cold:,} | {times} | {found.most:,} |"


def simulations(inputs: Inputs) -> Iterator[tuple[str, Found]]:
    """Each fleet under each load; the same calls for all."""
    load = inputs.load
    quotas = {name: one["value"] for name, one in read_quotas().items()}
    service = _lambda_service(inputs)
    calm = load.peak_rate
    steady = math.ceil(calm * (service.processor + service.tool) * 1.5)
    loads = {
        "the busiest hour, one minute of it": (Phase(60, calm),),
        f"a burst of {load.burst:g} times that, 30 s": (
            Phase(20, calm), Phase(30, calm * load.burst), Phase(10, calm),
        ),
    }  # fmt: skip
    for name, phases in loads.items():
        times = list(arrivals(phases, random.Random(inputs.seed)))
        found = on_lambda(times, service, quotas, random.Random(inputs.seed), warm=steady)
        yield f"{name}: Lambent on Lambda", found
        for kind, what in SERVERS.items():
            one = _process_service(inputs, kind)
            yield f"{name}: {what}", on_processes(times, one, random.Random(inputs.seed), calm)
    times = list(arrivals((Phase(30, calm),), random.Random(inputs.seed)))
    yield (
        "the busiest hour, with no environment at its beginning: Lambent on Lambda",
        on_lambda(times, service, quotas, random.Random(inputs.seed)),
    )
