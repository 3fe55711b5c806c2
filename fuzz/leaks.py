"""No internals of the library show in a response."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fuzz.request_model import ParsedRequest
from fuzz.violations import require

_LEAK = re.compile(
    r"Traceback|File \\?\"|\.py\b"
    r"|\b(?:lambent|msgspec|pydantic|site-packages|asyncio)\b"
    r"|object at 0x|NoneType|recursion depth"
    r"|\b_*[A-Z]\w*(?:Error|Exception|Interrupt|Refusal|Suspend|Cancelled|Rejected)\b"
)
_HINTS = (
    "Error", "Exception", "Traceback", "File ", ".py", "lambent", "msgspec", "pydantic", "packages",
    "asyncio", "0x", "NoneType", "recursion", "Refusal", "Suspend", "Cancelled", "Rejected",
)  # fmt: skip


def check_leaks(request: ParsedRequest, body: str, event: Mapping[str, Any]) -> None:
    """No internal name is in the body, unless the client sent it."""
    if not any(hint in body for hint in _HINTS):
        return
    given: str | None = None
    for found in _LEAK.findall(body):
        if given is None:
            given = "\n".join(_texts(request.message)) + str(event) + str(dict(request.headers))
        require(found in given, "leak", f"{found!r} in {body[:600]}")


def _texts(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            todo.extend(current)
            todo.extend(current.values())
        elif isinstance(current, list):
            todo.extend(current)
