import sys
from pathlib import Path

import pytest

from lambent.cli.app_ref import AppImportError, AppRef, parse_app
from lambent.cli.errors import UsageError


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """A folder on sys.path whose modules are forgotten again."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_file_with_an_attribute(tmp_path):
    file = tmp_path / "server.py"
    file.touch()
    app = parse_app("server.py:api.handler", tmp_path)
    assert app == AppRef(folder=tmp_path, module="server", attribute="api.handler", file=file)
    assert app.lambda_handler_name == "server.api.handler"
    assert str(app) == f"{file}:api.handler"


def test_the_attribute_defaults_to_handler(tmp_path):
    (tmp_path / "server.py").touch()
    assert parse_app("server.py", tmp_path).attribute == "handler"
    assert parse_app("pkg.server", tmp_path).attribute == "handler"


def test_a_file_in_a_folder_makes_that_folder_the_apps(tmp_path):
    (tmp_path / "functions").mkdir()
    file = tmp_path / "functions" / "orders.py"
    file.touch()
    for text in ("functions/orders.py", "./functions/../functions/orders.py:handler", f"{file}:handler"):
        app = parse_app(text, tmp_path)
        assert (app.folder, app.file) == (tmp_path / "functions", file)


def test_a_module_makes_the_working_folder_the_apps(tmp_path):
    app = parse_app("orders.api:handler", tmp_path)
    assert app == AppRef(folder=tmp_path, module="orders.api", attribute="handler")
    assert str(app) == "orders.api:handler"
    assert app.lambda_handler_name == "orders.api.handler"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing.py", "there is no file missing.py"),
        ("folder/", "folder/ is a folder"),
        ("", "neither module:attribute"),
        ("my-app", "neither module:attribute"),
        ("module:", "not the name of a handler"),
        ("module:not a name", "not the name of a handler"),
        ("module:a..b", "not the name of a handler"),
    ],
)
def test_what_is_no_reference(tmp_path, text, message):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=message) as caught:
        parse_app(text, tmp_path)
    assert caught.value.status == 2


def test_loading_a_file(tmp_path, importable):
    (tmp_path / "my-orders.py").write_text("def handler(event, context): return event\n")
    handler = parse_app("my-orders.py", tmp_path).load()
    assert handler({"a": 1}, None) == {"a": 1}


def test_loading_a_module_of_a_package(importable):
    (importable / "loadedpkg").mkdir()
    (importable / "loadedpkg" / "__init__.py").touch()
    (importable / "loadedpkg" / "api.py").write_text(
        "class api:\n    handler = staticmethod(lambda e, c: 7)\n"
    )
    assert parse_app("loadedpkg.api:api.handler", importable).load()({}, None) == 7


@pytest.mark.parametrize(
    ("source", "attribute", "message"),
    [
        ("", "handler", "has no attribute 'handler'$"),
        (
            "class S:\n  def lambda_handler(self): ...\nshop = S()",
            "handler",
            r"has no attribute 'handler': write handler = shop.lambda_handler\(\) at its end$",
        ),
        ("handler = 3", "handler", "is a int, not a handler"),
        (
            "class S:\n  def lambda_handler(self): ...\nmcp = S()",
            "mcp",
            r"use the result of its lambda_handler\(\)",
        ),
    ],
)
def test_what_cannot_be_called(tmp_path, importable, source, attribute, message):
    (tmp_path / "uncallable.py").write_text(source)
    with pytest.raises(AppImportError, match=message):
        parse_app(f"uncallable.py:{attribute}", tmp_path).load()


def test_a_file_that_hides_a_module(tmp_path):
    (tmp_path / "json.py").write_text("def handler(event, context): ...\n")
    with pytest.raises(AppImportError, match=r"json.py hides the module 'json'"):
        parse_app("json.py", tmp_path).load()


def test_errors_of_the_module_pass_through(tmp_path, importable):
    (tmp_path / "broken_module.py").write_text("import no_such_library\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        parse_app(Path("broken_module.py").name, tmp_path).load()
