"""The measurements: which jobs run, in which order."""

import os
import shutil
import statistics
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import roster
from benchmarks.bench import Bench, Summary
from lambent.cli.artifact.contents import strip

PROVIDED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "python_dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings along with boto3."""
INSTALLERS = ("pip", "uv", "setuptools", "wheel")
SEALING = ("cryptography", "cffi", "_cffi_backend", "pycparser")
"""Lambent needs these for questions and tokens; a plain tool function does not deploy them."""


def measure_start(bench: Bench) -> Summary:
    """Import and build, and the first call."""
    found = bench.interleaved(
        "start", (*roster.STARTING, roster.AUTHORIZED, *roster.MODELS), "start", bench.plan.starts
    )
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
        "tools/call", (*roster.WARM, *roster.MODELS), "call", plan.processes, calls=plan.calls, warmup=200
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
        site = bench.environment_of(peer).site
        summary[peer.key] = built(site) if peer.environment.startswith("lambent") else zipped(site, ())
    site = bench.environment_of(roster.ALL["lambent"]).site
    summary["lambent"]["with_sealing"] = built(site, left_out=())["bytes"]
    summary["lambent"]["as_installed"] = zipped(site, SEALING)["bytes"]
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


def built(site: Path, left_out: Sequence[str] = SEALING) -> Summary:
    """Zip what ``lambent build`` leaves of a site-packages."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "site"
        shutil.copytree(site, copy, ignore=shutil.ignore_patterns("__pycache__", *INSTALLERS, *left_out))
        strip(copy)
        return zipped(copy, left_out)


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
