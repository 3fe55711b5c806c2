"""What an example has to offer: servers, applications, and functions that make them."""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

KEY = "0123456789abcdef0123456789abcdef"


def load(file: Path) -> ModuleType:
    """Import a file as the module that it is within its packages."""
    folder, name = file.parent, file.stem
    while (folder / "__init__.py").exists():
        name = f"{folder.name}.{name}"
        folder = folder.parent
    if not all(part.isidentifier() for part in name.split(".")) or name in sys.modules:
        name = f"example_{abs(hash(str(file)))}"
        return _from_file(name, file)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if "." not in name:
        return _from_file(f"example_{file.stem}", file)
    return importlib.import_module(name)


def _from_file(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def groups_of(module: ModuleType) -> list[list[str]]:
    """The names of what can be served, the groups to be tried one after another.

    These are applications, since they serve the servers of their module; servers; else functions that make
    one, with "()" behind their name.
    """
    groups = []
    for kind in (is_app, is_server):
        found: dict[int, str] = {}
        for name, one in vars(module).items():
            if not inspect.isclass(one) and kind(one):
                found.setdefault(id(one), name)
        if found:
            groups.append(list(found.values()))
    return groups or [list(map("{}()".format, _makers(module)))]


def _makers(module: ModuleType) -> list[str]:
    return [
        name
        for name, one in vars(module).items()
        if inspect.isfunction(one)
        and one.__module__ == module.__name__
        and any(kind in str(one.__annotations__.get("return", "")) for kind in ("MCPServer", "Starlette"))
    ]


def is_server(one: Any) -> bool:
    """Whether something is a server with decorators."""
    return hasattr(type(one), "tool") and (hasattr(one, "streamable_http_app") or hasattr(one, "asgi"))


def is_app(one: Any) -> bool:
    """Whether something is an application with routes."""
    return type(one).__name__ in ("Starlette", "FastAPI") or type(one).__name__ == "AsgiApp"


def find(module: ModuleType, name: str) -> Any:
    """What a name of `groups_of` stands for."""
    if not name.endswith("()"):
        return getattr(module, name)
    function = getattr(module, name[:-2])
    hints = inspect.get_annotations(function, eval_str=True)
    parameters = inspect.signature(function).parameters.values()
    needed = [one for one in parameters if one.default is inspect.Parameter.empty]
    return function(*[_argument(hints.get(one.name)) for one in needed])


def _argument(hint: Any) -> Any:
    if hint is str or hint is None:
        return KEY
    for module in (hint.__module__, "lambent.compat"):
        implementation = getattr(sys.modules.get(module), f"InMemory{hint.__name__}", None)
        if implementation is not None:
            return implementation()
    return hint()


def routes_of(app: Any, prefix: str = "") -> list[tuple[str, frozenset[str]]]:
    """The paths of an application, with their HTTP methods; those of mounted ones too."""
    found: list[tuple[str, frozenset[str]]] = []
    for route in getattr(app, "routes", ()):
        path = prefix.rstrip("/") + getattr(route, "path", "")
        inner = getattr(route, "app", None)
        if type(route).__name__ in ("Mount", "Host"):
            found += routes_of(inner, path) or [(path, frozenset())]
        else:
            found.append((path, frozenset(getattr(route, "methods", None) or ())))
    return found
