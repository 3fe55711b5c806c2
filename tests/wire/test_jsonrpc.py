"""Bodies that are no JSON, no message, or no request."""

import base64
import gzip
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import Client, dumps, failure, headers_of, http_api, make_server, message, success

from lambent import Context
from lambent.errors import InvalidRequestError, ParseError
from lambent.wire import jsonrpc
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.jsonrpc import MalformedMessage

CALL = message("tools/call", {"name": "echo", "arguments": {"value": 1}})
HEADERS = headers_of(CALL)


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    mcp = make_server()

    @mcp.tool(structured_output=True)
    def echo(value: Any) -> Any:
        return value

    return serve(mcp)


def body(**members: Any) -> str:
    """A tool call with some members replaced; ``...`` removes one."""
    changed = {**CALL, **members}
    return dumps({name: value for name, value in changed.items() if value is not ...})


NO_JSON = {
    "none": None,
    "empty": "",
    "blank": " \r\n\t",
    "text": "nonsense",
    "half": dumps(CALL)[:-1],
    "two messages": dumps(CALL) + dumps(CALL),
    "single quotes": "{'jsonrpc':'2.0'}",
    "trailing comma": '{"jsonrpc":"2.0",}',
    "two byte order marks": "\ufeff\ufeff" + dumps(CALL),
    "many byte order marks": "\ufeff" * 10_000,
    "byte order mark alone": "\ufeff",
    "byte order mark behind a blank": " \ufeff" + dumps(CALL),
    "byte order mark at the end": dumps(CALL) + "\ufeff",
    "NUL": "\0",
    "form": "jsonrpc=2.0&id=1",
    "invalid UTF-8": b"\xff\xfe",
    "UTF-16": dumps(CALL).encode("utf-16"),
    "invalid UTF-8 in the method": dumps(CALL).encode().replace(b"tools/call", b"tools/\xffcall"),
    "invalid UTF-8 in the id": b'{"jsonrpc":"2.0","id":"\xff","method":"tools/list"}',
    "NaN": body(id=...)[:-1] + ',"id":NaN}',
    "NaN in arguments": dumps(CALL).replace('{"value":1}', '{"value":NaN}'),
    "Infinity in arguments": dumps(CALL).replace('{"value":1}', '{"value":Infinity}'),
    "-Infinity in arguments": dumps(CALL).replace('{"value":1}', '{"value":-Infinity}'),
    "leading zero": dumps(CALL).replace('{"value":1}', '{"value":01}'),
    "control character in a string": dumps(CALL).replace('"echo"', '"ec\nho"'),
}


@pytest.mark.parametrize("sent", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_a_parse_error_without_an_id(client: Client, sent: str | bytes | None) -> None:
    reply = client.post(sent, HEADERS)
    assert reply.status == 400
    assert reply.headers == {"content-type": "application/json"}
    assert reply.error["message"].startswith("The body is not valid JSON: ")
    assert reply.body == failure(-32700, reply.error["message"], request_id=...)


@pytest.mark.parametrize(
    "sent",
    ["\ufeff" + dumps(CALL), ("\ufeff" + dumps(CALL)).encode(), "\ufeff \r\n" + dumps(CALL)],
    ids=["text", "base64", "blanks behind it"],
)
def test_a_byte_order_mark_is_ignored(client: Client, sent: str | bytes) -> None:
    assert client.post(sent, HEADERS).body == client.post(CALL).body
    assert client.post(sent, HEADERS).value == 1


def test_a_byte_order_mark_does_not_hide_what_is_wrong_behind_it(client: Client) -> None:
    assert client.post("\ufeff[]", HEADERS).body == client.post("[]", HEADERS).body
    deep = "\ufeff" + "[" * 2_000 + "]" * 2_000
    assert client.post(deep, HEADERS).body == client.post(deep[1:], HEADERS).body


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("as_text", [False, True], ids=["base64", "text of a front end"])
def test_other_unicode_encodings_are_named(client: Client, encoding: str, as_text: bool) -> None:
    sent = dumps(CALL).encode(encoding)
    reply = client.post(sent.decode(errors="replace") if as_text else sent, HEADERS)
    reason = "The body is not valid JSON: it is in UTF-16 or UTF-32, send UTF-8"
    assert (reply.status, reply.body) == (400, failure(-32700, reason, request_id=...))


@pytest.mark.parametrize("as_text", [False, True], ids=["base64", "text of a front end"])
def test_a_compressed_body_without_its_header_is_named(client: Client, as_text: bool) -> None:
    sent = gzip.compress(dumps(CALL).encode())
    reply = client.post(sent.decode(errors="replace") if as_text else sent, HEADERS)
    reason = "The body is not valid JSON: it is compressed, send it uncompressed"
    assert (reply.status, reply.body) == (415, failure(-32700, reason, request_id=...))
    assert reply.headers["accept-encoding"] == "identity"


def test_a_parse_error_byte_for_byte(client: Client) -> None:
    reason = "The body is not valid JSON: Input data was truncated"
    assert client.post("", HEADERS).body == failure(-32700, reason, request_id=...)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\ud800\\ud800", "\\ud800x", "x\\udc00y" * 5])
@pytest.mark.parametrize("place", ["id", "method", "name", "value", "version", "meta key"])
def test_lone_surrogates_never_come_back(client: Client, place: str, escape: str) -> None:
    sent = {
        "id": body(id="§"),
        "method": body(method="§"),
        "name": dumps(CALL).replace('"echo"', '"§"'),
        "value": dumps(CALL).replace('{"value":1}', '{"value":"§"}'),
        "version": dumps(CALL).replace('"2026-07-28"', '"§"'),
        "meta key": dumps(CALL).replace('"_meta":{', '"_meta":{"§":1,'),
    }[place].replace("§", escape)
    reply = client.post(sent, HEADERS)
    assert reply.status == 400 or (reply.status == 200 and reply.result["isError"]) or place == "meta key"
    assert b"\\ud" not in reply.body


def test_a_text_body_with_a_lone_surrogate_is_a_parse_error(client: Client) -> None:
    reply = client.post(dumps(CALL).replace("echo", "ec\ud800ho"), HEADERS)
    assert reply.status == 400
    assert reply.error["code"] == -32700


NO_REQUEST = {
    "empty batch": ("[]", "Batches are not supported: send one message"),
    "batch": (f"[{dumps(CALL)}]", "Batches are not supported: send one message"),
    "number": ("1", "The body must be a JSON object"),
    "string": ('"tools/list"', "The body must be a JSON object"),
    "null": ("null", "The body must be a JSON object"),
    "true": ("true", "The body must be a JSON object"),
    "id null": (body(id=None), "id must be a string or an integer"),
    "id true": (body(id=True), "id must be a string or an integer"),
    "id float": (body(id=1.5), "id must be a string or an integer"),
    "id object": (body(id={}), "id must be a string or an integer"),
    "id array": (body(id=[1]), "id must be a string or an integer"),
    "nothing": ("{}", 'jsonrpc must be "2.0"'),
}


@pytest.mark.parametrize(("sent", "reason"), NO_REQUEST.values(), ids=NO_REQUEST.keys())
def test_what_is_no_request_is_refused_without_an_id(client: Client, sent: str, reason: str) -> None:
    reply = client.post(sent, HEADERS)
    assert reply.status == 400
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(-32600, reason, request_id=...)


WRONG_REQUEST = {
    "jsonrpc missing": ({"jsonrpc": ...}, 'jsonrpc must be "2.0"'),
    "jsonrpc 1.0": ({"jsonrpc": "1.0"}, 'jsonrpc must be "2.0"'),
    "jsonrpc number": ({"jsonrpc": 2.0}, 'jsonrpc must be "2.0"'),
    "jsonrpc null": ({"jsonrpc": None}, 'jsonrpc must be "2.0"'),
    "method missing": ({"method": ...}, "method must be a string"),
    "method null": ({"method": None}, "method must be a string"),
    "method number": ({"method": 1}, "method must be a string"),
    "method array": ({"method": ["tools/call"]}, "method must be a string"),
    "result": (
        {"method": ..., "params": ..., "result": {}},
        "Clients send no responses: answer an input request by retrying the call",
    ),
    "error": (
        {"method": ..., "params": ..., "error": {"code": 1, "message": ""}},
        "Clients send no responses: answer an input request by retrying the call",
    ),
}


@pytest.mark.parametrize("request_id", [7, "seven", "", -1, 0, 10**30, "ä\u2028\U0001f600"])
@pytest.mark.parametrize(("members", "reason"), WRONG_REQUEST.values(), ids=WRONG_REQUEST.keys())
def test_a_wrong_request_is_refused_with_its_id(
    client: Client, members: dict[str, Any], reason: str, request_id: Any
) -> None:
    reply = client.post(body(id=request_id, **members), HEADERS)
    assert reply.status == 400
    assert reply.body == failure(-32600, reason, request_id=request_id)


@pytest.mark.parametrize(
    "request_id", [0, -7, 2**63, -(2**64), 10**100, "", "1", "a b", '"', "ü\u2029\U0001f600", "x" * 10_000]
)
def test_the_id_comes_back_as_it_was(client: Client, request_id: Any) -> None:
    reply = client.call("echo", {"value": 1}, request_id=request_id)
    assert reply.status == 200
    assert reply.body == success(
        '"content":[{"type":"text","text":"1"}],"structuredContent":{"result":1}', request_id=request_id
    )


@pytest.mark.parametrize("digits", [4_000, 5_000, 100_000])
def test_an_id_of_thousands_of_digits_is_answered(client: Client, digits: int) -> None:
    reply = client.post(dumps(CALL).replace('"id":1', '"id":' + "9" * digits), HEADERS)
    assert reply.status in (200, 400)


PARAMS: dict[str, tuple[Any, str]] = {
    "null": (None, "null"),
    "array": ([], "array"),
    "string": ("x", "str"),
    "number": (1, "int"),
    "true": (True, "bool"),
}


@pytest.mark.parametrize(("params", "name"), PARAMS.values(), ids=PARAMS.keys())
def test_params_that_are_no_object_are_invalid(client: Client, params: Any, name: str) -> None:
    reply = client.post(body(params=params), HEADERS)
    assert reply.status == 400
    assert reply.body == failure(
        -32602, f"Invalid params: Expected `object`, got `{name}`", {"supported": list(SUPPORTED_VERSIONS)}
    )


@pytest.mark.parametrize("depth", [100_000, 2_000])
@pytest.mark.parametrize(
    "template", ["§", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":§}', '{"x":§}', '{"id":§}']
)
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_a_body_that_is_nested_too_deeply_is_a_parse_error(
    client: Client, template: str, left: str, right: str, depth: int
) -> None:
    reply = client.post(template.replace("§", left * depth + "1" + right * depth), HEADERS)
    assert reply.status == 400
    assert reply.body == failure(-32700, "The body is nested too deeply", request_id=...)


@pytest.mark.parametrize("depth", [100_000, 2_000])
def test_opening_brackets_alone_are_a_parse_error(client: Client, depth: int) -> None:
    reply = client.post("[" * depth, HEADERS)
    assert reply.status == 400
    assert reply.error["code"] == -32700


@pytest.mark.parametrize("place", ["arguments", "meta", "value", "ignored"])
def test_no_depth_of_nesting_is_an_internal_error(serve: Callable[..., Client], place: str) -> None:
    """Some depth is fine where the message is read and too much where its parameters are."""
    mcp = make_server()

    @mcp.tool()
    def swallow(value: Any, ctx: Context) -> str:
        return str(len(ctx.meta))

    client = serve(mcp)
    call = message("tools/call", {"name": "swallow", "arguments": {"value": 1}})
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 10):
        nested = "[" * depth + "]" * depth
        sent = {
            "arguments": dumps(call).replace('{"value":1}', nested),
            "value": dumps(call).replace('{"value":1}', f'{{"value":{nested}}}'),
            "meta": dumps(call).replace('"_meta":{', f'"_meta":{{"com.example/x":{nested},'),
            "ignored": dumps(call).replace('"name":', f'"x":{nested},"name":'),
        }[place]
        reply = client.post(sent, headers_of(call))
        unexpected = reply.status == 500 or b"Error executing tool echo (reference" in reply.body
        assert not unexpected, f"depth {depth}: {reply.body[:200]!r}"


WIDE = {
    "many arrays": "[" + "[]," * 50_000 + "[]]",
    "many objects": "[" + '{"a":{}},' * 20_000 + "{}]",
    "brackets in text": '"' + "[{" * 100_000 + '"',
    "escaped quotes before brackets": '"' + '\\"[' * 50_000 + '"',
    "some depth": "[" * 100 + "]" * 100,
    "objects of some depth": '{"a":' * 100 + "1" + "}" * 100,
}


@pytest.mark.parametrize("value", WIDE.values(), ids=WIDE.keys())
@pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "base64"])
def test_what_is_wide_is_not_deep(
    serve: Callable[..., Client], encode: Callable[[str], Any], value: str
) -> None:
    mcp = make_server()

    @mcp.tool()
    def measure(value: Any) -> int:
        return len(value)

    body = message("tools/call", {"name": "measure", "arguments": {"value": 1}})
    sent = dumps(body).replace('{"value":1}', f'{{"value":{value}}}')
    assert serve(mcp).post(encode(sent), headers_of(body)).value == len(json.loads(value))


@pytest.mark.parametrize(
    ("value", "echoed"),
    [
        ("2" * 400, "2" * 400),
        ("-9223372036854775809", "-9223372036854775809"),
        ("18446744073709551616", "18446744073709551616"),
        ("1e300", "1e300"),
        ("0.1", "0.1"),
        ('"\\u0000\\u001f"', '"\\u0000\\u001f"'),
        ('"\\ud83d\\ude00"', '"\U0001f600"'),
    ],
)
def test_awkward_arguments_come_through_unharmed(client: Client, value: str, echoed: str) -> None:
    reply = client.post(dumps(CALL).replace('{"value":1}', f'{{"value":{value}}}'), HEADERS)
    text = echoed if echoed.startswith('"') else dumps(echoed)  # text has no quotes of its own
    assert reply.body == success(
        f'"content":[{{"type":"text","text":{text}}}],"structuredContent":{{"result":{echoed}}}'
    )


@pytest.mark.parametrize("value", ["1e400", "-1e400", "9" * 5_000])
def test_numbers_that_no_type_holds_are_invalid_arguments(client: Client, value: str) -> None:
    reply = client.post(dumps(CALL).replace('{"value":1}', f'{{"value":{value}}}'), HEADERS)
    assert reply.status == 200
    assert reply.result["isError"] is True
    assert reply.text.startswith("Error executing tool echo: Invalid arguments: ")
    assert "out of range" in reply.text


DUPLICATES = {
    "id": '"id":2,"id":1,',
    "jsonrpc": '"jsonrpc":"1.0","jsonrpc":"2.0",',
    "method": '"method":"tools/list","method":"tools/call",',
    "params": '"params":{},"params":',
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_of_duplicate_members_all_readers_see_the_last(client: Client, name: str) -> None:
    """Header check and tool must not read different ones."""
    original = {"id": '"id":1,', "jsonrpc": '"jsonrpc":"2.0",', "method": '"method":"tools/call",'}
    sent = dumps(CALL).replace(original.get(name, '"params":'), DUPLICATES[name])
    reply = client.post(sent, HEADERS)
    if reply.status == 200:
        assert reply.body == success(
            '"content":[{"type":"text","text":"1"}],"structuredContent":{"result":1}'
        )
    else:
        assert (reply.status, reply.error["code"]) == (400, -32600)


def test_of_duplicate_arguments_the_tool_sees_the_last(client: Client) -> None:
    reply = client.post(dumps(CALL).replace('{"value":1}', '{"value":1,"value":2}'), HEADERS)
    assert reply.value == 2


def test_a_duplicate_name_cannot_pass_the_header_by(client: Client) -> None:
    reply = client.post(dumps(CALL).replace('"name":"echo"', '"name":"echo","name":"other"'), HEADERS)
    assert (reply.status, reply.error["code"]) == (400, -32020)


def test_unknown_members_are_ignored(client: Client) -> None:
    assert client.post(body(extra={"deep": [1]}), HEADERS).value == 1


@pytest.mark.parametrize(
    "notification",
    [
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "no/such", "params": {}},
    ],
)
def test_notifications_are_accepted_with_an_empty_body(client: Client, notification: Any) -> None:
    reply = client.post(notification)
    assert reply.written == {"statusCode": 202, "headers": {}, "body": "", "isBase64Encoded": False}


def test_a_call_without_an_id_does_nothing(serve: Callable[..., Client]) -> None:
    mcp = make_server()
    calls = []

    @mcp.tool()
    def effect() -> None:
        calls.append(1)

    sent = message("tools/call", {"name": "effect"})
    del sent["id"]
    reply = serve(mcp).post(sent)
    assert (reply.status, reply.body, calls) == (202, b"", [])


@pytest.mark.parametrize("encode", [str, lambda text: text.encode()], ids=["text", "base64"])
def test_text_and_base64_bodies_are_the_same(client: Client, encode: Callable[[str], Any]) -> None:
    sent = dumps(message("tools/call", {"name": "echo", "arguments": {"value": "é\U0001f600"}}))
    assert client.post(encode(sent), HEADERS).value == "é\U0001f600"


def test_a_body_that_is_not_the_base64_it_claims_to_be_is_refused(client: Client) -> None:
    for broken in ("%%%", "YQ", "é", dumps(CALL)):
        event = {**http_api(None, HEADERS), "body": broken, "isBase64Encoded": True}
        reply = client.event(event)
        assert reply.status == 400
        assert reply.headers == {"content-type": "application/json"}
        assert reply.body == failure(-32600, "The body is not valid Base64", request_id=...)


@given(st.binary(max_size=200))
def test_decode_raises_nothing_else(raw: bytes) -> None:
    error: object = None
    try:
        jsonrpc.decode(raw)
    except MalformedMessage as malformed:
        error = malformed.error
    assert error is None or isinstance(error, ParseError | InvalidRequestError)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab{ \u00e9\U0001f600"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{ \u00e9\U0001f600"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.just("2.0") | JSON,
            "id": st.integers() | JSON,
            "method": st.sampled_from(["tools/call", "x"]) | JSON,
            "params": JSON,
            "result": JSON,
        },
    )
)
def test_decode_tells_requests_from_everything_else(members: dict[str, Any]) -> None:
    request_id = members.get("id", 1)
    fine = (
        members.get("jsonrpc") == "2.0"
        and isinstance(members.get("method"), str)
        and isinstance(request_id, str | int)
        and not isinstance(request_id, bool)
    )
    try:
        decoded = jsonrpc.decode(json.dumps(members))
    except MalformedMessage:
        assert not fine
    else:
        assert fine
        assert (decoded.method, decoded.id) == (members["method"], members.get("id", decoded.id))


def test_messages_are_encoded_in_the_order_of_the_specification() -> None:
    assert jsonrpc.success("a", {"resultType": "complete"}) == (
        b'{"jsonrpc":"2.0","id":"a","result":{"resultType":"complete"}}'
    )
    assert jsonrpc.failure(1, -32601, "Method not found") == (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'
    )
    assert jsonrpc.failure(1, -32602, "x", {"uri": "a:b"}) == (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x","data":{"uri":"a:b"}}}'
    )
    assert jsonrpc.notification("notifications/progress", {"progress": 1}) == (
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
    )


def test_base64_of_a_body_is_decoded_once(client: Client) -> None:
    twice = base64.b64encode(dumps(CALL).encode())
    assert client.post(twice, HEADERS).error["code"] == -32700
