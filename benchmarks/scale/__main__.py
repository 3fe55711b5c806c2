"""The command.

python -m benchmarks.scale             write the tables of docs/scaling.md from what was measured
python -m benchmarks.scale --measure   measure anew before
python -m benchmarks.scale --users 5e6 --tool-ms 200     print them for another load
"""

import argparse
import json
import sys

from benchmarks.cost.measurement import read_measured as read_invocations
from benchmarks.cost.prices import read_prices
from benchmarks.cost.tables import replaced
from benchmarks.scale.load import Load
from benchmarks.scale.measurement import MEASURED, measure, read_measured
from benchmarks.scale.tables import BEGIN, END, PAGE, Inputs, tables

SEED = 16


def main() -> None:
    usual = Load()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--measure", action="store_true", help="measure anew, about two minutes")
    parser.add_argument("--users", type=float, default=usual.users)
    parser.add_argument("--calls", type=float, default=usual.calls, help="of a user in a day")
    parser.add_argument("--peak", type=float, default=usual.peak, help="share of a day in its busiest hour")
    parser.add_argument("--burst", type=float, default=usual.burst, help="times the busiest hour")
    parser.add_argument("--tool-ms", type=float, default=usual.tool_ms, help="what a tool waits for")
    parser.add_argument("--seed", type=int, default=SEED, help="of the simulation")
    options = parser.parse_args()
    if options.measure:
        MEASURED.write_text(json.dumps(measure(500, 5), indent=1) + "\n", encoding="utf-8")
    load = Load(int(options.users), options.calls, options.peak, options.burst, options.tool_ms)
    inner = tables(Inputs(load, options.seed, read_invocations(), read_measured(), read_prices()))
    if (load, options.seed) == (usual, SEED):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replaced(page, inner, BEGIN, END), encoding="utf-8")
    sys.stdout.write(inner + "\n")


if __name__ == "__main__":
    main()
