"""A JSON-RPC error arrives as what it is, whatever its HTTP status, and not as a failure of the transport.

The Inspector shows no codes. Where it has not read the body, its message is "Error POSTing to endpoint".
"""

from typing import TYPE_CHECKING

from tests.interop.talks import call

if TYPE_CHECKING:
    from tests.interop.talks import Talk


def test_an_unknown_tool(talk: "Talk") -> None:
    error = talk.error(**call("nothing"))
    if talk.client == "inspector":
        assert error["code"] == "tool_not_found"
        talk.skip("calls only tools that it has found in tools/list")
    assert error["message"] == "Unknown tool: nothing"
    assert error["code"] == -32602


def test_an_unknown_prompt(talk: "Talk") -> None:
    error = talk.error("prompt", name="nothing", arguments={"name": "Ada"})
    assert error["message"] == "Unknown prompt: nothing"
    if talk.client != "inspector":
        assert error["code"] == -32602


def test_an_unknown_resource(modern: "Talk") -> None:
    error = modern.error("read", uri="interop://nothing")
    assert error["message"] == "Resource not found"
    if modern.client != "inspector":
        assert error["code"] == -32602
        assert error["data"] == {"uri": "interop://nothing"}
    if modern.client == "typescript":
        assert error["type"] == "ResourceNotFoundError"


def test_an_internal_error(talk: "Talk") -> None:
    error = talk.error("read", uri="interop://notes/broken")
    assert error["message"].startswith("Internal error (reference ")
    if talk.client != "inspector":
        assert error["code"] == -32603
