"""Stand-ins for libraries that are not installed, and no network."""

import importlib.abc
import importlib.machinery
import socket
import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any, ClassVar
from unittest.mock import MagicMock


class Stand(ModuleType):
    """A module that has every name."""

    __path__: ClassVar[list[str]] = []

    __version__ = "1.0.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (_Anything,), {"__module__": self.__name__}) if name[:1].isupper() else _made(name)
        setattr(self, name, made)
        return made


class _Meta(type):
    def __add__(cls, other: Any) -> Any:
        return cls

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _made(name)


class _Anything(metaclass=_Meta):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        return {"type": "any"}

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _made(name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return arguments[0] if len(arguments) == 1 and callable(arguments[0]) else _Anything()


def _made(name: str) -> Any:
    return MagicMock(name=name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins for packages.

    Args:
        names: the packages; None for all that are not there.
        never: packages that have no stand-ins.
    """

    def __init__(self, names: Collection[str] | None, never: Collection[str] = ()) -> None:
        self._names = names
        self._never = never
        self.made: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """See ``MetaPathFinder``."""
        root = name.partition(".")[0]
        if (
            root in sys.stdlib_module_names
            or root in self._never
            or (self._names is not None and root not in self._names)
        ):
            return None
        if "." in name and not isinstance(sys.modules.get(name.rpartition(".")[0]), Stand):
            return None
        self.made.add(root)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """See ``Loader``."""
        return Stand(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """See ``Loader``."""


def without_network() -> None:
    """Have connections refused, at once and alike everywhere."""

    def refuse(*arguments: Any, **named: Any) -> Any:
        raise ConnectionRefusedError("There is no network")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse
