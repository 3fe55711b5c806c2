"""Signs of life on a stream whose call is silent: front ends close connections without a byte.

REST APIs do after 5 minutes, edge-optimized ones after 30 seconds; proxies of clients have their own times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class KeepAlive:
    """Calls a function again and again, on a thread of its own, until it is told to end.

    Args:
        beat: does what is due, and gives the seconds until it is to be called again; None: never again.
        pause: seconds until it is called for the first time.
    """

    def __init__(self, beat: Callable[[], float | None], pause: float) -> None:
        self._beat = beat
        self._pause: float | None = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keep-alive", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._pause is not None and not self._over.wait(self._pause):
            self._pause = self._beat()

    def end(self) -> None:
        """Call the function no more; one that runs comes to its end first."""
        self._over.set()
        self._thread.join()
