"""The command.

python -m benchmarks.cost             write the tables of docs/cost.md from what was measured
python -m benchmarks.cost --measure   measure anew before
"""

import argparse
import json
import sys

from benchmarks.cost.measurement import MEASURED, measure, read_measured
from benchmarks.cost.prices import deployment, read_prices
from benchmarks.cost.tables import PAGE, tables, written


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost")
    parser.add_argument("--measure", action="store_true", help="measure anew, about a minute")
    parser.add_argument("--only", default="", help="kinds of invocations to measure, such as emit,poll")
    parser.add_argument("--calls", type=int, default=200, help="warm invocations of each kind")
    parser.add_argument("--starts", type=int, default=9, help="cold invocations of each kind")
    options = parser.parse_args()
    if options.measure:
        only = options.only.split(",") if options.only else ()
        found = measure(options.calls, options.starts, only)
        MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    inner = tables(read_measured(), read_prices(), deployment())
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), inner), encoding="utf-8")
    sys.stdout.write(inner + "\n")


if __name__ == "__main__":
    main()
