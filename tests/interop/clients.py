"""The clients: each does what it is asked to, and tells the outcome.

A task is `{"do": ..., "server": ..., "era": ..., **arguments}`; an outcome is `{"value": ...}`, or
`{"error": {...}}` where the client raised. What there is to do, see the drivers.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from tests.interop import install

DRIVERS = Path(__file__).parent / "drivers"
SECONDS = 30

ENVIRONMENT = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
"""The hosts are on this machine, whatever the way to others."""

Task = dict[str, Any]
Outcome = dict[str, Any]


class Client(Protocol):
    """Anything that carries tasks out."""

    def run(self, task: Task) -> Outcome: ...

    def close(self) -> None: ...


class Driver:
    """A process with a client in it, that lives as long as the tests: tasks in, outcomes out.

    Args:
        command: starts the process.
        log: where its standard error goes.
        variables: of its environment.
    """

    def __init__(self, command: list[str], log: Path, variables: Mapping[str, str] | None = None) -> None:
        self._log = log
        with ExitStack() as stack:
            errors = stack.enter_context(log.open("wb"))
            self._process = stack.enter_context(
                subprocess.Popen(
                    command,
                    env={**ENVIRONMENT, **(variables or {})},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            )
            self._open = stack.pop_all()

    def run(self, task: Task) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(SECONDS, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            raise RuntimeError(f"The client has ended:\n{self._log.read_text(errors='replace')}")
        outcome: Outcome = json.loads(line)
        return outcome

    def close(self) -> None:
        late = threading.Timer(SECONDS, self._process.kill)
        late.start()
        # Leaving the process's own context closes its standard input, which ends it, and waits for it.
        self._open.close()
        late.cancel()


class Inspector:
    """The command line of the MCP Inspector: a process for every task.

    Args:
        launcher: the script that `npx @modelcontextprotocol/inspector` runs.
        home: a folder for what it saves.
    """

    def __init__(self, launcher: Path, home: Path) -> None:
        self._command = [str(install.NODE), str(launcher)]
        # Node reads a megabyte of script for every task: compiled once, that takes a sixth less.
        self._environment = {**ENVIRONMENT, "HOME": str(home), "NODE_COMPILE_CACHE": str(home / "compiled")}

    def run(self, task: Task) -> Outcome:
        if task["do"] == "about":
            return {"value": self._about}
        if task["do"] == "batch":
            return {"value": [self.run({**task, **step}) for step in task["tasks"]]}
        server = [task["server"]] if isinstance(task["server"], str) else task["server"]
        era = [] if task["era"] == "default" else ["--protocol-era", task["era"]]
        done = self._call("--cli", *server, *era, "--format", "json", "--quiet", *_arguments(task))
        # A tool that failed has a result on standard output, and an error besides.
        if done.stdout:
            return {"value": _value(task, json.loads(done.stdout)["result"])}
        return {"error": {"type": f"exit {done.returncode}", **json.loads(done.stderr)["error"]}}

    def close(self) -> None:
        """Nothing is left of a task."""

    @cached_property
    def _about(self) -> str:
        return f"@modelcontextprotocol/inspector {self._call('--version').stdout.strip()} --cli"

    def _call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


_LISTS = {
    "tools": "tools/list",
    "resources": "resources/list",
    "resourceTemplates": "resources/templates/list",
    "prompts": "prompts/list",
}


def _arguments(task: Task) -> list[str]:
    match task["do"]:
        case "discover":
            return ["--method", "initialize"]
        case "all_of":
            return ["--method", _LISTS[task["kind"]]]
        case "pages":
            return ["--method", _LISTS[task["kind"]], "--cursor", "first"]
        case "call":
            arguments = json.dumps(task["arguments"])
            return ["--method", "tools/call", "--tool-name", task["name"], "--tool-args-json", arguments]
        case "read":
            return ["--method", "resources/read", "--uri", task["uri"]]
        case "prompt":
            pairs = [f"{name}={value}" for name, value in task["arguments"].items()]
            return ["--method", "prompts/get", "--prompt-name", task["name"], "--prompt-args", *pairs]
        case "complete":
            return ["--method", "prompts/complete"]
        case unknown:
            raise ValueError(unknown)


def _value(task: Task, result: Any) -> Any:
    match task["do"]:
        case "discover":
            return {**result, "protocol": result["protocolVersion"]}
        case "all_of" | "pages":
            return result[task["kind"]]
        case "call":
            return {"result": result, "reports": [], "asked": []}
        case "read":
            return result["contents"]
        case _:
            return result


def python(folder: Path, variables: Mapping[str, str] | None = None) -> Client:
    """The client of the official Python SDK, of the development environment."""
    return Driver([sys.executable, str(DRIVERS / "client_python.py")], folder / "python.log", variables)


def typescript(folder: Path, variables: Mapping[str, str] | None = None) -> Client:
    """The official TypeScript client."""
    install.npm()
    return Driver([str(install.NODE), str(DRIVERS / "client.mjs")], folder / "typescript.log", variables)


def fastmcp(folder: Path) -> Client:
    """FastMCP's client."""
    return _python("fastmcp-4", "client_fastmcp.py", folder)


def inspector(folder: Path) -> Client:
    """The MCP Inspector's command line."""
    launcher = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    return Inspector(install.npm() / launcher, folder)


def _python(name: str, driver: str, folder: Path) -> Client:
    command = [str(install.python(name)), str(DRIVERS / driver)]
    return Driver(command, folder / f"{name}.log")


def _sdk(name: str, folder: Path) -> Client:
    install.npm()
    return Driver([str(install.NODE), str(DRIVERS / "client_sdk.mjs"), name], folder / f"{name}.log")


CLIENTS: dict[str, Callable[[Path], Client]] = {
    "python": python,
    "typescript": typescript,
    "fastmcp": fastmcp,
    "inspector": inspector,
}
"""The newest releases, which are tested in every respect."""

OLDER: dict[str, Callable[[Path], Client]] = {
    **{name: partial(_python, name, "client_python_1.py") for name in ("mcp-1.9", "mcp-1.13", "mcp-1.26")},
    **{name: partial(_python, name, "client_fastmcp.py") for name in ("fastmcp-2", "fastmcp-3")},
    **{
        name: partial(_sdk, name)
        for name in ("sdk-1.9", "sdk-1.10", "sdk-1.11", "sdk-1.16", "sdk-1.24", "sdk-1.32")
    },
}
"""Releases that speak the legacy versions only."""
