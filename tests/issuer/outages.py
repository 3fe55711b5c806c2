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


class Ongoing:
    """An outage that is on.

    Args:
        kind: What happens to requests.
    """

    def __init__(self, kind: Outage) -> None:
        self.kind = kind
        self.over = threading.Event()

    def fail(self, request: "IssuerRequest") -> None:
        """Do to a request what the outage does; a redirect is not done here."""
        match self.kind:
            case Outage.ERROR:
                request.answer(500, b"Internal Server Error", {"Content-Type": "text/plain"})
            case Outage.HUGE:
                request.answer(200, b'{"keys":[],"padding":"' + b"a" * HUGE_BYTES + b'"}')
            case Outage.INVALID:
                request.answer(200, b'{"keys":[')
            case Outage.LIST:
                request.answer(200, b"[]")
            case Outage.HANG:
                self.over.wait(LONGEST_SECONDS)
            case Outage.TRICKLE:
                self._trickle(request)
            case _:
                pass

    def _trickle(self, request: "IssuerRequest") -> None:
        request.begin(200, {"Content-Type": "application/json", "Content-Length": "1000000"})
        with contextlib.suppress(OSError):
            for _ in range(LONGEST_SECONDS * 20):
                request.wfile.write(b" ")
                if self.over.wait(0.05):
                    return


class Outages:
    """The outages that are on, by path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: dict[str, Ongoing] = {}

    def begin(self, kind: Outage, path: str = EVERYWHERE) -> None:
        """From now on requests of ``path`` fail."""
        with self._lock:
            self._on[path] = Ongoing(kind)

    def end(self, path: str | None = None) -> None:
        """Requests of ``path``, or all, get an answer again; those that hang end."""
        with self._lock:
            ended = list(self._on) if path is None else [path]
            for outage in [self._on.pop(each) for each in ended if each in self._on]:
                outage.over.set()

    def of(self, path: str) -> Ongoing | None:
        """What befalls a request of ``path``."""
        with self._lock:
            return self._on.get(path) or self._on.get(EVERYWHERE)

    @contextlib.contextmanager
    def during(self, kind: Outage, path: str = EVERYWHERE) -> Iterator[None]:
        """An outage for the time of a ``with`` block."""
        self.begin(kind, path)
        try:
            yield
        finally:
            self.end(path)
