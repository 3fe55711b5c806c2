"""Values of template variables that are refused, and paths within a folder."""

from pathlib import Path
from typing import Any

import pytest

from lambent.compat import (
    DEFAULT_RESOURCE_SECURITY,
    MCPServer,
    PathEscapeError,
    ResourceSecurity,
    contains_path_traversal,
    is_absolute_path,
    safe_join,
)
from lambent.testing import CallError, TestClient


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("..", True),
        ("../a", True),
        ("a/../..", True),
        ("a\\..\\..\\b", True),
        ("", False),
        ("a/b", False),
        ("a/../b", False),
        ("a..b", False),
        ("...", False),
        ("./a", False),
        ("/..", True),
    ],
)
def test_path_traversal(value: str, expected: bool) -> None:
    assert contains_path_traversal(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/a", True),
        ("\\a", True),
        ("C:\\a", True),
        ("c:a", True),
        ("a/b", False),
        ("", False),
        ("1:a", False),
    ],
)
def test_absolute_paths(value: str, expected: bool) -> None:
    assert is_absolute_path(value) is expected


def test_paths_within_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert safe_join(tmp_path, "a", "b.txt") == tmp_path.resolve() / "a" / "b.txt"
    assert safe_join(str(tmp_path), "a/../c") == tmp_path.resolve() / "c"
    assert safe_join(tmp_path) == tmp_path.resolve()


@pytest.mark.parametrize("part", ["..", "../x", "a/../../x", "/etc/passwd", "C:\\x", "a\0b"])
def test_paths_out_of_a_folder(tmp_path: Path, part: str) -> None:
    with pytest.raises(PathEscapeError, match="within"):
        safe_join(tmp_path, part)


def test_links_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "out").symlink_to(tmp_path)
    with pytest.raises(PathEscapeError, match="is not within"):
        safe_join(tmp_path / "inner", "out", "x")


def test_the_name_of_the_variable_that_is_refused() -> None:
    assert DEFAULT_RESOURCE_SECURITY.validate({"a": "x", "b": ["y", "../z"]}) == "b"
    assert DEFAULT_RESOURCE_SECURITY.validate({"a": "x", "b": ["y"]}) is None


def files(**options: Any) -> TestClient:
    security = options.pop("security", None)
    mcp = MCPServer("shop", **options)

    @mcp.resource("files:///{+path}", security=security)
    def read(path: str) -> str:
        return repr(path)

    return TestClient(mcp)


UP, ROOT, NUL = "files:///a/..%2F..%2Fb", "files:///%2Fetc", "files:///a%00b"


def test_by_default_values_are_refused_as_everywhere() -> None:
    for uri in (UP, ROOT, NUL):
        with pytest.raises(CallError, match="Unknown resource: files:"):
            files().read(uri)
    assert files().read("files:///a/b").text == "'a/b'"


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        (ResourceSecurity(), {"files:///a/b": "'a/b'"}),
        (ResourceSecurity(reject_path_traversal=False), {UP: "'a/../../b'"}),
        (ResourceSecurity(reject_absolute_paths=False), {ROOT: "'/etc'"}),
        (ResourceSecurity(reject_null_bytes=False), {NUL: "'a\\x00b'"}),
        (ResourceSecurity(exempt_params={"path"}), {UP: "'a/../../b'", ROOT: "'/etc'", NUL: "'a\\x00b'"}),
    ],
)
@pytest.mark.parametrize("is_of_the_resource", [False, True])
def test_a_policy_says_what_is_refused(
    policy: ResourceSecurity, taken: dict[str, str], is_of_the_resource: bool
) -> None:
    client = files(security=policy) if is_of_the_resource else files(resource_security=policy)
    for uri in (UP, ROOT, NUL, "files:///a/b"):
        if uri in taken:
            assert client.read(uri).text == taken[uri]
        elif uri != "files:///a/b":
            with pytest.raises(CallError, match="Unknown resource: files:"):
                client.read(uri)


def test_a_value_that_is_refused_is_none_for_a_later_template() -> None:
    mcp = MCPServer("shop", resource_security=ResourceSecurity())

    @mcp.resource("files:///{+path}")
    def first(path: str) -> str:
        return "first"

    @mcp.resource("files:///{+rest}", security=ResourceSecurity(exempt_params={"rest"}))
    def second(rest: str) -> str:
        return "second"

    with pytest.raises(CallError, match="Unknown resource: files:"):
        TestClient(mcp).read(UP)
