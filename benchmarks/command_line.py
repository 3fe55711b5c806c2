"""How long the commands of ``lambent`` take: ``python -m benchmarks.command_line``.

The budgets: 150 ms for ``lambent --help``, 400 ms for ``lambent call`` besides the server.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 15
APP = """
from lambent import MCPServer

mcp = MCPServer("bench", version="1.0.0")


@mcp.tool()
def add(a: int, b: int = 1) -> int:
    return a + b


app = mcp.asgi()
"""


def measure(*words: str) -> tuple[float, float]:
    """The shortest of several runs of a command, in ms: on the clock, and of the CPU."""
    clock, cpu = [], []
    for _ in range(RUNS):
        before, started = _cpu(), time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        clock.append(time.perf_counter() - started)
        cpu.append(_cpu() - before)
    return min(clock) * 1000, min(cpu) * 1000


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure each command, and print a line for it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("bench_app.py").write_text(APP)
        command = [sys.executable, "-m", "uvicorn", "--log-level", "error", "--port", "8977", "bench_app:app"]
        with subprocess.Popen(command) as server:
            try:
                time.sleep(3)
                for words in (
                    ("-c", "pass"),
                    ("-m", "lambent", "--help"),
                    ("-m", "lambent", "call", "bench_app.py", "add", "a=2"),
                    ("-m", "lambent", "call", "http://127.0.0.1:8977/mcp", "add", "a=2"),
                    ("-m", "lambent", "inspect", "bench_app.py"),
                ):
                    clock, cpu = measure(*words)
                    print(f"{clock:6.0f} ms  {cpu:6.0f} ms CPU  python {' '.join(words)}")
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
