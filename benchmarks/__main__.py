"""Measure everything, print the tables, keep them.

python -m benchmarks [--quick] [--only import,warm,memory,size,growth] [--python PYTHON]
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.budgets import check_budgets
from benchmarks.environments import HERE, ROOT, Installer, library_digest
from benchmarks.measure import GROUPS
from benchmarks.profiles import explain

RESULTS = HERE / "results"
PICTURE = ROOT / "docs" / "benchmarks.svg"


def main() -> None:
    options = _options()
    bench = Bench(Installer(options.python), QUICK if options.quick else FULL)
    load, begin = _load(), time.monotonic()
    try:
        results: dict[str, Any] = {group: GROUPS[group](bench) for group in options.only}
        results["conditions"] = {
            "python": _python(bench),
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "lambent": library_digest(),
            "runtime_client": bench.runtime_client is not None,
            "quick": options.quick,
            "load_before": load,
            "load_after": _load(),
            "seconds": round(time.monotonic() - begin),
            "versions": bench.versions(),
        }
        results = json.loads(json.dumps(results))  # as it will be read again
        verdicts = check_budgets(results)
        results["budgets"] = [verdict._asdict() for verdict in verdicts]
        text = report.write(results, verdicts)
        print(text)
        for group, key in sorted({(v.group, v.peer) for v in verdicts if not v.met}):
            print(explain(bench, group, key, results[group]), "\n")
    finally:
        bench.close()
    whole = not options.quick and set(options.only) == set(GROUPS)
    _keep(results, text, RESULTS / ("latest" if whole else "partial"))
    if whole:
        plot.draw(results, PICTURE)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Lambent measured against its peers."
    )
    parser.add_argument("--quick", action="store_true", help="few repetitions, under 90 seconds")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--python", default=_base(), help="the Python that the environments are made with")
    options = parser.parse_args()
    options.only = [group.strip() for group in options.only.split(",")]
    if unknown := set(options.only) - set(GROUPS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return options


def _keep(results: dict[str, Any], text: str, stem: Path) -> None:
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(text, encoding="utf-8")


def _base() -> str:
    return getattr(sys, "_base_executable", sys.executable)


def _python(bench: Bench) -> str:
    import subprocess

    from benchmarks.roster import ALL

    python = bench.environment_of(ALL["bare"]).python
    script = "import platform; print(platform.python_implementation(), platform.python_version())"
    return subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _load() -> float:
    return round(os.getloadavg()[0], 2)


if __name__ == "__main__":
    main()
