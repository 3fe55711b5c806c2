"""stdio with clients of both eras: what ``initialize`` negotiates is kept by the process."""

import itertools
import json
import time
from typing import Any

import pytest
from tests import support
from tests.hosts.test_stdio import Wire
from tests.wire.eras.legacy_client import VERSIONS, check, initialize, rpc
from tests.wire.eras.legacy_server import legacy_server
from tests.wire.eras.test_compatibility import UNKNOWN, spoken

from lambent import Context, MCPServer
from lambent.wire.eras import SUPPORTED_VERSIONS

BATCHES = VERSIONS[2]
INITIALIZED = rpc("notifications/initialized", request_id=None)


def version_of(reply: dict[str, Any]) -> Any:
    """The version that was spoken, or the code of the error."""
    if "error" in reply:
        return reply["error"]["code"]
    result = reply["result"]
    return result["protocolVersion"] if "protocolVersion" in result else spoken(result)


def named(version: str, method: str = "tools/list", request_id: Any = 1) -> dict[str, Any]:
    """A request whose ``_meta`` names a version."""
    body = support.message(method, request_id=request_id)
    body["params"]["_meta"][f"{support.PREFIX}protocolVersion"] = version
    return body


def lines(*messages: Any) -> bytes:
    return b"".join(support.dumps(message).encode() + b"\n" for message in messages)


@pytest.mark.parametrize("negotiated", [None, *VERSIONS])
@pytest.mark.parametrize("in_meta", [None, support.VERSION, UNKNOWN, VERSIONS[0]])
@pytest.mark.parametrize("method", ["tools/list", "initialize"])
def test_every_combination(negotiated: str | None, in_meta: str | None, method: str) -> None:
    if in_meta == support.VERSION:
        expected: Any = -32601 if method == "initialize" else support.VERSION
    elif in_meta is not None:
        expected = -32022
    else:
        expected = VERSIONS[1] if method == "initialize" else negotiated or -32602
    with Wire(legacy_server()) as wire:
        if negotiated is not None:
            assert version_of(wire.ask(initialize(negotiated))) == negotiated
            wire.send(INITIALIZED)
        body = initialize(VERSIONS[1]) if method == "initialize" else rpc(method)
        if in_meta is not None:
            body = named(in_meta, method)
        reply = wire.ask(body)
        assert version_of(reply) == expected
        if expected == -32022:
            assert reply["error"]["data"]["supported"] == list(SUPPORTED_VERSIONS)
        if expected in VERSIONS:
            check(expected, method, [reply])
        # What was refused, or is of the other era, has changed nothing.
        after = VERSIONS[1] if method == "initialize" and in_meta is None else negotiated
        assert version_of(wire.ask(rpc("tools/list"))) == (after or -32602)


def test_before_initialize_only_ping_is_answered() -> None:
    with Wire(legacy_server()) as wire:
        assert wire.ask(rpc("ping", request_id="p")) == {"jsonrpc": "2.0", "id": "p", "result": {}}
        for method in ("tools/list", "logging/setLevel", "resources/subscribe", "no/such", "server/discover"):
            error = wire.ask(rpc(method, {"level": "info", "uri": "x"}))["error"]
            assert error["code"] == -32602  # one that a dual-era client does not take for modern
            assert error["data"] == {"supported": list(SUPPORTED_VERSIONS)}
        wire.send(INITIALIZED)
        assert wire.ask(rpc("ping"))["result"] == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_input_that_is_written_at_once(version: str) -> None:
    """What follows ``initialize`` is already of the version that it negotiates."""
    with Wire(legacy_server()) as wire:
        wire.write(
            lines(
                initialize(version),
                INITIALIZED,
                rpc("tools/list", None, 2),
                rpc("ping", None, 3),
                named(support.VERSION, request_id=4),
                initialize(version),
                rpc("tools/list", None, 5),
            )
        )
        replies = [wire.read() for _ in range(6)]
    by_id = {reply["id"]: reply for reply in replies}
    assert version_of(by_id[1]) == version_of(by_id[2]) == version_of(by_id[5]) == version
    assert by_id[3]["result"] == {}
    assert version_of(by_id[4]) == support.VERSION


def test_a_later_initialize_replaces_an_earlier_one() -> None:
    with Wire(legacy_server()) as wire:
        for version in (*VERSIONS, *reversed(VERSIONS)):
            assert version_of(wire.ask(initialize(version))) == version
            assert version_of(wire.ask(rpc("tools/list"))) == version


def test_an_initialize_that_fails_changes_nothing() -> None:
    with Wire(legacy_server()) as wire:
        assert wire.ask(rpc("initialize", {}))["error"]["code"] == -32602
        assert version_of(wire.ask(rpc("tools/list"))) == -32602
        wire.ask(initialize(VERSIONS[1]))
        assert wire.ask(rpc("initialize", {"protocolVersion": 1}))["error"]["code"] == -32602
        assert version_of(wire.ask(rpc("tools/list"))) == VERSIONS[1]


def test_one_connection_may_mix_the_eras_in_any_order() -> None:
    steps = {
        "discover": support.message("server/discover"),
        "modern": support.message("tools/list"),
        "initialize": initialize(VERSIONS[1]),
    }
    for order in itertools.permutations(steps):
        with Wire(legacy_server()) as wire:
            for name in (*order, *order):
                reply = wire.ask(steps[name])
                if name == "discover":
                    assert reply["result"]["supportedVersions"] == list(SUPPORTED_VERSIONS)
                else:
                    assert version_of(reply) == (support.VERSION if name == "modern" else VERSIONS[1])
            assert version_of(wire.ask(rpc("tools/list"))) == VERSIONS[1]


def test_no_session_ids_on_stdio() -> None:
    with Wire(legacy_server()) as wire:
        reply = wire.ask(initialize(VERSIONS[0]))
        assert reply["result"].keys() == {"protocolVersion", "capabilities", "serverInfo", "instructions"}
        assert wire.ask(rpc("logging/setLevel", {"level": "debug"}))["result"] == {}


def test_the_level_of_log_messages_is_kept() -> None:
    def levels(wire: Wire) -> list[str]:
        wire.send(rpc("tools/call", {"name": "talk"}))
        found = []
        while "id" not in (one := wire.read()):
            found.append(one["params"]["level"])
        return found

    with Wire(legacy_server()) as wire:
        wire.ask(initialize(VERSIONS[0]))
        assert levels(wire) == ["info", "error"]
        for level, expected in (("debug", ["debug", "info", "error"]), ("alert", [])):
            wire.ask(rpc("logging/setLevel", {"level": level}))
            assert levels(wire) == expected
        assert wire.ask(rpc("logging/setLevel", {"level": "loud"}))["error"]["code"] == -32602
        assert levels(wire) == []


# Batches and responses


def test_a_batch_is_answered_with_a_line() -> None:
    with Wire(legacy_server()) as wire:
        wire.write(lines(initialize(BATCHES), [rpc("ping", None, 2), INITIALIZED, rpc("no/such", None, 3)]))
        assert version_of(wire.read()) == BATCHES
        assert wire.line() == (
            b'[{"jsonrpc":"2.0","id":2,"result":{}},'
            b'{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"Method not found"}}]\n'
        )
        wire.send([INITIALIZED])
        assert wire.ask([])["error"]["code"] == -32600
        assert wire.ask([rpc("ping")] * 101)["error"]["code"] == -32600
        wire.send([rpc("tools/call", {"name": "talk"})])
        assert [json.loads(wire.line())["method"] for _ in range(2)] == ["notifications/message"] * 2
        assert json.loads(wire.line())[0]["result"]["content"][0]["text"] == "done"


@pytest.mark.parametrize("version", [None, VERSIONS[0], VERSIONS[1], VERSIONS[3]])
def test_other_versions_have_no_batches(version: str | None) -> None:
    with Wire(legacy_server()) as wire:
        if version is not None:
            wire.ask(initialize(version))
        error = wire.ask([rpc("ping")])["error"]
        assert error == {"code": -32600, "message": "Batches are not supported: send one message"}


@pytest.mark.parametrize("version", VERSIONS)
def test_responses_to_nobodys_question_are_ignored(version: str) -> None:
    with Wire(legacy_server()) as wire:
        wire.ask(initialize(version))
        wire.send(
            {"jsonrpc": "2.0", "id": "x", "result": {}},
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}},
            {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no"}},
        )
        assert wire.ask(rpc("ping", None, 9))["id"] == 9
    assert wire.rest == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"\\ud800"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize"}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"'
        + b"x" * 100_000
        + b'"}}',
    ],
)
def test_odd_handshakes_do_not_end_the_process(line: bytes) -> None:
    with Wire(legacy_server()) as wire:
        wire.write(line + b"\n")
        wire.read()
        assert wire.ask(rpc("ping"))["result"] == {}


def test_when_the_input_ends_an_open_question_ends_too() -> None:
    """Nobody can answer it any more, and clients soon kill a process that goes on."""
    mcp = MCPServer("asking")

    @mcp.tool()
    def roots(ctx: Context) -> int:
        return len(ctx.list_roots().result())

    with Wire(mcp) as wire:
        wire.ask(initialize(VERSIONS[0], capabilities={"roots": {}}))
        wire.send(rpc("tools/call", {"name": "roots", "arguments": {}}, 2))
        assert wire.read()["method"] == "roots/list"
        begun = time.monotonic()
        wire.end()
        assert time.monotonic() - begun < 5  # the drain takes ten
    (reply,) = wire.rest
    assert b"The client has gone before it answered" in reply
