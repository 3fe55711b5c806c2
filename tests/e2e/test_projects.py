"""New projects in all variants: tested, checked, built, deployed and called, with nothing but a wheel."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.cloud import Reply, require_tools
from tests.e2e.projects import Newcomer
from tests.e2e.receivers import receiver
from tests.issuer.issuer import Issuer
from tests.support import dumps, headers_of, message

TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
SECONDS = 60
MB = 1024 * 1024


class Variant(NamedTuple):
    """A kind of project, and how large its function may be: megabytes of the zip file."""

    name: str
    options: tuple[str, ...]
    limit: float


VARIANTS = [
    Variant("plain", (), 1),
    Variant("tasks", ("--tasks",), 3),
    Variant("auth", ("--auth",), 6),
    Variant("fastapi", ("--fastapi",), 6.5),
    Variant("all", ("--tasks", "--auth", "--fastapi", "--events"), 13),
]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    require_tools()
    made = Newcomer(tmp_path_factory.mktemp("newcomer"))
    made.install()
    return made


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


class Endpoint:
    """An MCP endpoint on this machine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: dict[str, str] = {}

    def get(self, path: str) -> Reply:
        """What is beside the endpoint."""
        return self._send(self.url.removesuffix("/mcp") + path, None, {})

    def post(self, method: str, params: Mapping[str, Any] | None = None, **meta: Any) -> Reply:
        """The answer to a request."""
        body = message(method, params, **meta)
        headers = {**headers_of(body), **self.headers}
        if params and "taskId" in params:
            headers["mcp-name"] = params["taskId"]
        return self._send(self.url, dumps(body).encode(), headers)

    def call(self, tool: str, arguments: Mapping[str, Any], **meta: Any) -> dict[str, Any]:
        """The result of a tool."""
        return self.result(self.post("tools/call", {"name": tool, "arguments": arguments}, **meta))

    @staticmethod
    def result(reply: Reply) -> dict[str, Any]:
        """The result in an answer."""
        assert reply.status == 200, reply
        result: dict[str, Any] = json.loads(reply.body)["result"]
        return result

    @staticmethod
    def _send(url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            response = opener.open(urllib.request.Request(url, body, dict(headers)), timeout=SECONDS)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, names, response.read())


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_it_works_at_once(variant: Variant, newcomer: Newcomer, issuer: Issuer) -> None:
    folder = newcomer.init(variant.name, *variant.options)
    assert " passed" in newcomer.run("python", "-m", "pytest", "-q", cwd=folder)
    newcomer.run("sam", "validate", "--lint", cwd=folder)
    newcomer.run("sam", "build", cwd=folder)
    newcomer.run("lambent", "sizes", "--limit", f"Server={variant.limit}", cwd=folder)
    _check_artifact(folder / ".aws-sam" / "build" / "Server")

    has_auth = "--auth" in variant.options
    parameters = [f"AuthIssuer={issuer.url}", "AllowAnonymous=false"] if has_auth else []
    with newcomer.deployed(folder, *parameters) as url:
        endpoint = Endpoint(url)
        if has_auth:
            _sign_in(endpoint, issuer)
        found = endpoint.call("deadline", {"start": "2026-12-23", "days": 3})
        assert found["content"][0]["text"] == '"2026-12-29"'
        if "--tasks" in variant.options:
            _run_a_task(endpoint)
        if "--events" in variant.options:
            _wait_for_an_event(endpoint)
        if "--fastapi" in variant.options:
            rest = endpoint.get("/deadline?start=2026-12-23&days=3")
            assert rest.status == (401 if has_auth else 200)
            assert has_auth or json.loads(rest.body) == "2026-12-29"


def _check_artifact(folder: Path) -> None:
    packages = {path.name for path in folder.iterdir()}
    assert {"app.py", "lambent", "msgspec", "__pycache__"} <= packages
    assert not packages & {"boto3", "botocore", "tests", "events", "click", "_lambent_pytest.py"}
    assert (folder / "lambent" / "server.pyc").exists()
    for path in folder.rglob("*.py*"):
        assert str(folder).encode() not in path.read_bytes(), path


def _sign_in(endpoint: Endpoint, issuer: Issuer) -> None:
    assert endpoint.post("tools/list").status == 401
    metadata = endpoint.get("/.well-known/oauth-protected-resource/mcp")
    document = json.loads(metadata.body)
    assert document["authorization_servers"] == [issuer.url]
    endpoint.headers["authorization"] = f"Bearer {issuer.token('ada', document['resource'], [])}"
    assert endpoint.call("who_am_i", {})["content"][0]["text"] == "ada"


def _run_a_task(endpoint: Endpoint) -> None:
    task = endpoint.call("plan_year", {"year": 2026}, capabilities=TASKS)["taskId"]
    deadline = time.monotonic() + SECONDS
    while True:
        shown = endpoint.result(endpoint.post("tasks/get", {"taskId": task}, capabilities=TASKS))
        if shown["status"] != "working":
            break
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)
    assert shown["status"] == "completed", shown
    assert shown["result"]["structuredContent"]["2026-12"] == 22


def _wait_for_an_event(endpoint: Endpoint) -> None:
    with receiver() as subscriber:
        delivery = {"mode": "webhook", "url": subscriber.url, "secret": subscriber.secret}
        params = {"name": "office.closed", "delivery": delivery}
        made = endpoint.result(endpoint.post("events/subscribe", params))
        endpoint.call("close_office", {"day": "2026-12-23", "reason": "Moving."})
        delivered = subscriber.wait_for("closed-2026-12-23")
    assert delivered.headers["x-mcp-subscription-id"] == made["id"]
    assert delivered.body["data"] == {"day": "2026-12-23", "reason": "Moving."}


def test_nobody_is_let_in_by_mistake(newcomer: Newcomer) -> None:
    folder = newcomer.init("closed")
    settings = folder / "samconfig.toml"
    settings.write_text(settings.read_text().partition("[local")[0])
    told = newcomer.fail("lambent", "deploy", "--local", cwd=folder)
    assert "SetAllowAnonymous=trueifthatiswhatyouwant" in "".join(told.split())


def test_what_is_missing_is_named(newcomer: Newcomer) -> None:
    folder = newcomer.init("missing")
    assert newcomer.fail("lambent", "deploy", cwd=folder) == (
        "lambent deploy: say --local; `sam build && sam deploy` deploys to AWS\n"
    )
    commands = str(Path(newcomer.run("which", "lambent", cwd=folder)).parent)
    alone = {"PATH": os.pathsep.join([commands, "/usr/bin", "/bin"])}
    told = newcomer.fail("lambent", "deploy", "--local", cwd=folder, environment=alone)
    assert told.startswith("lambent deploy: sam is needed, and is not on PATH: https://docs.aws.amazon.com/")
