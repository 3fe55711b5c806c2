"""The short form of the long one, ``python -m tests.chaos``."""

import sys

import pytest
from tests.chaos.calls import run
from tests.chaos.calls.hosts import HOSTS
from tests.chaos.cloud import Cloud
from tests.chaos.events import run as events
from tests.chaos.harness import play
from tests.chaos.live import run as live


def test_tasks_survive_whatever_happens_to_their_workers(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud()  # of its own: nobody else's streams
    try:
        report = play(cloud, tasks=120, workers=3, budget=12.0)
    finally:
        cloud.close()
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert report.wrong == []
    assert report.wrong_results == 0
    assert report.acknowledged > 20
    assert report.killed > 5
    assert {"throttled", "unsent", "doubled", "late"} <= set(report.faults)
    assert report.statuses.get("completed", 0) > report.acknowledged * 0.7


@pytest.mark.parametrize("host", list(HOSTS))
def test_calls_take_effect_once_whatever_happens_to_their_host(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = Cloud()  # of its own, as above
    try:
        report = run.play(cloud, host, calls=60, clients=16, kill_every=3.0)
    finally:
        cloud.close()
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert report.wrong == []
    assert report.kept > 0.8 * report.calls  # some are given and cannot be kept: the store fails now and then
    assert report.steps >= 3 * report.calls
    assert report.faults["killed"] > 0
    assert report.faults["throttled"] > 0
    assert report.requests["connections dropped"] > 0


def test_occurrences_reach_every_endpoint_that_takes_them(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud()  # of its own, as above
    try:
        report = events.play(cloud, occurrences=60, behaviors=events.FEW, kill_every=2.0)
    finally:
        cloud.close()
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert report.wrong == []
    assert report.emitted == 60
    assert report.accepted > 60
    assert report.killed >= 3  # all of them once, whatever the dice say
    assert report.gaps > 0
    assert {"throttled", "unsent", "doubled", "late"} <= set(report.faults)


def test_a_live_server_outlasts_clients_that_misuse_it(capsys: pytest.CaptureFixture[str]) -> None:
    report = live.play(seconds=5.0, subscriptions=100)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert report.wrong == []
    assert report.faults["subscriptions"] >= 100
    assert report.faults["readers that read nothing"] >= live.SLOW_READERS
    assert report.faults["duplicates whose clients hung up"] >= live.DUPLICATES
    assert report.faults["results that expired"] > 5
    assert report.pings
