"""Kill processes, lose messages, throttle, for some minutes: ``python -m tests.chaos [--tasks 500]``."""

import argparse
import logging
import sys

from tests.chaos import harness
from tests.chaos.balanced import cluster as balanced_cluster
from tests.chaos.balanced import run as balanced
from tests.chaos.calls import run
from tests.chaos.calls.hosts import HOSTS
from tests.chaos.cloud import Cloud
from tests.chaos.events import run as events
from tests.chaos.live import run as live


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=500, help="how many tasks a round makes; 0 for none")
    parser.add_argument("--rounds", type=int, default=2, help="how many rounds, each with a seed of its own")
    parser.add_argument("--workers", type=int, default=6, help="how many workers at a time")
    parser.add_argument("--kill-every", type=float, default=0.4, help="seconds between two kills of workers")
    parser.add_argument(
        "--calls", type=int, default=2000, help="how many calls, half of each host; 0 for none"
    )
    parser.add_argument("--clients", type=int, default=24, help="how many calls at a time")
    parser.add_argument("--lifetime", type=float, default=6.0, help="seconds that a process of a host lives")
    parser.add_argument(
        "--live", type=float, default=60.0, help="seconds for which clients misuse a live server; 0 for none"
    )
    parser.add_argument(
        "--occurrences", type=int, default=2000, help="how many occurrences for 20 endpoints; 0 for none"
    )
    parser.add_argument(
        "--balanced",
        type=float,
        default=60.0,
        help="seconds for which 200 clients use three processes behind nginx; 0 for none",
    )
    parser.add_argument("--balanced-clients", type=int, default=200, help="how many clients these are")
    parser.add_argument("--seed", type=int, default=None, help="repeats the dice, not the machine")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed = False
    for number in range(options.rounds if options.tasks else 0):
        failed |= _tasks(options, number)
    for host in HOSTS if options.calls else ():
        failed |= _calls(options, host)
    if options.occurrences:
        failed |= _events(options)
    if options.live:
        report = live.play(seconds=options.live)
        _show(report)
        failed |= bool(report.wrong)
    if options.balanced:
        failed |= _balanced(options)
    return 1 if failed else 0


def _tasks(options: argparse.Namespace, number: int) -> bool:
    cloud = Cloud()
    try:
        report = harness.play(
            cloud,
            tasks=options.tasks,
            workers=options.workers,
            kill_every=options.kill_every,
            seed=None if options.seed is None else options.seed + number,
        )
    finally:
        cloud.close()
    _show(report)
    return bool(report.wrong or report.wrong_results)


def _calls(options: argparse.Namespace, host: str) -> bool:
    cloud = Cloud()
    try:
        report = run.play(
            cloud,
            host,
            calls=options.calls // len(HOSTS),
            clients=options.clients,
            kill_every=options.lifetime,
            seed=options.seed,
        )
    finally:
        cloud.close()
    _show(report)
    return bool(report.wrong)


def _balanced(options: argparse.Namespace) -> bool:
    if balanced_cluster.NGINX is None:
        _show("There is no nginx: processes behind a load balancer are left out")
        return False
    cloud = Cloud()
    try:
        report = balanced.play(
            cloud, clients=options.balanced_clients, seconds=options.balanced, pause=4.0, seed=options.seed
        )
    finally:
        cloud.close()
    _show(report)
    return bool(report.wrong)


def _events(options: argparse.Namespace) -> bool:
    cloud = Cloud()
    try:
        report = events.play(
            cloud,
            occurrences=options.occurrences,
            behaviors=events.MANY,
            workers=options.workers,
            kill_every=options.lifetime,
            patience=3600.0,
            seed=options.seed,
        )
    finally:
        cloud.close()
    _show(report)
    return bool(report.wrong)


def _show(report: object) -> None:
    sys.stdout.write(f"{report}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
