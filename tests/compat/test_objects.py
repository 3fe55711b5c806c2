"""Features that are made as objects, and given to a server afterwards."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.compat import (
    BinaryResource,
    DirectoryResource,
    FileResource,
    FunctionResource,
    HttpResource,
    MCPServer,
    Resource,
    TextResource,
    Tool,
)
from lambent.testing import TestClient


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def served(*resources: Resource) -> TestClient:
    return TestClient(MCPServer("shop", resources=resources))


def test_text() -> None:
    client = served(TextResource(uri="note://a", name="a", text="A note", mime_type="text/markdown"))
    (listed,) = client.list_resources()
    assert (listed.uri, listed.name, listed.mime_type) == ("note://a", "a", "text/markdown")
    assert client.read("note://a").text == "A note"


def test_without_a_name_the_uri_is_it() -> None:
    assert served(TextResource(uri="note://a", text="A")).list_resources()[0].name == "note://a"


def test_without_a_description_there_is_none() -> None:
    resources = [
        TextResource(uri="note://a", text="A"),
        TextResource(uri="note://b", text="B", description="The second"),
        FunctionResource.from_function(lambda: "C", uri="note://c", name="c"),
    ]
    listed = served(*resources).request("resources/list")["resources"]
    assert [one.get("description") for one in listed] == [None, "The second", ""]


def test_bytes() -> None:
    client = served(BinaryResource(uri="img://a", data=b"\x89PNG", mime_type="image/png"))
    assert client.read("img://a").data == b"\x89PNG"


@pytest.mark.parametrize("is_async", [False, True])
def test_functions(is_async: bool) -> None:
    def plain() -> str:
        """What is new."""
        return "news"

    async def later() -> str:
        """What is new."""
        return "news"

    client = served(FunctionResource.from_function(later if is_async else plain, uri="news://today"))
    (listed,) = client.list_resources()
    assert (listed.name, listed.description) == ("later" if is_async else "plain", "What is new.")
    assert client.read("news://today").text == "news"


@pytest.mark.anyio
async def test_objects_can_be_read_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")

    async def later() -> str:
        return "news"

    assert await FunctionResource.from_function(later, uri="news://today").read() == "news"
    assert await FunctionResource.from_function(lambda: "old", uri="news://old", name="old").read() == "old"
    assert await FileResource(uri="file:///a", path=tmp_path / "a.txt").read() == "A"
    assert (
        await DirectoryResource(uri="file:///", path=tmp_path).read()
        == '{\n  "files": [\n    "a.txt"\n  ]\n}'
    )
    assert await TextResource(uri="note://a", text="A").read() == "A"
    assert await BinaryResource(uri="img://a", data=b"A").read() == b"A"


@pytest.mark.parametrize(
    ("mime_type", "encoding", "content", "expected"),
    [
        ("text/plain", None, "é".encode(), "é"),
        ("application/json", None, b"{}", "{}"),
        ("image/svg+xml", None, b"<svg/>", "<svg/>"),
        ("text/plain; charset=latin-1", None, b"\xe9", "é"),
        ("application/octet-stream", "latin-1", b"\xe9", "é"),
        ("text/plain", None, b"\xef\xbb\xbfA", "A"),
    ],
)
def test_files_of_text(
    tmp_path: Path, mime_type: str, encoding: str | None, content: bytes, expected: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    client = served(FileResource(uri="file:///a", path=path, mime_type=mime_type, encoding=encoding))
    assert client.read("file:///a").text == expected


@pytest.mark.parametrize(("mime_type", "is_binary"), [("image/png", None), ("text/plain", True)])
def test_files_of_bytes(tmp_path: Path, mime_type: str, is_binary: bool | None) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\x89PNG")
    client = served(FileResource(uri="file:///a", path=path, mime_type=mime_type, is_binary=is_binary))
    assert client.read("file:///a").data == b"\x89PNG"


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.txt", "a.txt", "a.md", "inner/c.txt"):
        (tmp_path / name).write_text("x")
    flat = DirectoryResource(uri="dir:///flat", path=tmp_path, pattern="*.txt")
    deep = DirectoryResource(uri="dir:///deep", path=tmp_path, recursive=True)
    client = served(flat, deep)
    assert client.read("dir:///flat").value == {"files": ["a.txt", "b.txt"]}
    assert client.read("dir:///deep").value == {"files": ["a.md", "a.txt", "b.txt", "inner/c.txt"]}


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere"):
        DirectoryResource(uri="dir:///", path=tmp_path / "nowhere").list_files()


@pytest.mark.parametrize("kind", [FileResource, DirectoryResource])
def test_relative_paths_are_refused(kind: type[FileResource | DirectoryResource]) -> None:
    with pytest.raises(ValueError, match="The path has to be absolute: a"):
        kind(uri="file:///a", path=Path("a"))


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain; charset=latin-1")
        self.end_headers()
        self.wfile.write("é".encode("latin-1"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_web_pages(page: str) -> None:
    client = served(HttpResource(uri="web://a", url=page, mime_type="text/plain"))
    assert client.read("web://a").text == "é"


@pytest.mark.anyio
async def test_other_urls_are_not_fetched() -> None:
    with pytest.raises(ValueError, match="is no web page"):
        await HttpResource(uri="web://a", url="file:///etc/passwd").read()


class Clock(Resource, kw_only=True):
    """A resource of a user's own class."""

    zone: str

    async def read(self) -> str:
        return f"noon in {self.zone}"


def test_classes_of_users() -> None:
    assert served(Clock(uri="clock://a", zone="Oslo")).read("clock://a").text == "noon in Oslo"


@pytest.mark.anyio
async def test_a_class_that_says_nothing_cannot_be_read() -> None:
    with pytest.raises(NotImplementedError, match="Resource has no read"):
        await Resource(uri="x://").read()


def test_tools_know_their_descriptions() -> None:
    def add() -> None:
        """Add."""

    assert Tool.from_function(add).description == "Add."
    assert Tool.from_function(add, description="Plus", context_kwarg="ctx").description == "Plus"
    assert Tool.from_function(lambda: None, "none").description == ""
