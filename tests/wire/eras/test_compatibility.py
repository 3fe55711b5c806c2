"""Which era answers, for all that a request can say of its version (basic/versioning, "Compatibility")."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import PREFIX, VERSION, Client, Reply, dumps, http_api, meta
from tests.wire.eras.legacy_client import VERSIONS, LegacyClient, initialize, rpc
from tests.wire.eras.legacy_server import legacy_server

from lambent.wire.eras import SUPPORTED_VERSIONS, UNNEGOTIATED

UNKNOWN = "2099-01-01"
HEADERS = [None, VERSION, *VERSIONS, UNKNOWN, "", "2026-07-28x", f" {VERSIONS[1]} ", VERSION + ", " + VERSION]


def spoken(tools: dict[str, Any]) -> str:
    """The version of a list of tools of ``legacy_server``."""
    add = tools["tools"][0]
    members = [
        (VERSION, "resultType", tools),
        (VERSIONS[0], "icons", add),
        (VERSIONS[1], "title", add),
        (VERSIONS[2], "annotations", add),
    ]
    return next((version for version, member, where in members if member in where), VERSIONS[3])


def answered(reply: Reply) -> tuple[int, Any]:
    """The status, and the version that was spoken or the code of the error."""
    if "error" in reply.response:
        return reply.status, reply.error["code"]
    if "protocolVersion" in reply.result:
        return reply.status, reply.result["protocolVersion"]
    return reply.status, spoken(reply.result)


def expected(in_meta: str | None, method: str, header: str | None, session: str | None) -> tuple[int, Any]:
    """The table, row by row; the first row that fits counts.

    ========  ==========  ===============  ==========================================
    `_meta`   method      header           answer
    ========  ==========  ===============  ==========================================
    any       any         another version  400, -32020
    modern    initialize  the same         404, -32601
    modern    other       the same         modern
    unknown   any         the same         400, -32022
    none      initialize  any              legacy, the version of its parameters
    none      other       absent           legacy, of the session, else 2025-03-26
    none      other       legacy           legacy, of the header
    none      other       modern           400, -32602
    none      other       unknown          400, -32022
    ========  ==========  ===============  ==========================================
    """
    said = None if header is None else header.strip()
    if in_meta is not None:
        if said != in_meta:
            return 400, -32020
        if in_meta != VERSION:
            return 400, -32022
        return (404, -32601) if method == "initialize" else (200, VERSION)
    if method == "initialize":
        return 200, VERSIONS[1]
    if said is None:
        return 200, session or UNNEGOTIATED
    if said in VERSIONS:
        return 200, said
    return 400, -32602 if said == VERSION else -32022


@pytest.mark.parametrize("session", [None, *VERSIONS])
@pytest.mark.parametrize("method", ["initialize", "tools/list"])
@pytest.mark.parametrize("in_meta", [None, VERSION, UNKNOWN, VERSIONS[0]])
def test_every_combination_over_http(
    serve: Callable[..., Client], in_meta: str | None, method: str, session: str | None
) -> None:
    inner = serve(legacy_server())
    token = None
    if session is not None:
        other = LegacyClient(inner, session)
        other.start()
        token = other.session
    for header in HEADERS:
        params = dict(initialize(VERSIONS[1])["params"]) if method == "initialize" else {}
        if in_meta is not None:
            params["_meta"] = {**meta(), f"{PREFIX}protocolVersion": in_meta}
        given = {
            "content-type": "application/json",
            "mcp-method": method,
            "mcp-protocol-version": header,
            "mcp-session-id": token,
        }
        sent = {name: value for name, value in given.items() if value is not None}
        reply = inner.event(http_api(dumps(rpc(method, params)), sent))
        assert answered(reply) == expected(in_meta, method, header, session), header
        if reply.status == 400 and reply.error["code"] == -32022:
            assert reply.error["data"]["supported"] == list(SUPPORTED_VERSIONS)
            assert reply.error["data"]["requested"] == (in_meta or (header or "").strip())


@pytest.mark.parametrize(
    "escaped", ["io.modelcontextprotocol\\/protocolVersion", "\\u0069o.modelcontextprotocol/protocolVersion"]
)
def test_an_escaped_key_is_found(serve: Callable[..., Client], escaped: str) -> None:
    inner = serve(legacy_server())
    body = dumps(rpc("tools/list", {"_meta": meta()})).replace(f"{PREFIX}protocolVersion", escaped)
    assert answered(inner.post(body, {"mcp-method": "tools/list"})) == (200, VERSION)
    assert answered(inner.post(body, {"mcp-protocol-version": None, "mcp-method": "tools/list"})) == (
        400,
        -32020,
    )


@pytest.mark.parametrize(
    "params",
    [
        {"_meta": {f"{PREFIX}protocolVersion": None}},
        {"_meta": {}},
        {"_meta": None},
        {"arguments": {f"{PREFIX}protocolVersion": VERSION}},
        {"cursor": None, "x": f'"{PREFIX}protocolVersion"'},
        {f"{PREFIX}protocolVersion": VERSION},
        {"x": {"_meta": meta()}},
    ],
)
def test_what_names_no_version(serve: Callable[..., Client], params: Any) -> None:
    """Only ``_meta`` itself does; what is null is absent."""
    reply = LegacyClient(serve(legacy_server()), VERSIONS[0]).post(rpc("tools/list", params))
    if params == {"_meta": None}:
        assert answered(reply) == (200, -32602)
    else:
        assert answered(reply) == (200, VERSIONS[0])


@pytest.mark.parametrize("value", [1, True, [], {}, "", 1.5])
def test_a_version_of_the_wrong_type_is_a_modern_mistake(serve: Callable[..., Client], value: Any) -> None:
    params = {"_meta": {**meta(), f"{PREFIX}protocolVersion": value}}
    reply = LegacyClient(serve(legacy_server()), VERSIONS[0]).post(rpc("tools/list", params))
    assert reply.status == 400
    assert reply.error["code"] in (-32602, -32020, -32022)


@pytest.mark.parametrize("twice", [(VERSION, None), (None, VERSION)])
def test_a_key_that_is_there_twice(
    serve: Callable[..., Client], twice: tuple[str | None, str | None]
) -> None:
    """The last one counts, for both eras alike."""
    key = f"{PREFIX}protocolVersion"
    one, other = (dumps(value) for value in twice)
    inner = f'"{key}":{one},"{key}":{other},"{PREFIX}clientCapabilities":{{}}'
    body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{inner}}}}}}}'
    reply = serve(legacy_server()).post(body, {"mcp-protocol-version": twice[1], "mcp-method": "tools/list"})
    assert answered(reply) == (200, twice[1] or UNNEGOTIATED)


@pytest.mark.parametrize("rest", ['"traceparent":1e999', '"x":' + "9" * 5000, '"x":' + "[" * 500 + "]" * 500])
@pytest.mark.parametrize("space", ["", " ", "\n\t"])
def test_what_else_is_in_meta_does_not_matter(serve: Callable[..., Client], rest: str, space: str) -> None:
    """The version is found all the same, and modern rules say what is wrong."""
    inner = serve(legacy_server())
    for version in (f'"{VERSION}"', "null"):
        named = f'"{PREFIX}protocolVersion":{space}{version}{space},{rest}'
        params = f'{{"protocolVersion":"{VERSIONS[0]}","_meta":{{{named}}}}}'
        body = f'{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}'
        reply = inner.post(body, {"mcp-method": "initialize"})
        assert reply.status == (200 if version == "null" else 400)


def test_one_client_may_mix_the_eras(serve: Callable[..., Client]) -> None:
    """No request changes what another one gets: there is no state."""
    inner = serve(legacy_server())
    steps: dict[str, Callable[[], tuple[int, Any]]] = {
        "discover": lambda: (inner.request("server/discover").status, VERSION),
        "modern": lambda: answered(inner.request("tools/list")),
        "initialize": lambda: answered(LegacyClient(inner, VERSIONS[1]).start()),
        "legacy": lambda: answered(LegacyClient(inner, VERSIONS[0]).post(rpc("tools/list"))),
    }
    wanted = {"discover": VERSION, "modern": VERSION, "initialize": VERSIONS[1], "legacy": VERSIONS[0]}
    for order in itertools.permutations(steps):
        for name in order:
            assert steps[name]() == (200, wanted[name])


def test_all_that_names_versions_names_the_same(serve: Callable[..., Client]) -> None:
    inner = serve(legacy_server())
    assert inner.request("server/discover").result["supportedVersions"] == list(SUPPORTED_VERSIONS)
    wrong = inner.request("initialize", headers={"mcp-method": "initialize"})
    assert wrong.error["data"] == {"supported": list(SUPPORTED_VERSIONS)}
