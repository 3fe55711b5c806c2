"""Skills that only some callers may have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import skill_folders
from tests.skill_folders import skill_text, write_files
from tests.support import Client, make_server

from lambent import DeclarationError, MCPServer, Principal
from lambent.features.summary import summarize

Serve = Callable[..., Client]
OPEN, CLOSED = "skill://refunds", "skill://hr/pay"


class OneCaller:
    """Identifies everybody as the same caller."""

    def __init__(self, *scopes: str) -> None:
        self.principal = Principal("ada", "tests", frozenset(scopes))

    def authenticate(self, request: Any) -> Principal:
        return self.principal


def declare(folder: Path, *scopes: str, **options: Any) -> MCPServer:
    """A server with a skill for everybody, and one for who has the scope ``hr``."""
    write_files(folder, {"closed/pay/SKILL.md": skill_text("pay"), "closed/pay/bands.md": b"1"})
    mcp = make_server(auth=OneCaller(*scopes), **options)
    mcp.skill(skill_folders.refunds(folder))
    mcp.skills(folder / "closed", prefix="hr", scopes=["hr"])
    return mcp


def answers(client: Client, root: str) -> list[Any]:
    """The statuses of the ways to a skill: its entry, its files, its folder."""
    replies = [
        client.request("skills/get", {"uri": f"{root}/SKILL.md"}),
        client.request("resources/directory/read", {"uri": root}),
        client.read(f"{root}/SKILL.md"),
        client.read(f"{root}/{'bands.md' if root == CLOSED else 'logo.png'}"),
    ]
    return [reply.status for reply in replies]


def test_who_has_the_scopes_has_the_skills(serve: Serve, tmp_path: Path) -> None:
    client = serve(declare(tmp_path, "hr"))
    assert answers(client, OPEN) == answers(client, CLOSED) == [200] * 4
    got = client.request("skills/get", {"uri": f"{CLOSED}/SKILL.md"}).result
    assert got["cacheScope"] == client.read(f"{CLOSED}/bands.md").result["cacheScope"] == "private"
    assert client.read(f"{CLOSED}/bands.md").result["contents"][0]["text"] == "1"


@pytest.mark.parametrize("root", [CLOSED, "skill://HR/pay", "skill://hr%2Fpay", "skill://h%72/pay"])
def test_who_has_not_is_refused_however_the_uri_is_written(serve: Serve, tmp_path: Path, root: str) -> None:
    client = serve(declare(tmp_path))
    assert answers(client, OPEN) == [200] * 4
    assert answers(client, CLOSED) == [403] * 4
    replies = [client.read(f"{root}/{name}") for name in ("SKILL.md", "bands.md")]
    replies += [client.request("skills/get", {"uri": f"{root}/SKILL.md"})]
    replies += [client.request("resources/directory/read", {"uri": root})]
    assert all("result" not in reply.response for reply in replies)


@pytest.mark.parametrize(("hides", "count", "scope"), [(False, 2, "public"), (True, 1, "private")])
def test_lists_can_leave_them_out(serve: Serve, tmp_path: Path, hides: bool, count: int, scope: str) -> None:
    client = serve(declare(tmp_path, hides_forbidden=hides))
    listed = client.request("skills/list").result
    assert (len(listed["skills"]), listed["cacheScope"]) == (count, scope)
    assert len(client.request("resources/list").result["resources"]) == count


def test_the_public_index_has_those_for_everybody(tmp_path: Path) -> None:
    assert [one.name for one in summarize(declare(tmp_path).freeze(), "/mcp").skills] == ["refunds"]


def test_a_mounted_server_keeps_its_scopes(serve: Serve, tmp_path: Path) -> None:
    inner = declare(tmp_path)
    inner._authenticators = ()
    mcp = make_server(auth=OneCaller())
    mcp.mount(inner, "in")
    client = serve(mcp)
    assert answers(client, "skill://in/refunds") == [200] * 4
    for name in ("SKILL.md", "bands.md"):
        assert client.read(f"skill://in/hr/pay/{name}").status == 403
    assert client.request("skills/get", {"uri": "skill://in/hr/pay/SKILL.md"}).status == 403


def test_the_order_of_declarations_does_not_matter(serve: Serve, tmp_path: Path) -> None:
    write_files(tmp_path, {"closed/pay/SKILL.md": skill_text("pay"), "closed/pay/bands.md": b"1"})
    mcp = make_server(auth=OneCaller())
    mcp.skill(tmp_path / "closed/pay", path="hr/pay", scopes=["hr"])
    mcp.skill(skill_folders.refunds(tmp_path))
    client = serve(mcp)
    assert answers(client, OPEN) == [200] * 4
    assert answers(client, CLOSED) == [403] * 4
    templates = client.request("resources/templates/list").result["resourceTemplates"]
    assert [one["uriTemplate"] for one in templates] == ["skill://hr/pay/{+path}", "skill://{+path}"]
    assert not any("mimeType" in one for one in templates)


def test_several_skills_with_scopes_have_a_prefix(tmp_path: Path) -> None:
    skill_folders.refunds(tmp_path)
    with pytest.raises(DeclarationError, match="need a prefix"):
        make_server().skills(tmp_path, scopes=["hr"])
    with pytest.raises(DeclarationError, match="scopes"):
        make_server().skill(tmp_path / "refunds", scopes="hr")
