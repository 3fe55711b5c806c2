"""Which names move, and to which module of `lambent.compat`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lambent.cli.migration.modules import CLIENT_MODULES, CLIENT_NAMES, MODULES
from lambent.cli.migration.unmoved import Unmoved

COMPAT: Final = "lambent.compat"
TYPES: Final = "lambent.compat.types"
FASTMCP: Final = "lambent.compat.fastmcp"

ROOTS: Final = ("mcp", "mcp_types", "fastmcp")
"""The packages whose imports move."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A name that moves.

    Attributes:
        module: the module that has it here.
        is_module: what is imported is a module, whose names `module` has.
    """

    module: str
    is_module: bool = False


@dataclass(frozen=True, slots=True)
class Stays:
    """A name that does not move.

    Attributes:
        reason: why, in a sentence without its end.
        anchor: the heading of docs/porting.md that says more.
        is_client: it belongs to clients, for which the SDK stays what it is.
    """

    reason: str
    anchor: str
    is_client: bool = False

    def at(self, line: int, name: str) -> Unmoved:
        """The same of a name on a line."""
        return Unmoved(line, name, self.reason, self.anchor, self.is_client)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of `lambent.compat`, and those that it cannot have.

    Attributes:
        exported: the names of each module.
        replaced: the names that cannot exist, each with what to write in their place.
    """

    exported: Mapping[str, frozenset[str]]
    replaced: Mapping[str, str]

    @classmethod
    def installed(cls) -> Names:
        """The names of this installation."""
        exported: dict[str, frozenset[str]] = {}
        replaced: dict[str, str] = {}
        for name in (COMPAT, TYPES, FASTMCP):
            module = importlib.import_module(name)
            exported[name] = frozenset(module.__all__)
            replaced |= getattr(module, "REPLACED", {})
        return cls(exported, replaced)

    def find(self, module: str, name: str) -> Moved | Stays:
        """Where a name goes that a file imports.

        Args:
            module: the module that it is imported from, of one of the `ROOTS`.
            name: the name, or that of a module in it.
        """
        path = f"{module}.{name}"
        if is_client(path) or (name in CLIENT_NAMES and path not in MODULES):
            return Stays("a client stays one of the SDK", "clients", is_client=True)
        # FastMCP 4 has functions by the names of modules of version 2, such as fastmcp.tools.tool.
        is_function = root_of(path) == "fastmcp" and name in self.exported[FASTMCP]
        if path in MODULES and not is_function:
            return Moved(_homes(path)[0], is_module=True)
        for home in _homes(module):
            if name in self.exported[home]:
                return Moved(home)
        return self._missing(name, COMPAT)

    def find_in(self, module: str, name: str) -> Stays | None:
        """Why a module of `lambent.compat` has no such name; None if it has it.

        Args:
            module: one of `exported`.
            name: the name.
        """
        return None if name in self.exported[module] else self._missing(name, module)

    def _missing(self, name: str, module: str) -> Stays:
        reason = self.replaced.get(name, f"{module} has no {name}")
        return Stays(reason, "what-has-no-place")


def is_client(path: str) -> bool:
    """Whether a dotted path is a module of clients, or within one."""
    return any(path == one or path.startswith(f"{one}.") for one in CLIENT_MODULES)


def root_of(path: str) -> str:
    """The first part of a dotted path."""
    return path.partition(".")[0]


def _homes(module: str) -> tuple[str, ...]:
    """The modules of `lambent.compat` that may have the names of a module, the likeliest first."""
    if root_of(module) == "fastmcp":
        return (FASTMCP, TYPES)
    if module == "mcp":
        return (TYPES, COMPAT)
    if root_of(module) == "mcp_types" or module == "mcp.types" or module.startswith("mcp.types."):
        return (TYPES, COMPAT)
    return (COMPAT, TYPES)
