"""Fleets by hand, and the page that must say what they give."""

import random

import pytest
from benchmarks.cost.formula import ROWS
from benchmarks.cost.measurement import read_measured as read_invocations
from benchmarks.cost.prices import read_prices
from benchmarks.cost.tables import replaced
from benchmarks.scale import tables
from benchmarks.scale.__main__ import SEED
from benchmarks.scale.demand import demands, read_quotas
from benchmarks.scale.fleets import Bucket, Service, needed, on_lambda, on_processes, waiting
from benchmarks.scale.load import MIX, Load, Phase, arrivals, day
from benchmarks.scale.measurement import read_measured

QUOTAS = {
    "api_requests": 1000.0,
    "api_burst": 1000.0,
    "lambda_concurrency": 10.0,
    "lambda_requests_by_concurrency": 10.0,
    "lambda_scaling": 1000.0,
}
SERVICE = Service(processor=0.1, tool=0.0, start=1.0)
NO_CHANCE = random.Random(0)


def inputs(load: Load, seed: int = SEED) -> tables.Inputs:
    return tables.Inputs(load, seed, read_invocations(), read_measured(), read_prices())


def test_the_page_says_what_the_simulation_says() -> None:
    """If this fails, run ``python -m benchmarks.scale``: what it is made of has changed."""
    page = tables.PAGE.read_text()
    assert page == replaced(page, tables.tables(inputs(Load())), tables.BEGIN, tables.END)


def test_the_seed_decides() -> None:
    small = Load(users=20_000)
    one, same, other = (list(tables.simulations(inputs(small, seed))) for seed in (1, 1, 2))
    assert one == same != other


def test_the_mix_is_of_known_calls_and_whole() -> None:
    assert set(MIX) <= {row.what for row in ROWS}
    assert sum(MIX.values()) == pytest.approx(1)


def test_a_day_has_all_its_calls_and_the_busiest_hour_its_share() -> None:
    load = Load(users=1000, calls=36, peak=0.2)
    assert len(day(load)) == 24
    assert sum(day(load)) * 3600 == pytest.approx(36_000)
    assert max(day(load)) == load.peak_rate == pytest.approx(2)


def test_calls_come_at_the_rate_of_their_phase() -> None:
    times = list(arrivals((Phase(100, 50), Phase(100, 5)), random.Random(1)))
    assert times == sorted(times)
    first = sum(time < 100 for time in times)
    assert 4700 < first < 5300
    assert 400 < len(times) - first < 600


def test_tokens_come_back() -> None:
    bucket = Bucket(rate=2, holds=1)
    assert [bucket.take(now) for now in (0, 0.1, 0.5, 0.6, 10, 10)] == [True, False, True, False, True, False]


def test_tools_wait_for_as_long_as_they_should_in_the_mean() -> None:
    chance = random.Random(1)
    assert sum(waiting(0.05, chance) for _ in range(20_000)) / 20_000 == pytest.approx(0.05, rel=0.03)
    assert waiting(0, chance) == 0


def test_an_environment_serves_one_call_at_a_time_and_the_next_one_after_it() -> None:
    found = on_lambda([0.0, 0.5, 2.0, 3.0], SERVICE, QUOTAS, NO_CHANCE)
    assert (found.calls, found.cold, found.most) == (4, 2, 2)
    assert found.latencies == pytest.approx([0.1, 0.1, 1.1, 1.1])


def test_warm_environments_are_taken_first() -> None:
    found = on_lambda([0.0, 0.01, 0.02], SERVICE, QUOTAS, NO_CHANCE, warm=2)
    assert (found.cold, found.most) == (1, 3)


@pytest.mark.parametrize(
    ("quota", "value", "refused"),
    [
        ("lambda_concurrency", 3, 2),
        ("api_burst", 1, 4),
        ("lambda_requests_by_concurrency", 0.2, 3),
        ("lambda_scaling", 4, 1),
    ],
)
def test_each_quota_refuses_what_is_beyond(quota: str, value: float, refused: int) -> None:
    found = on_lambda([0.0] * 5, SERVICE, {**QUOTAS, quota: value}, NO_CHANCE)
    reason = "api_requests" if quota == "api_burst" else quota
    assert (found.refused, dict(found.reasons)) == (refused, {reason: refused})
    assert len(found.latencies) == 5 - refused


def test_a_process_takes_calls_one_after_another() -> None:
    found = on_processes([0.0] * 6, SERVICE, NO_CHANCE, rate=1)
    assert found.most == 2
    assert found.latencies == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])


def test_clients_of_a_process_give_up() -> None:
    found = on_processes([0.0] * 1000, SERVICE._replace(processor=0.125), NO_CHANCE, rate=1)
    assert found.refused == 1000 - 2 * (29 * 8 + 1)  # the last ones begin after 29 seconds
    assert found.percentile(1) == pytest.approx(29_125)


def test_a_fleet_grows_a_minute_after_it_was_looked_at() -> None:
    times = [number / 20 for number in range(20 * 130)]
    found = on_processes(times, SERVICE, NO_CHANCE, rate=10)
    assert (needed(10, SERVICE), needed(20, SERVICE), found.most) == (2, 4, 4)


def test_demand_follows_users_and_says_how_many_are_too_many() -> None:
    parameters = {"RequestsPerSecond": 100, "WorkerConcurrency": 20}
    one, two = (demands(Load(users=users), read_invocations(), parameters) for users in (10_000, 20_000))
    for small, large in zip(one, two, strict=True):
        assert large.used == pytest.approx(2 * small.used)
        assert large.users(Load(users=20_000)) == pytest.approx(small.users(Load(users=10_000)))


def test_quotas_say_where_they_are_from() -> None:
    for name, quota in read_quotas().items():
        assert quota["source"].startswith("https://docs.aws.amazon.com/"), name
        assert quota["value"] > 0
