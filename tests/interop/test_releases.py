"""Releases of clients from every protocol version, each through a whole session over one connection.

The other modules test the newest releases more closely.
"""

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.releases import HOSTS, RELEASES, Release, on_hosts
from tests.interop.talks import call, text
from tests.interop.test_lists import TOOLS
from tests.interop.test_prompts import LETTER
from tests.interop.test_resources import PIXEL

if TYPE_CHECKING:
    from tests.interop.clients import Outcome
    from tests.interop.conftest import TalkAs

SESSION = (
    {"do": "discover"},
    {"do": "all_of", "kind": "tools"},
    call("greet", {"name": "Ada"}),
    call("weigh", {"label": "Bücher", "items": [400, 250]}),
    call("divide", {"dividend": 1, "divisor": 4}),
    call("divide", {"dividend": 1, "divisor": 0}),
    call("nothing"),
    call("countdown", {"start": 2}, progress=True),
    {"do": "read", "uri": "interop://images/pixel.png"},
    {"do": "read", "uri": "interop://cities/graz/people/7"},
    {"do": "read", "uri": "interop://nothing"},
    {"do": "prompt", "name": "letter", "arguments": {"name": "Zoë", "tone": "courteous"}},
    {"do": "prompt", "name": "nothing", "arguments": {"name": "Zoë"}},
    {"do": "complete", "ref": LETTER, "argument": {"name": "tone", "value": "co"}, "settled": None},
    call("greet", {"name": "Zoë"}),
)


@on_hosts(RELEASES, HOSTS)
def test_a_release_gets_through_a_session(talk_as: "TalkAs", release: Release, host: str) -> None:
    outcomes = iter(talk_as(release, host).value("batch", tasks=SESSION))

    def value() -> Any:
        outcome: Outcome = next(outcomes)
        assert "error" not in outcome, outcome["error"]
        return outcome["value"]

    def check_error(code: int, message: str, data: Any = None) -> None:
        outcome: Outcome = next(outcomes)
        assert "value" not in outcome, f"{message}: {outcome['value']}"
        error = outcome["error"]
        # Some put words of their own before it.
        assert error["message"].endswith(message), error
        assert error["code"] == code, error
        assert error.get("data") == data, error

    found = value()
    assert found["serverInfo"]["name"] == "lambent-interop"
    assert found["protocol"] == release.protocol
    assert {"tools", "resources", "prompts"} <= set(found["capabilities"])
    check_tools(release, value())

    assert text(value()) == "Hello, Ada!"
    weighed = value()
    assert text(weighed) == '{"grams":650,"label":"Bücher","fragile":false}'
    check_structured(release, weighed, {"grams": 650, "label": "Bücher", "fragile": False})
    divided = value()
    assert text(divided) == "0.25"
    check_structured(release, divided, 0.25 if release.protocol >= "2026" else {"result": 0.25})
    failed = value()
    assert failed["result"]["isError"] is True
    assert text(failed) == "Error executing tool divide: Nothing can be divided by zero"
    check_error(-32602, "Unknown tool: nothing")

    counted = value()
    assert text(counted) == "Lift-off"
    words = ["1 to go", "0 to go"] if release.protocol >= "2025-03" else [None, None]
    reports = [[1, 2, words[0]], [2, 2, words[1]]]
    if host == "stdio" and release.is_typescript:
        # It forgets whom to tell as soon as it reads the result, also of reports in the same chunk.
        reports = reports[: len(counted["reports"])]
    assert counted["reports"] == reports

    (pixel,) = value()
    assert pixel == {"uri": "interop://images/pixel.png", "mimeType": "image/png", "blob": PIXEL}
    (person,) = value()
    assert json.loads(person["text"]) == {"city": "Graz", "number": 7, "protocol": release.protocol}
    # The newest TypeScript client has one error for both codes.
    code = -32602 if release.protocol >= "2026" or release.client == "typescript" else -32002
    check_error(code, "Resource not found", {"uri": "interop://nothing"})

    messages = value()["messages"]
    assert messages[0]["content"]["text"] == "Write a courteous letter to Zoë."
    check_error(-32602, "Unknown prompt: nothing")
    assert value() == {"values": ["cold", "courteous"], "total": 2, "hasMore": False}

    # The errors have left the connection as it was.
    assert text(value()) == "Hello, Zoë!"


@pytest.mark.parametrize("host", HOSTS)
def test_the_inspector_gets_through_without_flags(talk_as: "TalkAs", host: str) -> None:
    talk = talk_as(Release("inspector", "2025-11-25"), host)
    assert talk.value("discover")["protocol"] == "2025-11-25"
    weighed = talk.value(**call("weigh", {"label": "Bücher", "items": [400, 250]}))
    assert weighed["result"]["structuredContent"] == {"grams": 650, "label": "Bücher", "fragile": False}
    failed = talk.value(**call("divide", {"dividend": 1, "divisor": 0}))
    assert failed["result"]["isError"] is True
    (pixel,) = talk.value("read", uri="interop://images/pixel.png")
    assert pixel["blob"] == PIXEL
    assert talk.error("read", uri="interop://nothing")["message"] == "Resource not found"
    prompt = talk.value("prompt", name="letter", arguments={"name": "Zoë"})
    assert prompt["messages"][0]["content"]["text"] == "Write a warm letter to Zoë."


def check_tools(release: Release, listed: Any) -> None:
    """All are listed, with what the version knows of their results."""
    tools = {tool["name"]: tool for tool in listed}
    # This client lists the first page only.
    assert list(tools) == (TOOLS[:3] if release.client == "fastmcp-2" else TOOLS)
    schemas = [tools[name].get("outputSchema", {}).get("type") for name in ("weigh", "divide")]
    if release.protocol < "2025-06":
        assert schemas == [None, None]
    else:
        assert schemas == ["object", "number" if release.protocol >= "2026" else "object"]


def check_structured(release: Release, called: Any, expected: Any) -> None:
    """A result is structured in the versions that have that."""
    wanted = expected if release.protocol >= "2025-06" else None
    assert called["result"].get("structuredContent") == wanted
