"""``python -m fuzz``: a million mutated requests, by default on two processes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.findings import FOLDER, Finding
from fuzz.fuzzer import run_all


def replay(path: Path) -> int:
    """Send the event of a finding again, and print the rule that it breaks."""
    violation = Finding.read(path).replay()
    sys.stdout.write(f"{violation or 'no rule is broken'}\n")
    return 1 if violation else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the random generators")
    parser.add_argument("--processes", type=int, default=2, help="how many share the work")
    parser.add_argument("--findings", type=Path, default=FOLDER, help="where findings are written")
    parser.add_argument("--replay", type=Path, help="send the event of a finding again instead")
    options = parser.parse_args(argv)
    if options.replay is not None:
        return replay(options.replay)
    results = run_all(options.requests, options.seed, options.processes)
    for (category, name), count in sorted(results.counts.items(), key=lambda row: (row[0][0], -row[1])):
        sys.stdout.write(f"{category:10} {count:10,}  {name}\n")
    done = sum(count for (category, _), count in results.counts.items() if category == "outcome")
    pace, peak = done / max(results.seconds, 1e-9), results.peak_kib / 1024
    sys.stdout.write(
        f"{done:,} requests in {results.seconds:.1f} s, {pace:,.0f} a second; "
        f"peak memory of a process {peak:.0f} MiB\n"
    )
    for finding in results.findings.values():
        sys.stdout.write(f"\nFOUND {finding.detail[:1000]}\n  {finding.write(options.findings)}\n")
    return 1 if results.findings else 0


if __name__ == "__main__":
    sys.exit(main())
