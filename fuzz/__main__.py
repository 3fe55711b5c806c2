"""``python -m fuzz``: a million spoilt requests, by default on two processes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.campaign import run_all
from fuzz.findings import FOLDER, Finding
from fuzz.target import Target


def replay(path: Path) -> int:
    """Send a finding again, and say what comes of it."""
    with Target(store=True) as target:
        violation = Finding.read(path).replay(target)
    sys.stdout.write(f"{violation or 'keeps all the rules'}\n")
    return 1 if violation else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    parser.add_argument("--processes", type=int, default=2, help="how many share the work")
    parser.add_argument("--findings", type=Path, default=FOLDER, help="where findings go")
    parser.add_argument("--replay", type=Path, help="send a finding again instead")
    options = parser.parse_args(argv)
    if options.replay is not None:
        return replay(options.replay)
    stats, findings = run_all(options.requests, options.seed, options.processes)
    sys.stdout.write(stats.report() + "\n")
    for finding in findings:
        sys.stdout.write(f"\nFOUND {finding.detail[:1000]}\n  {finding.write(options.findings)}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
