"""``python -m tests.porting``: server examples of the official SDK, and public servers, moved to Lambent."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.porting import install, public
from tests.porting.classes import FAILS, Result, counts
from tests.porting.comparison import compare
from tests.porting.examples import examples, names_of
from tests.porting.gaps import gaps
from tests.porting.report import table_of_examples, table_of_public, write
from tests.porting.running import ROOT


def main() -> int:
    """Show what became of them; the status is 1 if an example fails without naming what is missing."""
    given = _parser().parse_args()
    if given.write and (given.only or given.what != "all"):
        sys.exit("the tables are of all examples and servers")
    start = time.perf_counter()
    runtime = given.runtime.resolve()
    found: list[Result] = []
    packages: list[public.Imported] = []
    if given.what != "public":
        sources = install.sources()
        chosen = [name for name in examples(sources) if given.only in name]
        found = compare(sources, chosen, install.python(), runtime, workers=given.workers, kept=install.CACHE)
        _show(found, given.all)
    if given.what != "examples":
        packages = public.import_all(names_of(runtime), runtime, given.only, given.workers)
        _show_public(packages)
    print(f"{time.perf_counter() - start:.0f} s")
    if given.write:
        page = ROOT / "docs" / "porting.md"
        write(page, f"{table_of_examples(found)}\n\n{table_of_public(packages)}")
    if given.gaps:
        given.gaps.write_text("\n".join([_summary(found), "", *gaps(found), ""]))
    if given.json:
        given.json.write_text(json.dumps([_row(one) for one in found], indent=1))
    return 1 if any(one.kind == FAILS for one in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.porting")
    parser.add_argument("what", nargs="?", default="all", choices=["all", "examples", "public"])
    parser.add_argument("--only", default="", help="a text in the paths of examples, or names of servers")
    parser.add_argument("--runtime", type=Path, default=ROOT / "runtime", help="the folder with lambent/")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="show every difference")
    parser.add_argument("--json", type=Path, help="where to write what became of the examples")
    parser.add_argument("--gaps", type=Path, help="where to write what is missing, the most frequent first")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/porting.md")
    return parser


def _show(found: Sequence[Result], with_all: bool) -> None:
    for one in found:
        print(f"{one.kind:22} {one.name}  {', '.join(one.topics)}")
        for line in (one.differences if with_all else ()) or [one.reason]:
            if line:
                print(f"      {line}")
    print(_summary(found))


def _summary(found: Sequence[Result]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts(found))


def _show_public(packages: Sequence[public.Imported]) -> None:
    for one in packages:
        print(f"{one.kind:22} {one.name}")
        if one.reason:
            print(f"      {one.reason}")
    kinds = [one.kind for one in packages]
    print(", ".join(f"{kinds.count(kind)} {kind}" for kind in public.KINDS))


def _row(one: Result) -> dict[str, object]:
    return {
        "name": one.name,
        "class": one.kind,
        "reason": one.reason,
        "documented": one.topics,
        "differences": [str(difference) for difference in one.differences],
    }


if __name__ == "__main__":
    sys.exit(main())
