"""``python -m tests.porting``: all examples, or some, and what became of them."""

import argparse
import json
import sys
import time
from pathlib import Path

from tests.porting import install
from tests.porting.classes import FAILS, counts
from tests.porting.comparison import compare
from tests.porting.examples import examples
from tests.porting.gaps import gaps
from tests.porting.report import table, write
from tests.porting.running import ROOT


def main() -> int:
    """Show what became of the examples; the status is 1 if one fails without naming what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.porting")
    parser.add_argument("--only", default="", help="a text in the paths of the examples")
    parser.add_argument("--runtime", type=Path, default=ROOT / "runtime", help="the folder with lambent/")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="show every difference")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument(
        "--gaps", type=Path, help="where to write what is missing, by how many examples it hits"
    )
    parser.add_argument("--write", action="store_true", help="write the table of docs/porting.md")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("the table is of all examples")
    start = time.perf_counter()
    sources = install.sources()
    names = [name for name in examples(sources) if given.only in name]
    found = compare(
        sources, names, install.python(), given.runtime.resolve(), workers=given.workers, kept=install.CACHE
    )
    for one in found:
        print(f"{one.kind:30} {one.name}  {', '.join(one.topics)}")
        if one.reason and not given.all:
            print(f"      {one.reason}")
        for difference in one.differences if given.all else ():
            print(f"      {difference}")
        if given.all and not one.differences and one.reason:
            print(f"      {one.reason}")
    summary = ", ".join(f"{count} {kind}" for kind, count in counts(found))
    print(f"{summary}; {time.perf_counter() - start:.0f} s")
    if given.write:
        write(ROOT / "docs" / "porting.md", table(found))
    if given.gaps:
        given.gaps.write_text("\n".join([f"{summary}", "", *gaps(found), ""]))
    if given.json:
        rows = [
            {
                "name": one.name,
                "class": one.kind,
                "reason": one.reason,
                "documented": one.topics,
                "differences": [str(difference) for difference in one.differences],
            }
            for one in found
        ]
        given.json.write_text(json.dumps(rows, indent=1))
    return 1 if any(one.kind == FAILS for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
