"""Ways in which an issuer fails to answer."""

import contextlib
import enum
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.issuer.server import IssuerRequest

HUGE_BYTES = 8 * 1024 * 1024
LONGEST_SECONDS = 30
"""For which a request hangs if nobody ends the outage."""

EVERYWHERE = "*"


class Outage(enum.Enum):
    """What happens to a request."""

    REFUSE = "the connection is closed without a response"
    ERROR = "HTTP 500"
    HANG = "no response"
    TRICKLE = "a body that comes byte by byte"
    HUGE = "a body of 8 MiB of valid JSON"
    INVALID = "a body that is no JSON"
    LIST = "a body that is JSON, but no object"
    REDIRECT = "HTTP 302 to where everything works"


class Outages:
    """The outages that are on, by path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: dict[str, Outage] = {}
        self._over = threading.Event()

    def begin(self, outage: Outage, path: str) -> None:
        """From now on requests of ``path`` fail."""
        with self._lock:
            if self._over.is_set():
                self._over = threading.Event()
            self._on[path] = outage

    def end(self) -> None:
        """All requests get an answer again; those that hang end."""
        with self._lock:
            self._on.clear()
            self._over.set()

    def of(self, path: str) -> Outage | None:
        """What befalls a request of ``path``."""
        with self._lock:
            return self._on.get(path) or self._on.get(EVERYWHERE)

    def fail(self, outage: Outage, request: "IssuerRequest") -> None:
        """Do to a request what the outage does; a redirect is not done here."""
        match outage:
            case Outage.ERROR:
                request.answer(500, b"Internal Server Error", {"Content-Type": "text/plain"})
            case Outage.HUGE:
                request.answer(200, b'{"keys":[],"padding":"' + b"a" * HUGE_BYTES + b'"}')
            case Outage.INVALID:
                request.answer(200, b'{"keys":[')
            case Outage.LIST:
                request.answer(200, b"[]")
            case Outage.HANG:
                self._over.wait(LONGEST_SECONDS)
            case Outage.TRICKLE:
                self._trickle(request)
            case _:
                pass

    def _trickle(self, request: "IssuerRequest") -> None:
        request.begin(200, {"Content-Type": "application/json", "Content-Length": "1000000"})
        with contextlib.suppress(OSError):
            for _ in range(LONGEST_SECONDS * 20):
                request.wfile.write(b" ")
                if self._over.wait(0.05):
                    return


@contextlib.contextmanager
def during(outages: Outages, outage: Outage, path: str) -> Iterator[None]:
    """An outage for the time of a ``with`` block."""
    outages.begin(outage, path)
    try:
        yield
    finally:
        outages.end()
