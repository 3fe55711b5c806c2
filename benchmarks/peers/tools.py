"""The tools of plain types that every peer serves."""

from collections.abc import Callable
from typing import Any


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def greet(name: str, excited: bool = False) -> str:
    """Greet somebody."""
    return f"Hello {name}{'!' if excited else '.'}"


def count_lines(lines: list[str]) -> int:
    """Count the lines that are not empty."""
    return sum(1 for line in lines if line)


PLAIN = (add, greet, count_lines)


def many(count: int) -> list[Callable[..., Any]]:
    """Make tools ``add_0`` to ``add_<count - 1>``."""
    return [_numbered(number) for number in range(count)]


def _numbered(number: int) -> Callable[..., Any]:
    def tool(a: int, b: int, note: str = "") -> int:
        """Add two numbers and take a note."""
        return a + b

    tool.__name__ = tool.__qualname__ = f"add_{number}"
    return tool
