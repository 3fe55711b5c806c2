"""The session of `make demo`, with the deployed server."""

import asyncio

import pytest
from demo.session import run_session
from tests.e2e.stacks import Stack


def test_the_session_of_the_demo(shop: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    with shop.cloud.trusted():
        asyncio.run(run_session(shop.url("OrdersUrl")))
    told = capsys.readouterr().out
    assert "orders 1.0.0, protocol 2026-07-28" in told
    assert "lookup_order, search_orders, refund_order" in told
    assert "isError: Error executing tool lookup_order: There is no order 'ORD-9'" in told
    assert "the server asks: " in told
    assert "the user agrees: " in told
