"""Kill workers, lose messages, throttle, for some minutes: ``python -m tests.chaos [--tasks 500]``."""

import argparse
import logging
import sys

from tests.chaos.cloud import Cloud
from tests.chaos.harness import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=500, help="how many tasks a round makes")
    parser.add_argument("--rounds", type=int, default=2, help="how many rounds, each with a seed of its own")
    parser.add_argument("--workers", type=int, default=6, help="how many workers at a time")
    parser.add_argument("--kill-every", type=float, default=0.4, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=None, help="repeats the dice, not the machine")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed = 0
    for number in range(options.rounds):
        cloud = Cloud()
        try:
            report = play(
                cloud,
                tasks=options.tasks,
                workers=options.workers,
                kill_every=options.kill_every,
                seed=None if options.seed is None else options.seed + number,
            )
        finally:
            cloud.close()
        sys.stdout.write(f"{report}\n\n")
        sys.stdout.flush()
        failed += bool(report.wrong or report.wrong_results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
