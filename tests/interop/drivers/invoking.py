"""How the drivers reach a function: `lambda:NAME`, or `lambda+async:NAME` by the client of aiobotocore.

The variables of AWS say where, and who calls.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lambent.clients import LambdaTransport


@asynccontextmanager
async def invoking(server: str) -> AsyncIterator[Any]:
    """The streams of a transport."""
    way, _, name = server.partition(":")
    if way == "lambda":
        async with LambdaTransport(name) as streams:
            yield streams
        return
    from aiobotocore.session import get_session

    async with (
        get_session().create_client("lambda") as client,
        LambdaTransport(name, client=client) as streams,
    ):
        yield streams
