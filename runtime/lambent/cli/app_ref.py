"""The APP argument: which Lambda handler a command works on."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lambent.cli.errors import UsageError

Handler = Callable[[dict[str, Any], object], Any]

DEFAULT_ATTRIBUTE: Final = "handler"


class AppImportError(Exception):
    """The module was imported, but the handler is not in it or cannot be called."""


@dataclass(frozen=True, slots=True)
class AppRef:
    """A Lambda handler by name, not imported yet.

    Attributes:
        folder: The folder that stands for Lambda's /var/task: first on `sys.path`, and the working folder.
        module: The dotted name of the module.
        attribute: The dotted name of the handler in it.
        file: The absolute path of the module when it was named by its file.
    """

    folder: Path
    module: str
    attribute: str
    file: Path | None = None

    @property
    def lambda_handler_name(self) -> str:
        """The value of a function's `Handler` property, such as `app.handler`."""
        return f"{self.module}.{self.attribute}"

    def __str__(self) -> str:
        return f"{self.file or self.module}:{self.attribute}"

    def load(self) -> Handler:
        """Import the module and return the handler.

        The folder has to be on `sys.path` already.

        Returns:
            The handler.

        Raises:
            AppImportError: The handler is missing or not callable, or the file's name is taken.
            Exception: Whatever the module raises while it is imported.
        """
        found = self.find()
        if not callable(found):
            hint = "; use the result of its lambda_handler()" if hasattr(found, "lambda_handler") else ""
            raise AppImportError(
                f"{self} is a {type(found).__name__}, not a handler that takes (event, context){hint}"
            )
        handler: Handler = found
        return handler

    def find(self) -> Any:
        """Import the module and return what the attribute names.

        The folder has to be on `sys.path` already.

        Raises:
            AppImportError: The attribute is missing, or the file's name is taken.
            Exception: Whatever the module raises while it is imported.
        """
        module = self._import()
        found: Any = module
        for name in self.attribute.split("."):
            if not hasattr(found, name):
                raise AppImportError(
                    f"{self.file or self.module} has no attribute {self.attribute!r}{self._hint(module)}"
                )
            found = getattr(found, name)
        return found

    def _hint(self, module: object) -> str:
        """What to write, where the module has servers and the attribute is one that was not named."""
        servers = [
            name
            for name, value in vars(module).items()
            if hasattr(value, "lambda_handler") and not isinstance(value, type)
        ]
        if not servers:
            return ""
        if self.attribute == DEFAULT_ATTRIBUTE:
            return f": write handler = {servers[0]}.lambda_handler() at its end"
        target = self.file.name if self.file else self.module
        return f": is it {' or '.join(f'{target}:{name}' for name in servers)}?"

    def _import(self) -> object:
        if self.file is None:
            return importlib.import_module(self.module)
        if self.module in sys.modules:
            raise AppImportError(
                f"{self.file.name} hides the module {self.module!r}: give the file another name"
            )
        spec = importlib.util.spec_from_file_location(self.module, self.file)
        if spec is None or spec.loader is None:
            raise AppImportError(f"{self.file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        spec.loader.exec_module(module)
        return module


def parse_app(text: str, cwd: Path, default: str = DEFAULT_ATTRIBUTE) -> AppRef:
    """Read `module:attribute` or `path/to/file.py:attribute`.

    Nothing is imported: a module that cannot be found or fails to import shows when it is loaded.

    Args:
        text: The reference.
        cwd: The folder that relative paths start from, and the app's folder when a module is named.
        default: The attribute where the text names none.

    Returns:
        The reference, with absolute paths.

    Raises:
        UsageError: The text is not a reference, or names a file that is not there.
    """
    target, attribute = _split(text, default)
    if not attribute or not all(part.isidentifier() for part in attribute.split(".")):
        raise UsageError(f"{text!r}: {attribute!r} is not the name of a handler")
    if _is_path(target):
        file = _absolute(cwd, target)
        if file.is_dir():
            raise UsageError(f"{target} is a folder: name the Python file in it")
        if not file.is_file():
            raise UsageError(f"there is no file {target} in {cwd}")
        return AppRef(folder=file.parent, module=file.stem, attribute=attribute, file=file)
    if not target or not all(part.isidentifier() for part in target.split(".")):
        raise UsageError(f"{text!r} is neither module:attribute nor path/to/file.py:attribute")
    return AppRef(folder=_absolute(cwd, ""), module=target, attribute=attribute)


def _split(text: str, default: str) -> tuple[str, str]:
    target, colon, attribute = text.rpartition(":")
    # A drive letter is followed by a separator: `C:\app.py` has no attribute.
    if not colon or "/" in attribute or "\\" in attribute:
        return text, default
    return target, attribute


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target or "\\" in target


def _absolute(cwd: Path, target: str) -> Path:
    # Not resolve(): a symbolic link into a shared folder must not change which folder is the app's.
    return Path(os.path.abspath(os.path.join(cwd, os.path.expanduser(target))))
