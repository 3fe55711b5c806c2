"""The example server as ``lambent dev`` takes it."""

from tests.interop.adapted.everything import handler as _make

handler = _make()
