"""JSON objects whose members are attributes too."""

from __future__ import annotations

from typing import Any


class Members(dict[str, Any]):
    """A JSON object: its members are attributes by their names on the wire, or by those of Python.

    ``progressToken`` is ``progress_token`` too; one that is not there is None.
    """

    def __getattr__(self, name: str) -> Any:
        """A member."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "meta":
            name = "_meta"
        return self.get(name, self.get(_camel_case(name)))


def _camel_case(name: str) -> str:
    """A name of Python as the wire has it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
