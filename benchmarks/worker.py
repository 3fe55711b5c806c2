"""Runs in a peer's own interpreter: one job, given as JSON, its result printed as JSON.

LoopTask as a script with ``python -I``, so that nothing but the peer's environment can be imported. Until the
peer has been imported, this imports nothing that Lambda's runtime client has not imported already.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from time import perf_counter_ns, process_time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


class LambdaContext:
    """What handlers may read of Lambda's context object."""

    aws_request_id = "01234567-89ab-cdef-0123-456789abcdef"
    function_name = "benchmark"
    memory_limit_in_mb = "512"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


CONTEXT = LambdaContext()


def load_runtime_client(folder: str | None) -> None:
    """Import what Lambda has imported before it imports a function, and set up the log as it does."""
    import logging

    if folder is not None:
        sys.path.append(folder)
        import awslambdaric.bootstrap  # noqa: F401

        sys.path.remove(folder)
    # With a handler on the root logger, a basicConfig of a peer does nothing: so it is in Lambda.
    logging.getLogger().addHandler(logging.StreamHandler())


def quantiles(samples: list[int]) -> dict[str, float]:
    """Microseconds from nanoseconds."""
    ordered = sorted(samples)
    return {
        f"p{percent}": ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] / 1000
        for percent in (25, 50, 75, 99)
    }


def timed(handler: Any, exchange: Any, calls: int, warmup: int) -> list[int]:
    """Check the answer, call, and check the answer again; nanoseconds of every call."""
    samples = []
    event = exchange.event
    response = None
    for number in range(-warmup - 1, calls):
        fresh = json.loads(event)
        start = perf_counter_ns()
        response = handler(fresh, CONTEXT)
        end = perf_counter_ns()
        if number < 0:
            exchange.check(response)
        else:
            samples.append(end - start)
            if response["statusCode"] != 200:
                raise RuntimeError(f"Call {number} failed: {response}")
    exchange.check(response)
    return samples


def load(job: dict[str, Any]) -> Any:
    """The peer's module."""
    sys.path.append(HERE)
    return import_module(f"peers.{job['module']}")


def the_call(job: dict[str, Any], handler: Any) -> Any:
    """The tool call that is timed."""
    import exchanges

    if job["module"].endswith("_legacy"):
        session = load(job).open_session(handler, exchanges.initialize(job["protocol"]))
        return exchanges.call(job["protocol"], "add", {"a": 2, "b": 3}, 5, session)
    if job["module"].endswith("_auth"):
        token = load(job).token(exchanges.ENDPOINT)
        return exchanges.call(job["protocol"], "add", {"a": 2, "b": 3}, 5, token=token)
    if job["module"].endswith("_models"):
        return exchanges.call(job["protocol"], "price_order", {"order": exchanges.ORDER}, exchanges.RECEIPT)
    return exchanges.call(job["protocol"], "add", {"a": 2, "b": 3}, 5)


def start(job: dict[str, Any]) -> dict[str, Any]:
    """Import and build, then the first call."""
    load_runtime_client(job["runtime_client"])
    print("benchmark: here the peer begins", file=sys.stderr, flush=True)
    begin, worked = perf_counter_ns(), process_time_ns()
    handler = load(job).build()
    ready, worked = perf_counter_ns(), process_time_ns() - worked
    modules = len(sys.modules)
    print("benchmark: here it is ready", file=sys.stderr, flush=True)
    exchange = the_call(job, handler)
    event = json.loads(exchange.event)
    before = perf_counter_ns()
    response = handler(event, CONTEXT)
    after = perf_counter_ns()
    exchange.check(response)
    return {
        "start_ms": (ready - begin) / 1e6,
        "processor_ms": worked / 1e6,
        "first_us": (after - before) / 1e3,
        "modules": modules,
    }


def call(job: dict[str, Any]) -> dict[str, Any]:
    """Warm tool calls."""
    load_runtime_client(job["runtime_client"])
    handler = load(job).build()
    return quantiles(timed(handler, the_call(job, handler), job["calls"], job["warmup"]))


def listing(job: dict[str, Any]) -> dict[str, Any]:
    """Lists of many tools: the first one apart, since schemas may be made then."""
    load_runtime_client(job["runtime_client"])
    handler = load(job).build_many(job["tools"])
    import exchanges

    exchange = exchanges.listing(job["protocol"], job["tools"])
    event = json.loads(exchange.event)
    before = perf_counter_ns()
    response = handler(event, CONTEXT)
    first = perf_counter_ns() - before
    exchange.check(response)
    return {**quantiles(timed(handler, exchange, job["calls"], job["warmup"])), "first_us": first / 1e3}


def asking(job: dict[str, Any]) -> dict[str, Any]:
    """Conversations of one question and more: all rounds of each."""
    load_runtime_client(job["runtime_client"])
    module = load(job)
    import exchanges

    found = {}
    for questions in job["questions"]:
        handler = module.build_asking(questions)
        rounds = exchanges.conversation(handler, CONTEXT, questions)
        calls = max(job["calls"] // (questions + 1), 5)
        samples = [timed(handler, exchange, calls, job["warmup"]) for exchange in rounds]
        found[questions] = {
            **quantiles([sum(whole) for whole in zip(*samples, strict=True)]),
            "first_round_us": quantiles(samples[0])["p50"],
            "last_round_us": quantiles(samples[-1])["p50"],
        }
    return found


def growth(job: dict[str, Any]) -> dict[str, Any]:
    """Building a server of many tools, and calling the last one."""
    load_runtime_client(job["runtime_client"])
    module = load(job)
    import exchanges

    begin = perf_counter_ns()
    handler = module.build_many(job["tools"])
    built = perf_counter_ns() - begin
    exchange = exchanges.call(job["protocol"], f"add_{job['tools'] - 1}", {"a": 2, "b": 3}, 5)
    return {"build_ms": built / 1e6, **quantiles(timed(handler, exchange, job["calls"], job["warmup"]))}


def arguments(job: dict[str, Any]) -> dict[str, Any]:
    """Calls with arguments of growing size: a list of lines of text."""
    load_runtime_client(job["runtime_client"])
    handler = load(job).build()
    import exchanges

    line = "All happy families are alike; every unhappy one is not. " + "0123"
    found: dict[str, Any] = {}
    for size, calls in job["sizes"]:
        lines = [line] * max(size // (len(line) + 4), 1)
        exchange = exchanges.call(job["protocol"], "count_lines", {"lines": lines}, len(lines))
        try:
            found[size] = quantiles(timed(handler, exchange, calls, 1))
        except exchanges.RefusedError as refusal:
            found[size] = {"refused": str(refusal)}
    return found


def memory(job: dict[str, Any]) -> dict[str, Any]:
    """Resident memory, in bytes, at every stage."""
    stages = {"interpreter": resident()}
    load_runtime_client(job["runtime_client"])
    if job["runtime_client"]:
        stages["runtime client"] = resident()
    module = load(job)
    stages["imported"] = resident()
    handler = module.build()
    stages["built"] = resident()
    exchange = the_call(job, handler)
    exchange.check(handler(json.loads(exchange.event), CONTEXT))
    for _ in range(job["calls"]):
        response = handler(json.loads(exchange.event), CONTEXT)
        if response["statusCode"] != 200:
            raise RuntimeError(f"A call failed: {response}")
    stages["called"] = resident()
    exchange.check(response)
    return stages


def resident() -> int:
    """Bytes of this process in memory now; where the system does not tell, the most there ever were."""
    try:
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def profile(job: dict[str, Any]) -> dict[str, Any]:
    """Where warm calls spend their time."""
    load_runtime_client(job["runtime_client"])
    handler = load(job).build()
    exchange = the_call(job, handler)
    timed(handler, exchange, 200, 0)
    events = [json.loads(exchange.event) for _ in range(job["calls"])]
    import cProfile
    import io
    import pstats

    profiler = cProfile.Profile()
    profiler.enable()
    for event in events:
        handler(event, CONTEXT)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(18)
    return {"text": text.getvalue()}


JOBS = {job.__name__: job for job in (start, call, listing, asking, growth, arguments, memory, profile)}

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(JOBS[given["kind"]](given)))
