"""Leases that a process renews while it runs what they are for."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.hosts.test_task_threads import client_of, end_of, loop
from tests.support import SETTINGS, make_server

from lambent import Context, Idempotency, Session, TaskPolicy
from lambent.execution.durable.records import SKEW_SECONDS
from lambent.hosts import live
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.lease_renewal import LEASE_SECONDS, LeaseRenewal

__all__ = ["loop"]

SECONDS = 30.0
"""How long a test waits at most."""


def until(is_so: Callable[[], Any]) -> Any:
    last = time.monotonic() + SECONDS
    while not (found := is_so()):
        assert time.monotonic() < last
        time.sleep(0.002)
    return found


def test_what_runs_is_renewed_again_and_again_and_nothing_behind_it() -> None:
    renewal, counts = LeaseRenewal(0.001), [0, 0]

    def count(which: int) -> None:
        counts[which] += 1

    with renewal.renewing(lambda: count(0)):
        until(lambda: counts[0] > 2)
        with renewal.renewing(lambda: count(1)):
            until(lambda: counts[1] > 2)
        last, seen = counts[1], counts[0]
        until(lambda: counts[0] > seen + 2)
    assert counts[1] == last


def test_a_renewal_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    renewal, count = LeaseRenewal(0.001), [0]

    def fail() -> None:
        count[0] += 1
        raise ConnectionError("the store")

    with renewal.renewing(fail):
        until(lambda: count[0] > 1)
    assert "A lease could not be renewed: the store" in caplog.text


def test_leaving_waits_for_a_renewal_that_runs() -> None:
    renewal, begun, go_on, order = LeaseRenewal(0.001), threading.Event(), threading.Event(), list[str]()

    def renew() -> None:
        begun.set()
        go_on.wait(SECONDS)
        order.append("renewed")

    def leave() -> None:
        with renewal.renewing(renew):
            begun.wait(SECONDS)
        order.append("left")

    thread = threading.Thread(target=leave)
    thread.start()
    begun.wait(SECONDS)
    thread.join(0.05)
    assert order == []
    go_on.set()
    thread.join(SECONDS)
    assert order == ["renewed", "left"]


def test_a_renewal_that_takes_long_holds_up_no_other() -> None:
    renewal, begun, go_on, count = LeaseRenewal(0.001), threading.Event(), threading.Event(), [0]

    def slow() -> None:
        begun.set()
        go_on.wait(SECONDS)

    def quick() -> None:
        count[0] += 1

    with renewal.renewing(slow), renewal.renewing(quick):
        begun.wait(SECONDS)
        before = count[0]
        until(lambda: count[0] > before + 2)
        go_on.set()


def test_many_leases_have_few_threads() -> None:
    before, renewal, counts = threading.active_count(), LeaseRenewal(0.001), [0] * 100

    def counting(which: int) -> Callable[[], None]:
        def count() -> None:
            counts[which] += 1

        return count

    with contextlib.ExitStack() as stack:
        for which in range(100):
            stack.enter_context(renewal.renewing(counting(which)))
        until(lambda: min(counts) > 2)
        assert threading.active_count() <= before + 8
    last = list(counts)
    time.sleep(0.02)
    assert counts == last


@dataclass
class Cart:
    items: int = 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are renewed at once."""
    monkeypatch.setattr(live, "leases", LeaseRenewal(0.001))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("CALL", {"idempotency": Idempotency(key="key")}),
        ("TASK", {"task": TaskPolicy(support="required")}),
        ("SESSION", {}),
    ],
)
def test_what_a_live_host_runs_is_held_for_as_long_as_it_runs(
    kind: str, options: dict[str, Any], loop: asyncio.AbstractEventLoop
) -> None:
    mcp, ends = make_server(), list[float]()

    def lease_end() -> float:
        items = endpoint.executor.services.store._items  # type: ignore[union-attr]
        found = [msgspec.json.decode(item.body) for key, item in items.items() if key.startswith(kind)]
        end: float = found[0]["lease"]["until"]
        return end

    def work(ctx: Context) -> str:
        ctx.step("begin", lambda: 1).result()
        before = lease_end()
        ends.append(before)
        ends.append(until(lambda: (end := lease_end()) > before + 0.01 and end))
        return "done"

    @mcp.tool()
    def open_cart(ctx: Context) -> str:
        return ctx.sessions.create(Cart)

    if kind == "SESSION":

        @mcp.tool(name="work")
        def work_with(key: str, cart: Session[Cart], ctx: Context) -> str:
            cart.items += 1
            return work(ctx)
    else:

        @mcp.tool(name="work", **options)
        def work_alone(key: str, ctx: Context) -> str:
            return work(ctx)

    endpoint = local_endpoint(mcp._parts(), SETTINGS)
    client = client_of(mcp, loop, endpoint)
    if kind == "TASK":
        shown = end_of(client, client.start("work", {"key": "a"}))["result"]
    else:
        handle = client.call("open_cart").result["content"][0]["text"] if kind == "SESSION" else ""
        shown = client.call("work", {"key": "a", **({"cart": handle} if handle else {})}).result
    assert shown["content"][0]["text"] == "done", shown
    # A process that is killed holds nothing for longer than that.
    assert ends[0] < time.time() + LEASE_SECONDS + SKEW_SECONDS
    if kind != "SESSION":
        with pytest.raises((KeyError, TypeError)):
            lease_end()
