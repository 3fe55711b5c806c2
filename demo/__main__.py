"""Start the gateway with functions/orders, run the session against it, and stop or keep serving."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.session import run_session

APP = Path(__file__).parents[1] / "functions" / "orders" / "app.py"


@contextmanager
def gateway(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `lambent dev` on the orders app.

    Args:
        options: further arguments of `lambent dev`.

    Yields:
        The URL of the MCP endpoint, and the gateway's process.
    """
    command = [sys.executable, "-m", "lambent.cli", "dev", str(APP), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            if words[:1] != ["Serving"]:
                raise SystemExit("The gateway did not start")
            yield words[1], process
        finally:
            process.terminate()


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep serving afterwards, with reload")
    parser.add_argument("--port", type=int, default=None, help="default: 8080 with --serve, else a free one")
    arguments = parser.parse_args()
    port = arguments.port if arguments.port is not None else 8080 if arguments.serve else 0
    options = ["--port", str(port), "--environments", "3", "--quiet", "--no-aws"]
    # Both end the gateway too, from whatever shell this was started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started = time.perf_counter()
    with gateway(*options, "--reload" if arguments.serve else "--no-reload") as (url, process):
        print(f"gateway  {url}, three environments that share nothing")
        asyncio.run(run_session(url))
        print(f"done     {time.perf_counter() - started:.1f} s in all")
        if arguments.serve:
            with contextlib.suppress(KeyboardInterrupt):
                print(f"\nServing {url} until Ctrl-C; edit functions/orders and call again.", flush=True)
                process.wait()


if __name__ == "__main__":
    main()
