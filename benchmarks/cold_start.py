"""Cold starts of the built artifacts under Lambda's own runtime client, with bytecode and without.

python -m benchmarks.cold_start [--starts N]

Each start is a new process that initializes, asks a Runtime API on a loopback port for its first event, and
answers it. All take turns, and each turn begins with another one. Results go to results/cold_start.md.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.artifact import artifacts
from tests.artifact.runtime_api import ExecutionEnvironment
from tests.support import SECRET, Reply, dumps, headers_of, http_api, message

from benchmarks.environments import HERE
from lambent.cli.artifact.bundle import bundle

RESULT = HERE / "results" / "cold_start.md"
BARE = """
import json

def handler(event, context):
    request = json.loads(event["body"])
    return {"statusCode": 200, "headers": {}, "body": json.dumps({"id": request["id"], "result": {}})}
"""
VARIABLES = {"LAMBENT_STATE_KEYS": SECRET, "REPORT_PACE": "0"}
OF_FUNCTIONS = {"orders": {"LAMBENT_TABLE": "lambent"}}
"""What a function does not start without; no case uses the table."""


def event_of(method: str, params: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    body = message(method, params, **meta)
    return http_api(dumps(body), headers_of(body))


def call(name: str, arguments: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return event_of("tools/call", {"name": name, "arguments": arguments}, **meta)


class Case(NamedTuple):
    """A function and its first request.

    Attributes:
        what: both, in words.
        function: its folder, relative to that of its variant.
        layers: the layers of it, likewise.
        event: the request.
        check: whether the result is right.
    """

    what: str
    function: str
    layers: tuple[str, ...]
    event: dict[str, Any]
    check: Callable[[dict[str, Any]], bool]


CASES = (
    Case("bare handler", "bare", (), call("add", {}), lambda result: result == {}),
    Case("hello: call", "hello", (), call("hello", {}), lambda result: "isError" not in result),
    Case(
        "orders: call",
        "orders",
        ("runtime",),
        call("lookup_order", {"order_id": "ORD-1005"}),
        lambda result: result["structuredContent"]["id"] == "ORD-1005",
    ),
    Case(
        "orders: question, sealed",
        "orders",
        ("runtime",),
        call("refund_order", {"order_id": "ORD-1005"}, capabilities={"elicitation": {}}),
        lambda result: result["resultType"] == "input_required",
    ),
    Case(
        "reports: call",
        "reports",
        ("runtime",),
        call("compare_months", {"year": 2026, "first": 3, "last": 3}),
        lambda result: result["structuredContent"]["best"] == "2026-03",
    ),
    Case(
        "backoffice: call, FastAPI",
        "backoffice",
        ("runtime", "extras"),
        call("list_shipments", {}),
        lambda result: "isError" not in result,
    ),
)
VARIANTS = ("compiled", "sources", "all")
"""As it is deployed, without bytecode, and with bytecode of functions as well."""


class Start(NamedTuple):
    """A start, in milliseconds.

    Attributes:
        init: until it asked for its first event.
        answered: until its first answer, since the process was started.
        processor: processor time until then.
    """

    init: float
    answered: float
    processor: float


def prepare(folder: Path) -> None:
    """Build everything as it is deployed, and copy it into the other variants."""
    compiled = folder / "compiled"
    for name in artifacts.TARGETS:
        artifacts.build(name, compiled / name)
    for case in CASES:
        if not (compiled / case.function).exists():
            source = artifacts.FUNCTIONS / case.function
            if source.exists():
                shutil.copytree(
                    source, compiled / case.function, ignore=shutil.ignore_patterns("__pycache__")
                )
    (compiled / "bare").mkdir()
    (compiled / "bare" / "app.py").write_text(BARE)
    shutil.copytree(compiled, folder / "sources", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(compiled, folder / "all")
    for function in {case.function for case in CASES}:
        bundle(folder / "all" / function, python=artifacts.PYTHON)


def start(python: Path, folder: Path, case: Case) -> Start:
    """Start a function and have it answer."""
    layers = [folder / layer for layer in case.layers]
    variables = {**VARIABLES, **OF_FUNCTIONS.get(case.function, {})}
    with ExecutionEnvironment(python, folder / case.function, layers=layers, variables=variables) as made:
        answer = made.invoke(case.event)
        result = Reply(answer.value).result
        assert case.check(result), result
        init = made.ready - made.started
        return Start(init * 1000, (init + answer.seconds) * 1000, processor_seconds(made.pid) * 1000)


def processor_seconds(pid: int) -> float:
    """Seconds that a process has had a processor; not a number where the system does not tell."""
    try:
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except OSError:
        return float("nan")
    return sum(int(text.split()[0]) for text in tasks) / 1e9 if tasks else float("nan")


def measure(python: Path, folder: Path, starts: int) -> dict[tuple[str, str], list[Start]]:
    """Start everything a number of times, in turns; one time before, to warm the disk cache."""
    turns = [(case, variant) for case in CASES for variant in VARIANTS]
    found: dict[tuple[str, str], list[Start]] = {}
    for number in range(-1, starts):
        shift = number % len(turns)
        for case, variant in turns[shift:] + turns[:shift]:
            took = start(python, folder / variant, case)
            if number >= 0:
                found.setdefault((case.what, variant), []).append(took)
    return found


def median(starts: list[Start]) -> Start:
    return Start(*(statistics.median(column) for column in zip(*starts, strict=True)))


def table(found: dict[tuple[str, str], list[Start]]) -> Iterator[str]:
    yield (
        "| first request | init, ms | answered, ms | processor, ms "
        "| without bytecode: answered | processor | ratio | functions compiled too: processor |"
    )
    yield "|---" * 8 + "|"
    for case in CASES:
        compiled, sources, everything = (median(found[case.what, variant]) for variant in VARIANTS)
        yield (
            f"| {case.what} | {compiled.init:.0f} | {compiled.answered:.0f} | {compiled.processor:.0f} "
            f"| {sources.answered:.0f} | {sources.processor:.0f} "
            f"| {sources.processor / compiled.processor:.2f} | {everything.processor:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start")
    parser.add_argument("--starts", type=int, default=25, help="of each kind")
    starts = max(parser.parse_args().starts, 1)
    python = artifacts.lambda_python()
    if python is None:
        sys.exit(f"Python {artifacts.PYTHON} is needed, which Lambda runs")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        prepare(Path(folder))
        found = measure(python, Path(folder), starts)
    lines = [
        "# Cold starts",
        "",
        f"Medians of {starts} starts of each, in turns; Python {artifacts.PYTHON} on {platform.machine()},",
        f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after on {os.cpu_count()} cores.",
        "Where others have the machine, times grow and processor time hardly does.",
        "*Ratio*: of processor time, without bytecode to with it.",
        "",
        *table(found),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
