"""Environments of adapted servers."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from tests.hosts.adapt.apps import adapted
from tests.hosts.adapt.servers import make

from lambent.hosts.adapt.handler import AdaptedHandler
from lambent.stores.memory import MemoryStore


@pytest.fixture
def environments() -> Iterator[Callable[..., Callable[[], AdaptedHandler]]]:
    """Gives the handlers of three environments in turn; each has the server anew."""
    with ExitStack() as stack:

        def start(make_one: Callable[[], Any] = make, **options: Any) -> Callable[[], AdaptedHandler]:
            store = MemoryStore()
            handlers = []
            for _ in range(3):
                handler = stack.enter_context(adapted(make_one(), **options))
                executor = handler._endpoint.executor
                executor.services = msgspec.structs.replace(executor.services, store=store)
                handlers.append(handler)
            return itertools.cycle(handlers).__next__

        yield start
