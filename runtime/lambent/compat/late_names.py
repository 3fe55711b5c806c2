"""Names of a module that are loaded when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def loader(
    namespace: dict[str, Any],
    homes: Mapping[str, Sequence[str]],
    replaced: Mapping[str, str],
    page: str,
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module.

    Args:
        namespace: the ``globals()`` of the module.
        homes: its names, by the module that each is imported from.
        replaced: names that it cannot have, each with what to write in their place.
        page: of the documentation.
    """
    module = namespace["__name__"]

    def load(name: str) -> Any:
        for home, names in homes.items():
            if name in names:
                found = namespace[name] = getattr(importlib.import_module(home), name)
                return found
        if name in replaced:
            # ``from … import`` would replace the text of an AttributeError by its own.
            raise ImportError(f"{module} has no {name}: {replaced[name]} ({page})", name=module)
        raise AttributeError(f"module {module!r} has no attribute {name!r} ({page})")

    return load
