"""Runs jobs in the peers' environments, and how often."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import roster
from benchmarks.environments import HERE, Environment, Installer
from benchmarks.roster import Peer

Summary = dict[str, Any]


class Plan(NamedTuple):
    """How often everything is repeated: the same for all peers.

    Attributes:
        starts: fresh interpreters for importing and building.
        processes: fresh interpreters for each warm measurement.
        calls: warm calls in each.
        lists: warm lists of 100 tools in each.
        conversations: conversations of two rounds in each.
        memory: fresh interpreters for memory.
        growth: fresh interpreters for each point of growth.
        tools: numbers of tools.
        sizes: bytes of arguments, and calls with each.
        questions: questions of a conversation; it has one round more.
    """

    starts: int
    processes: int
    calls: int
    lists: int
    conversations: int
    memory: int
    growth: int
    tools: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    questions: tuple[int, ...]


FULL = Plan(
    starts=11,
    processes=5,
    calls=2000,
    lists=200,
    conversations=400,
    memory=3,
    growth=3,
    tools=(1, 10, 100, 1000),
    sizes=((1_000, 400), (10_000, 200), (100_000, 60), (1_000_000, 15), (5_000_000, 5)),
    questions=(1, 2, 5, 10, 20),
)
QUICK = Plan(
    starts=3,
    processes=1,
    calls=500,
    lists=50,
    conversations=100,
    memory=1,
    growth=1,
    tools=(1, 100),
    sizes=((1_000, 100), (1_000_000, 5)),
    questions=(1, 5),
)


class JobError(Exception):
    """A job failed; the message has what it wrote to its log."""


class Bench:
    """Runs jobs in the peers' environments.

    Args:
        installer: makes the environments.
        plan: how often everything is repeated.
    """

    def __init__(self, installer: Installer, plan: Plan) -> None:
        self.plan = plan
        self._installer = installer
        self._environments: dict[str, Environment] = {}
        self._home = tempfile.TemporaryDirectory(prefix="benchmark-")
        names = sorted({peer.environment for peer in roster.ALL.values()})
        for name in names:
            say(f"\r{'installing ' + name:<50}")
            self._environments[name] = installer.environment(name)
        self.runtime_client = installer.runtime_client()
        for peer in roster.ALL.values():
            say(f"\r{'trying ' + peer.key:<50}")
            self.run(peer, "start")  # writes the .pyc files, warms the disk cache, checks the answer
        say(f"\r{'':<50}\r")

    def close(self) -> None:
        """Remove the peers' home directory."""
        self._home.cleanup()

    def environment_of(self, peer: Peer) -> Environment:
        """Where a peer is installed."""
        return self._environments[peer.environment]

    def versions(self) -> dict[str, dict[str, str]]:
        """What is installed, by environment and distribution."""
        return {name: environment.versions() for name, environment in self._environments.items()}

    def run(self, peer: Peer, kind: str, flags: Sequence[str] = (), **job: Any) -> Summary:
        """Run one job in a fresh interpreter.

        Raises:
            JobError: it failed, or the peer's answer is not what it should be.
        """
        found, _ = self.run_logged(peer, kind, flags, **job)
        return found

    def run_logged(self, peer: Peer, kind: str, flags: Sequence[str] = (), **job: Any) -> tuple[Summary, str]:
        """The same, with what the job wrote to its log."""
        client = str(self.runtime_client) if self.runtime_client else None
        job = {"kind": kind, "module": peer.key, "protocol": peer.protocol, "runtime_client": client, **job}
        python = self.environment_of(peer).python
        done = subprocess.run(
            [python, "-I", *flags, HERE / "worker.py", json.dumps(job)],
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": self._home.name,
                "LANG": "C.UTF-8",
                "AWS_REGION": "eu-west-1",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
                "LAMBENT_STATE_KEYS": "k" * 64,
            },
            cwd=self._home.name,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode != 0:
            raise JobError(f"{peer.key}: {kind} failed\n{done.stderr[-3000:]}")
        found: Summary = json.loads(done.stdout.splitlines()[-1])
        return found, done.stderr

    def interleaved(
        self, title: str, peers: Sequence[Peer], kind: str, times: int, **job: Any
    ) -> dict[str, list[Summary]]:
        """Run a job for every peer in turn, several times, each time starting with another peer."""
        found: dict[str, list[Summary]] = {peer.key: [] for peer in peers}
        for turn in range(times):
            for place in range(len(peers)):
                peer = peers[(turn + place) % len(peers)]
                say(f"\r{title}: {turn + 1} of {times}, {peer.key:<20}")
                found[peer.key].append(self.run(peer, kind, **job))
        say(f"\r{'':<70}\r")
        return found


def say(text: str) -> None:
    """Show progress on a terminal."""
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)
