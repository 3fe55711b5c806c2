"""When the parts of a response arrive: a function that streams, the same one buffered, the same server live.

python -m benchmarks.streaming [--calls N]

Each call makes five reports of progress with a pause in front of each. A report has the time at which it is
made, and the client notes when it has arrived, by the same clock. Results go to results/streaming.md.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import httpx
from tests.artifact.function_url import FunctionUrl
from tests.artifact.runtime_api import ExecutionEnvironment
from tests.interop import hosts
from tests.support import SECRET, headers_of, message

import lambent
from benchmarks.environments import HERE

RESULT = HERE / "results" / "streaming.md"
REPORTS, PAUSE = 5, 0.05
SERVER = f"""
import time
from lambent import Context, MCPServer

mcp = MCPServer("shop")

@mcp.tool()
def count(ctx: Context) -> str:
    for number in range({REPORTS}):
        time.sleep({PAUSE})
        ctx.report_progress(number, message=repr(time.monotonic()))
    return repr(time.monotonic())

handler = mcp.lambda_handler()
asgi = mcp.asgi()
"""
CALL = message("tools/call", {"name": "count", "arguments": {}}, progressToken="t")


class Arrivals(NamedTuple):
    """One call, in milliseconds.

    Attributes:
        first: until the first byte of the body, since the request was sent.
        reports: from the making of a report to its arrival, of each.
        result: the same of the result.
    """

    first: float
    reports: list[float]
    result: float


@contextlib.contextmanager
def function(folder: Path, client: str, mode: str) -> Iterator[str]:
    """The server as a function behind a Function URL; the URL."""
    path = os.pathsep.join((str(folder), str(Path(lambent.__file__).parents[1])))
    variables = {"PYTHONPATH": path, "LAMBENT_STATE_KEYS": SECRET, "LAMBENT_RESPONSE_MODE": mode}
    with (
        ExecutionEnvironment(Path(sys.executable), folder, variables=variables, client=client) as made,
        FunctionUrl([made]) as url,
    ):
        yield f"{url.address}/mcp"


def live(folder: Path) -> AbstractContextManager[str]:
    """The server under uvicorn; the URL."""
    variables = {"PYTHONPATH": os.pathsep.join((str(folder), *sys.path))}
    return hosts.asgi(folder / "log", "app:asgi", variables=variables)


def call(client: httpx.Client, url: str) -> Arrivals:
    """Make one call."""
    begin, first, arrived = time.monotonic(), 0.0, []
    with client.stream("POST", url, json=CALL, headers=headers_of(CALL)) as response:
        for line in response.iter_lines():
            now = time.monotonic()
            first = first or now - begin
            if line.startswith("data: "):
                arrived.append((json.loads(line.removeprefix("data: ")), now))
    *reports, (reply, at) = arrived
    made = [float(one["params"]["message"]) for one, _ in reports]
    assert len(made) == REPORTS
    ended = float(reply["result"]["structuredContent"]["result"])
    waited = [(now - one) * 1000 for one, (_, now) in zip(made, reports, strict=True)]
    return Arrivals(first * 1000, waited, (at - ended) * 1000)


def measure(calls: int) -> dict[str, list[Arrivals]]:
    """Call all of them in turns; each one time before."""
    found: dict[str, list[Arrivals]] = {}
    with tempfile.TemporaryDirectory(prefix="streaming-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "app.py").write_text(SERVER)
        ours = "lambent.hosts.aws_lambda.runtime_client"
        urls = {
            "function, streamed": stack.enter_context(function(folder, ours, "stream")),
            "function, buffered, awslambdaric": stack.enter_context(
                function(folder, "awslambdaric", "buffered")
            ),
            "live, uvicorn": stack.enter_context(live(folder)),
        }
        client = stack.enter_context(httpx.Client(timeout=60))
        for number in range(-1, calls):
            for what, url in urls.items():
                took = call(client, url)
                if number >= 0:
                    found.setdefault(what, []).append(took)
    return found


def table(found: dict[str, list[Arrivals]]) -> Iterator[str]:
    yield "| host | first byte, ms | a report, ms | the latest of them | the result, ms |"
    yield "|---|---:|---:|---:|---:|"
    for what, calls in found.items():
        reports = [one for call in calls for one in call.reports]
        first, result = (
            statistics.median(column)
            for column in zip(*((one.first, one.result) for one in calls), strict=True)
        )
        yield (
            f"| {what} | {first:.1f} | {statistics.median(reports):.1f} | {max(reports):.1f} | {result:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming")
    parser.add_argument("--calls", type=int, default=50, help="of each kind")
    calls = max(parser.parse_args().calls, 1)
    load = os.getloadavg()[0]
    found = measure(calls)
    lines = [
        "# When the parts of a response arrive",
        "",
        f"Medians of {calls} calls of each, in turns; {REPORTS} reports of progress in a call, with",
        f"{PAUSE * 1000:.0f} ms in front of each; Python {platform.python_version()},",
        f"{platform.machine()}, load {load:.1f} before, {os.getloadavg()[0]:.1f} after,",
        f"{os.cpu_count()} cores.",
        "*A report*, *the result*: from its making in the server to its arrival at the client.",
        "",
        *table(found),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
