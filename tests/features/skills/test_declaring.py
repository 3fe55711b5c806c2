"""Skills of a server: what clients list, get and read."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import skill_folders
from tests.legacy import LegacyClient
from tests.skill_folders import PICTURE, REFUNDS, skill_text, write_files
from tests.support import Client, make_handler, make_server

from lambent import CacheHint, DeclarationError, SkillFile
from lambent.features.skills import EXTENSION_ID

Serve = Callable[..., Client]


class MemoryFiles:
    """A source in memory, that notes what is read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.contents = files
        self.looks: list[str] = []

    def files(self, folder: str) -> Iterator[SkillFile]:
        start = f"{folder}/" if folder else ""
        for path, content in self.contents.items():
            if path.startswith(start):
                yield SkillFile(path, len(content), str(hash(content)))

    def read(self, path: str) -> bytes | None:
        self.looks.append(path)
        return self.contents.get(path)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def uris(client: Client) -> list[str]:
    return [one["uri"] for one in client.request("skills/list").result["skills"]]


def code(client: Client, method: str, **params: Any) -> int:
    found: int = client.request(method, params).error["code"]
    return found


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    mcp = make_server()
    mcp.skill(skill_folders.refunds(tmp_path))
    return serve(mcp)


ENTRY = {
    "uri": "skill://refunds/SKILL.md",
    "frontmatter": {"name": "refunds", "description": "Process refunds."},
    "resources": [
        {"uri": "skill://refunds/SKILL.md", "digest": digest(REFUNDS), "size": len(REFUNDS)},
        {"uri": "skill://refunds/logo.png", "digest": digest(PICTURE), "size": 9},
        {"uri": "skill://refunds/templates/eu/vat.txt", "digest": digest(b"VAT\n"), "size": 4},
        {"uri": "skill://refunds/templates/mail.md", "digest": digest("Dear …\r\n".encode()), "size": 10},
    ],
}


def test_the_server_says_that_it_has_skills(client: Client) -> None:
    capabilities = client.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {EXTENSION_ID: {"directoryRead": True}}
    assert "resources" in capabilities


def test_a_skill_is_listed_and_got_with_the_digest_of_each_file(client: Client) -> None:
    listed = client.request("skills/list").result
    assert {key: listed[key] for key in ("resultType", "skills", "ttlMs", "cacheScope")} == {
        "resultType": "complete",
        "skills": [ENTRY],
        "ttlMs": 60_000,
        "cacheScope": "public",
    }
    assert "nextCursor" not in listed
    got = client.request("skills/get", {"uri": ENTRY["uri"]}).result
    assert {key: got[key] for key in ("resultType", "skill", "ttlMs", "cacheScope")} == {
        "resultType": "complete",
        "skill": ENTRY,
        "ttlMs": 60_000,
        "cacheScope": "public",
    }
    assert "nextCursor" not in got


def test_every_client_can_read_its_files(client: Client) -> None:
    (resource,) = client.request("resources/list").result["resources"]
    assert resource == {
        "uri": "skill://refunds/SKILL.md",
        "name": "refunds",
        "description": "Process refunds.",
        "mimeType": "text/markdown",
    }
    (template,) = client.request("resources/templates/list").result["resourceTemplates"]
    assert (template["uriTemplate"], "mimeType" in template) == ("skill://{+path}", False)
    found = client.read("skill://refunds/SKILL.md").result
    assert found["contents"] == [
        {"uri": "skill://refunds/SKILL.md", "text": REFUNDS.decode(), "mimeType": "text/markdown"}
    ]
    assert (found["ttlMs"], found["cacheScope"]) == (60_000, "public")
    for one in ENTRY["resources"]:
        (contents,) = client.read(one["uri"]).result["contents"]  # type: ignore[index]
        data = contents["text"].encode() if "text" in contents else base64.b64decode(contents["blob"])
        assert (digest(data), len(data)) == (one["digest"], one["size"])  # type: ignore[index]
    assert client.read("skill://refunds/logo.png").result["contents"][0]["mimeType"] == "image/png"


def test_folders_are_read(client: Client) -> None:
    found = client.request("resources/directory/read", {"uri": "skill://refunds"}).result
    assert found["resources"] == [
        {
            "uri": "skill://refunds/SKILL.md",
            "name": "refunds",
            "description": "Process refunds.",
            "mimeType": "text/markdown",
            "size": len(REFUNDS),
        },
        {"uri": "skill://refunds/logo.png", "name": "logo.png", "mimeType": "image/png", "size": 9},
        {"uri": "skill://refunds/templates", "name": "templates", "mimeType": "inode/directory"},
    ]
    assert (found["ttlMs"], found["cacheScope"], "nextCursor" in found) == (60_000, "public", False)
    below = client.request("resources/directory/read", {"uri": "skill://refunds/templates"}).result
    assert [one["name"] for one in below["resources"]] == ["eu", "mail.md"]


@pytest.mark.parametrize(
    "uri",
    [
        "skill://refunds",
        "skill://refunds/logo.png",
        "skill://refunds/templates/SKILL.md",
        "skill://nothing/SKILL.md",
        "skill://refunds/../refunds/SKILL.md",
        "other://refunds/SKILL.md",
        "skill://SKILL.md",
        "refunds/SKILL.md",
        "",
        "skill://refunds/%FF/SKILL.md",
    ],
)
def test_what_is_no_skill_is_not_got(client: Client, uri: str) -> None:
    assert code(client, "skills/get", uri=uri) == -32602


@pytest.mark.parametrize(
    "uri",
    [
        "skill://refunds/SKILL.md",
        "skill://refunds/nothing",
        "skill://refunds/templates/mail.md",
        "skill://refunds/templates/",
        "skill://",
        "skill://nothing",
        "skill://refunds/%2e%2e",
        "other://refunds",
    ],
)
def test_what_is_no_folder_is_not_read_as_one(client: Client, uri: str) -> None:
    assert code(client, "resources/directory/read", uri=uri) == -32602


@pytest.mark.parametrize(
    "path",
    [
        "refunds",
        "refunds/nothing",
        "refunds/../secret",
        "refunds/%2e%2e/secret",
        "refunds/.env",
        "secret",
        "x/y",
    ],
)
def test_what_is_no_file_of_a_skill_is_not_read(serve: Serve, tmp_path: Path, path: str) -> None:
    write_files(tmp_path, {"secret": b"s", "refunds/.env": b"s"})
    mcp = make_server()
    mcp.skill(skill_folders.refunds(tmp_path))
    assert serve(mcp).read(f"skill://{path}").error["code"] == -32602


@pytest.mark.parametrize("method", ["skills/get", "resources/directory/read"])
@pytest.mark.parametrize("params", [{}, {"uri": 1}, {"uri": None}])
def test_parameters_are_checked(client: Client, method: str, params: dict[str, Any]) -> None:
    assert code(client, method, **params) == -32602


def test_what_stands_in_a_folder_is_found_wherever_it_is(serve: Serve, tmp_path: Path) -> None:
    files = {
        "b/SKILL.md": skill_text("b"),
        "b/inner/SKILL.md": skill_text("inner"),
        "acme/billing/refunds/SKILL.md": skill_text("refunds"),
        "b-c/SKILL.md": skill_text("b-c"),
        "acme/readme.md": b"x",
    }
    mcp = make_server()
    mcp.skills(write_files(tmp_path, files), prefix="our")
    client = serve(mcp)
    names = ["acme/billing/refunds", "b", "b-c"]
    assert uris(client) == [f"skill://our/{name}/SKILL.md" for name in names]
    assert len(client.request("resources/list").result["resources"]) == 3
    got = client.request("skills/get", {"uri": "skill://our/b/SKILL.md"}).result["skill"]
    assert [one["uri"] for one in got["resources"]] == [
        "skill://our/b/SKILL.md",
        "skill://our/b/inner/SKILL.md",
    ]
    # What is within a skill is one of its files, and no skill unless it is declared.
    assert client.read("skill://our/b/inner/SKILL.md").result["contents"][0]["mimeType"] == "text/markdown"
    assert code(client, "skills/get", uri="skill://our/b/inner/SKILL.md") == -32602
    # Nor is what stands beside skills.
    assert client.read("skill://our/acme/readme.md").error["code"] == -32602
    assert code(client, "resources/directory/read", uri="skill://our/acme") == -32602


def test_a_skill_may_be_within_another_one(serve: Serve, tmp_path: Path) -> None:
    files = {"b/SKILL.md": skill_text("b"), "b/inner/SKILL.md": skill_text("inner")}
    write_files(tmp_path, files)
    mcp = make_server()
    mcp.skill(tmp_path / "b")
    mcp.skill(tmp_path / "b/inner", path="b/inner")
    client = serve(mcp)
    assert uris(client) == ["skill://b/SKILL.md", "skill://b/inner/SKILL.md"]
    assert (
        client.request("skills/get", {"uri": "skill://b/inner/SKILL.md"}).result["skill"]["frontmatter"][
            "name"
        ]
        == "inner"
    )


def test_a_path_of_several_segments(serve: Serve, tmp_path: Path) -> None:
    mcp = make_server()
    mcp.skill(skill_folders.refunds(tmp_path), path="acme/billing/refunds")
    client = serve(mcp)
    assert uris(client) == ["skill://acme/billing/refunds/SKILL.md"]
    assert (
        client.read("skill://acme/billing/refunds/templates/mail.md").result["contents"][0]["text"]
        == "Dear …\r\n"
    )


def test_names_of_files_are_written_as_uris(serve: Serve, tmp_path: Path) -> None:
    files = {"a/SKILL.md": skill_text("a"), "a/to do/ä?#100%.md": b"x"}
    mcp = make_server()
    mcp.skill(write_files(tmp_path, files) / "a")
    client = serve(mcp)
    (entry,) = client.request("skills/list").result["skills"]
    uri = entry["resources"][1]["uri"]
    assert uri == "skill://a/to%20do/%C3%A4%3F%23100%25.md"
    assert client.read(uri).result["contents"] == [{"uri": uri, "text": "x", "mimeType": "text/markdown"}]
    (child,) = client.request("resources/directory/read", {"uri": "skill://a/to%20do"}).result["resources"]
    assert (child["uri"], child["name"]) == (uri, "ä?#100%.md")


def test_lists_have_pages(serve: Serve, tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(5)]
    files = {f"{name}/{file}": skill_text(name) for name in names for file in ("SKILL.md", "a.md", "b.md")}
    mcp = make_server(page_size=2)
    mcp.skills(write_files(tmp_path, files))
    client = serve(mcp)

    def pages(method: str, member: str, **params: Any) -> list[list[str]]:
        found, cursor = [], None
        while True:
            result = client.request(method, {**params, "cursor": cursor}).result
            found.append([one["uri"].removeprefix("skill://") for one in result[member]])
            if (cursor := result.get("nextCursor")) is None:
                return found

    assert pages("skills/list", "skills") == [
        ["s0/SKILL.md", "s1/SKILL.md"],
        ["s2/SKILL.md", "s3/SKILL.md"],
        ["s4/SKILL.md"],
    ]
    found = pages("resources/directory/read", "resources", uri="skill://s1")
    assert found == [["s1/SKILL.md", "s1/a.md"], ["s1/b.md"]]
    cursor = client.request("skills/list").result["nextCursor"]
    assert code(client, "resources/directory/read", uri="skill://s1", cursor=cursor) == -32602
    assert code(client, "skills/list", cursor="x") == -32602
    assert code(client, "skills/list", cursor=5) == -32602


def test_caching_is_that_of_lists(serve: Serve, tmp_path: Path) -> None:
    mcp = make_server(cache_hints={"resources/list": CacheHint(ttl_ms=5, scope="private")})
    mcp.skill(skill_folders.refunds(tmp_path))
    client = serve(mcp)
    results = [
        client.request("skills/list").result,
        client.request("skills/get", {"uri": ENTRY["uri"]}).result,
        client.read("skill://refunds/SKILL.md").result,
        client.read("skill://refunds/logo.png").result,
    ]
    assert [(one["ttlMs"], one["cacheScope"]) for one in results] == [(5, "private")] * 4


def test_clients_of_the_legacy_era_have_skills_too(tmp_path: Path) -> None:
    mcp = make_server()
    mcp.skill(skill_folders.refunds(tmp_path))
    handler = make_handler(mcp)
    client = LegacyClient(lambda: handler)
    assert client.request("skills/list").result == {"skills": [ENTRY]}
    assert client.request("skills/get", uri=ENTRY["uri"]).result == {"skill": ENTRY}
    found = client.request("resources/directory/read", uri="skill://refunds/templates/eu").result
    assert [one["name"] for one in found["resources"]] == ["vat.txt"]
    handler.close()


def test_a_mounted_server_has_its_skills_under_its_prefix(serve: Serve, tmp_path: Path) -> None:
    write_files(tmp_path, {"own/SKILL.md": skill_text("own")})
    shop, mcp = make_server(), make_server()
    shop.skill(skill_folders.refunds(tmp_path))
    mcp.skill(tmp_path / "own")
    mcp.mount(shop, "shop")
    client = serve(mcp)
    assert uris(client) == ["skill://own/SKILL.md", "skill://shop/refunds/SKILL.md"]
    got = client.request("skills/get", {"uri": "skill://shop/refunds/SKILL.md"}).result["skill"]
    assert got["resources"][1]["uri"] == "skill://shop/refunds/logo.png"
    assert client.read("skill://shop/refunds/templates/mail.md").result["contents"][0]["text"] == "Dear …\r\n"
    (child,) = client.request(
        "resources/directory/read", {"uri": "skill://shop/refunds/templates/eu"}
    ).result["resources"]
    assert child["uri"] == "skill://shop/refunds/templates/eu/vat.txt"
    assert code(client, "skills/get", uri="skill://refunds/SKILL.md") == -32602


def test_a_server_may_have_skills_of_mounted_ones_alone(serve: Serve, tmp_path: Path) -> None:
    shop, middle, mcp = make_server(), make_server(), make_server()
    shop.skill(skill_folders.refunds(tmp_path))
    middle.mount(shop, "b")
    mcp.mount(middle, "a")
    assert uris(serve(mcp)) == ["skill://a/b/refunds/SKILL.md"]


def test_other_sources_are_looked_up_with_each_request(serve: Serve) -> None:
    source = MemoryFiles({"a/SKILL.md": skill_text("a"), "a/x.txt": b"1"})
    mcp = make_server()
    mcp.skills(source)
    client = serve(mcp)
    assert source.looks == []
    assert uris(client) == ["skill://a/SKILL.md"]
    assert client.request("resources/list").result["resources"] == []
    source.looks.clear()
    assert uris(client) == ["skill://a/SKILL.md"]
    assert source.looks == ["a/SKILL.md"]  # the digest of x.txt is known
    source.contents |= {"a/x.txt": b"22", "b/SKILL.md": skill_text("b")}
    assert uris(client) == ["skill://a/SKILL.md", "skill://b/SKILL.md"]
    got = client.request("skills/get", {"uri": "skill://a/SKILL.md"}).result["skill"]
    assert got["resources"][1] == {"uri": "skill://a/x.txt", "digest": digest(b"22"), "size": 2}
    assert client.read("skill://a/x.txt").result["contents"][0]["text"] == "22"
    assert client.read("skill://b/SKILL.md").result["contents"][0]["text"] == skill_text("b").decode()
    del source.contents["a/SKILL.md"]
    assert client.read("skill://a/x.txt").error["code"] == -32602


def test_a_long_uri_costs_few_looks(serve: Serve) -> None:
    source = MemoryFiles({})
    mcp = make_server()
    mcp.skills(source)
    client = serve(mcp)
    assert client.read("skill://" + "a/" * 2000 + "x").error["code"] == -32602
    assert code(client, "skills/get", uri="skill://" + "a/" * 2000 + "SKILL.md") == -32602
    assert len(source.looks) == 16


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"bad/SKILL.md": b"# none"}, "bad: SKILL.md begins with"),
        ({"bad/SKILL.md": skill_text("other")}, "bad: the skill has the name 'other'"),
        (
            {"bad/SKILL.md": skill_text("bad"), **{f"bad/{n}": b"" for n in range(512)}},
            "bad: a skill has at most 512 files",
        ),
        ({"bad/SKILL.md": skill_text("bad"), "bad/x": bytes(16 << 20)}, "and 16 MiB"),
    ],
)
def test_a_skill_that_cannot_be_served_is_left_out_and_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture, files: dict[str, bytes], problem: str
) -> None:
    mcp = make_server()
    mcp.skills(MemoryFiles({**files, "good/SKILL.md": skill_text("good")}))
    client = serve(mcp)
    with caplog.at_level(logging.WARNING, "lambent.skills"):
        assert uris(client) == ["skill://good/SKILL.md"]
        assert code(client, "skills/get", uri="skill://bad/SKILL.md") == -32602
    assert [problem in record.getMessage() for record in caplog.records] == [True, True]


def test_no_file_is_read_of_what_is_no_skill(serve: Serve) -> None:
    mcp = make_server()
    mcp.skills(MemoryFiles({"bad/SKILL.md": b"# none", "bad/a.md": b"a"}))
    client = serve(mcp)
    assert [client.read(f"skill://bad/{name}").error["code"] for name in ("SKILL.md", "a.md")] == [-32602] * 2


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"bad/SKILL.md": b"# none"}, "bad: SKILL.md begins with"),
        ({"bad/SKILL.md": skill_text("other")}, "bad: the skill has the name 'other'"),
        ({"bad/readme.md": b""}, "SKILL.md"),
        ({"bad/SKILL.md": skill_text("bad"), **{f"bad/{n}": b"" for n in range(512)}}, "at most 512 files"),
        ({"Bad/SKILL.md": skill_text("bad")}, "Bad|There is no folder with"),
    ],
)
@pytest.mark.parametrize("is_single", [True, False])
def test_a_folder_that_cannot_be_served_is_refused(
    tmp_path: Path, files: dict[str, bytes], problem: str, is_single: bool
) -> None:
    write_files(tmp_path, files)
    mcp = make_server()
    with pytest.raises(DeclarationError, match=problem):
        mcp.skill(next(tmp_path.iterdir())) if is_single else mcp.skills(tmp_path)


def test_as_many_files_as_hosts_accept_are_served(serve: Serve, tmp_path: Path) -> None:
    files = {f"a/{n}": b"" for n in range(510)} | {"a/SKILL.md": skill_text("a")}
    files["a/x"] = bytes((16 << 20) - len(skill_text("a")))
    mcp = make_server()
    mcp.skill(write_files(tmp_path, files) / "a")
    (entry,) = serve(mcp).request("skills/list").result["skills"]
    assert len(entry["resources"]) == 512
    assert sum(one["size"] for one in entry["resources"]) == 16 << 20


@pytest.mark.parametrize(
    "path", ["acme/Refunds", "acme/billing/", "a--b", "", "acme//refunds", "../refunds", "A/refunds"]
)
def test_paths_of_skills(tmp_path: Path, path: str) -> None:
    mcp = make_server()
    if path:
        with pytest.raises(DeclarationError, match=r"name of a skill|no path of skills"):
            mcp.skill(skill_folders.refunds(tmp_path), path=path)
    else:
        mcp.skill(skill_folders.refunds(tmp_path), path=path)


def test_two_skills_have_two_paths(tmp_path: Path) -> None:
    mcp = make_server()
    folder = skill_folders.refunds(tmp_path)
    mcp.skill(folder)
    with pytest.raises(DeclarationError, match=r"There is a resource 'skill://refunds/SKILL\.md' already"):
        mcp.skill(folder)
    mcp.skill(folder, path="other/refunds")


def test_methods_of_skills_belong_to_them(tmp_path: Path) -> None:
    mcp = make_server()
    mcp.method("skills/get")(lambda: None)
    mcp.skill(skill_folders.refunds(tmp_path))
    with pytest.raises(DeclarationError, match="skills/get is of the skills: leave it out"):
        mcp.freeze()
    mcp = make_server(extensions={EXTENSION_ID: {}})
    mcp.skill(skill_folders.refunds(tmp_path))
    with pytest.raises(DeclarationError, match=r"io\.modelcontextprotocol/skills is of the skills"):
        mcp.freeze()


def test_skills_are_declared_before_the_first_request(tmp_path: Path) -> None:
    mcp = make_server()
    mcp.freeze()
    with pytest.raises(DeclarationError, match="skill comes too late"):
        mcp.skill(skill_folders.refunds(tmp_path))


def test_a_source_is_one() -> None:
    with pytest.raises(DeclarationError, match=r"no source of skills: give a folder, or lambent\.S3Skills"):
        make_server().skills(5)  # type: ignore[arg-type]


def test_servers_without_skills_have_no_such_method(serve: Serve) -> None:
    client = serve(make_server())
    assert code(client, "skills/list") == -32601
