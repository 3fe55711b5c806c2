"""SIGTERM, which Lambda sends to environments that have extensions."""

import asyncio
import signal
from typing import Any

import pytest
from tests.support import full_server

from lambent import Settings
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.aws_lambda.shutdown import leave_at_end


class _Closed(LambdaHandler):
    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def at_end(monkeypatch: pytest.MonkeyPatch) -> tuple[_Closed, Any]:
    """A handler, and what SIGTERM does to it."""
    set_: list[Any] = []
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_DFL)
    monkeypatch.setattr(signal, "signal", lambda number, function: set_.append((number, function)))
    handler = _Closed(full_server().lambda_handler(Settings())._endpoint)
    leave_at_end(handler)
    ((number, function),) = set_
    assert number == signal.SIGTERM
    return handler, function


def test_between_calls_the_handler_is_closed(at_end: tuple[_Closed, Any]) -> None:
    handler, function = at_end
    with pytest.raises(SystemExit):
        function(signal.SIGTERM, None)
    assert handler.closed == 1


def test_within_a_call_nothing_is_waited_for(at_end: tuple[_Closed, Any]) -> None:
    handler, function = at_end
    exits: list[BaseException] = []

    async def call() -> None:
        try:
            function(signal.SIGTERM, None)
        except SystemExit as error:
            exits.append(error)

    asyncio.run(call())
    assert (handler.closed, len(exits)) == (0, 1)


def test_another_use_of_the_signal_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", lambda number, function: pytest.fail("it was replaced"))
    leave_at_end(_Closed(full_server().lambda_handler(Settings())._endpoint))
