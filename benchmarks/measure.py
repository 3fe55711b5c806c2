"""The measurements: which jobs run, how often, in which order."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import roster
from benchmarks.environments import HERE, Environment, Installer
from benchmarks.roster import Peer

Summary = dict[str, Any]

PROVIDED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "python_dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings along with boto3."""
INSTALLERS = ("pip", "uv", "setuptools", "wheel")
SEALING = ("cryptography", "cffi", "_cffi_backend", "pycparser")
"""Lambent needs these for questions and tokens; a plain tool function does not deploy them."""


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
            _say(f"\r{'installing ' + name:<50}")
            self._environments[name] = installer.environment(name)
        self.runtime_client = installer.runtime_client()
        for peer in (*roster.PLAIN, *roster.MODELS):
            _say(f"\r{'trying ' + peer.key:<50}")
            self.run(peer, "start")  # writes the .pyc files, warms the disk cache, checks the answer
        _say(f"\r{'':<50}\r")

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
                _say(f"\r{title}: {turn + 1} of {times}, {peer.key:<20}")
                found[peer.key].append(self.run(peer, kind, **job))
        _say(f"\r{'':<70}\r")
        return found


def measure_start(bench: Bench) -> Summary:
    """Import and build, and the first call."""
    found = bench.interleaved("start", (*roster.STARTING, *roster.MODELS), "start", bench.plan.starts)
    return {
        key: {
            "start_ms": spread([run["start_ms"] for run in runs]),
            "processor_ms": spread([run["processor_ms"] for run in runs]),
            "first_us": spread([run["first_us"] for run in runs]),
            "modules": runs[0]["modules"],
        }
        for key, runs in found.items()
    }


def measure_warm(bench: Bench) -> Summary:
    """Warm calls, lists and conversations."""
    plan = bench.plan
    calls = bench.interleaved(
        "tools/call", (*roster.PLAIN, *roster.MODELS), "call", plan.processes, calls=plan.calls, warmup=200
    )
    less = max(plan.processes - 2, 1)
    lists = bench.interleaved(
        "tools/list", roster.LISTING, "listing", less, tools=100, calls=plan.lists, warmup=10
    )
    asking = bench.interleaved(
        "asking", roster.ASKING, "asking", less, questions=[1], calls=plan.conversations, warmup=20
    )
    return {
        "call": {key: merged(runs) for key, runs in calls.items()},
        "list": {key: merged(runs) for key, runs in lists.items()},
        "asking": {key: merged([run["1"] for run in runs]) for key, runs in asking.items()},
    }


def measure_memory(bench: Bench) -> Summary:
    """Resident memory, without Lambda's runtime client; and that client's own."""
    found = bench.interleaved(
        "memory", roster.STARTING, "memory", bench.plan.memory, calls=2000, runtime_client=None
    )
    summary: Summary = {
        key: {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
        for key, runs in found.items()
    }
    if bench.runtime_client is not None:
        stages = bench.run(roster.ALL["bare"], "memory", calls=1)
        summary["bare"]["runtime client"] = stages["runtime client"] - stages["interpreter"]
    return summary


def measure_size(bench: Bench) -> Summary:
    """Zipped bytes of what has to be deployed."""
    peers = (*roster.STARTING, roster.ALL["bare_models"], roster.ALL["lambent_models"])
    summary: Summary = {}
    for peer in peers:
        left_out = SEALING if peer.environment.startswith("lambent") else ()
        summary[peer.key] = zipped(bench.environment_of(peer).site, left_out)
    summary["lambent"]["with_sealing"] = zipped(bench.environment_of(roster.ALL["lambent"]).site, ())["bytes"]
    return summary


def measure_growth(bench: Bench) -> Summary:
    """The cost as tools, arguments and rounds grow."""
    plan = bench.plan
    tools: Summary = {peer.key: {} for peer in roster.GROWING}
    for count in plan.tools:
        found = bench.interleaved(
            f"{count} tools", roster.GROWING, "growth", plan.growth, tools=count, calls=40, warmup=5
        )
        for key, runs in found.items():
            tools[key][count] = merged(runs)
    arguments = bench.interleaved("arguments", roster.PLAIN, "arguments", plan.growth, sizes=plan.sizes)
    rounds = bench.interleaved(
        "rounds", roster.ASKING, "asking", plan.growth, questions=plan.questions, calls=60, warmup=2
    )
    return {
        "tools": tools,
        "arguments": {key: by_point(runs) for key, runs in arguments.items()},
        "rounds": {key: by_point(runs) for key, runs in rounds.items()},
    }


GROUPS = {
    "import": measure_start,
    "warm": measure_warm,
    "memory": measure_memory,
    "size": measure_size,
    "growth": measure_growth,
}


def spread(values: Sequence[float]) -> Summary:
    """Median and quartiles of what several processes found."""
    ordered = sorted(values)
    middle = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    return {"median": middle[1], "p25": middle[0], "p75": middle[2], "least": ordered[0], "most": ordered[-1]}


def merged(runs: Sequence[Summary]) -> Summary:
    """The median over processes of each figure, and the span of their medians."""
    summary: Summary = {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
    middles = [run["p50"] for run in runs]
    return {**summary, "least_p50": min(middles), "most_p50": max(middles)}


def by_point(runs: Sequence[Summary]) -> Summary:
    """The same for every point of a growth; a point that was refused stays so."""
    return {
        point: runs[0][point] if "refused" in runs[0][point] else merged([run[point] for run in runs])
        for point in runs[0]
    }


def zipped(site: Path, left_out: Sequence[str]) -> Summary:
    """Zip a site-packages as a function's artifact: no bytecode, no installers, nothing that Lambda has."""
    skipped = (*PROVIDED, *INSTALLERS, *left_out)
    largest: list[tuple[int, str]] = []
    with tempfile.TemporaryFile() as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(site.rglob("*")):
            inside = path.relative_to(site)
            name = inside.parts[0].partition("-")[0].partition(".")[0]
            if path.is_file() and path.suffix != ".pyc" and name not in skipped:
                archive.write(path, inside)
                largest.append((archive.getinfo(inside.as_posix()).compress_size, inside.as_posix()))
        archive.close()
        total = file.seek(0, os.SEEK_END)
    return {"bytes": total, "files": len(largest), "largest": sorted(largest, reverse=True)[:12]}


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)
