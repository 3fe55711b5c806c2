"""Applications that ``adapt`` serves in these tests, and what they are called with."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from tests.support import SECRET

import lambent
from lambent import Settings
from lambent.hosts.adapt.handler import AdaptedHandler

SETTINGS = Settings(in_memory=True, state_keys=(SECRET,))
"""Those of three environments that share a key."""


@contextlib.contextmanager
def adapted(app: Any, **options: Any) -> Iterator[AdaptedHandler]:
    """The handler of an application, whose lifespan is left in the end."""
    handler = lambent.adapt(app, **{"settings": SETTINGS, **options})
    try:
        yield handler
    finally:
        handler.close()


class Recorder:
    """An ASGI application that writes down what it gets, and answers what it is told to.

    Attributes:
        scopes: of the requests.
        bodies: of the requests.
        events: of its lifespans.
    """

    def __init__(
        self,
        *body: bytes,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (("content-type", "text/plain"),),
    ) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.events: list[str] = []
        self._chunks = body or (b"ok",)
        self._status = status
        self._headers = headers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        self.scopes.append(dict(scope))
        self.bodies.append((await receive())["body"])
        headers = [(name.encode(), value.encode()) for name, value in self._headers]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["number"] = len(self.events)
        for _ in range(2):
            event = (await receive())["type"]
            self.events.append(event.removeprefix("lifespan."))
            await send({"type": f"{event}.complete"})


def counted(entered: list[str]) -> Callable[[Any], Any]:
    """A lifespan that writes down when it is entered and left, and gives the same list."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[list[str]]:
        entered.append("entered")
        try:
            yield entered
        finally:
            entered.append("left")

    return lifespan
