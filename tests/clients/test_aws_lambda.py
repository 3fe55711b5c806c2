"""The client of the official SDK, over invocations of a function."""

import base64
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import anyio
import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from mcp import Client, MCPError
from mcp.shared.message import SessionMessage
from mcp.types import ElicitResult, JSONRPCNotification, JSONRPCRequest, TextContent
from tests.support import full_server, make_handler, make_server, marshal

from lambent import ApiKey, ApiKeys, Context, MCPServer
from lambent.auth.api_keys import hash_of
from lambent.clients import LambdaTransport
from lambent.clients import aws_lambda as transport_module
from lambent.hosts.aws_lambda.handler import LambdaHandler

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Sure:
    """A form."""

    sure: bool


@dataclass
class FakeLambda:
    """A client of boto3 whose function is in this process.

    Attributes:
        handler: what is invoked.
        asked: the arguments of each invocation.
        failure: raised, or returned as what the function failed with.
    """

    handler: Callable[[Any, Any], Any]
    asked: list[dict[str, Any]] = field(default_factory=list)
    failure: Any = None

    def invoke(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(self.failure)}
        custom = json.loads(base64.b64decode(asked.get("ClientContext", "e30=")))
        context = SimpleNamespace(client_context=SimpleNamespace(**custom), identity=None)
        return {"Payload": io.BytesIO(marshal(self.handler(json.loads(asked["Payload"]), context)))}


class FakeAsyncLambda(FakeLambda):
    """The same as a client of aiobotocore has it."""

    def invoke(self, **asked: Any) -> Any:
        done = super().invoke(**asked)

        async def respond() -> Any:
            async def read() -> bytes:
                data: bytes = done["Payload"].read()
                return data

            return {**done, "Payload": SimpleNamespace(read=read)}

        return respond()


@pytest.fixture
def function() -> Any:
    """Makes the function of a server."""
    made: list[LambdaHandler] = []

    def make(mcp: MCPServer, kind: type[FakeLambda] = FakeLambda) -> FakeLambda:
        made.append(make_handler(mcp))
        return kind(made[-1])

    yield make
    for handler in made:
        handler.close()


def message_of(method: str, request_id: int = 1) -> SessionMessage:
    """A request as the SDK writes it to a transport."""
    return SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=request_id, method=method))


def refused(text: str) -> Any:
    """A client that cannot connect: the SDK raises a group of one error."""
    error = pytest.RaisesExc(MCPError, match=text)
    return pytest.RaisesGroup(error, flatten_subgroups=True, allow_unwrapped=True)


def text_of(result: Any) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.parametrize("kind", [FakeLambda, FakeAsyncLambda])
async def test_a_client_of_the_modern_era(function: Any, kind: Any) -> None:
    aws = function(full_server(), kind)
    async with Client(LambdaTransport("shop", qualifier="live", client=aws)) as client:
        assert client.protocol_version == "2026-07-28"
        assert client.server_info.name == "shop"
        assert [tool.name for tool in (await client.list_tools()).tools] == ["add"]
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"
        assert (await client.read_resource("note://today")).contents[0].text == "Buy milk."
    assert {(one["FunctionName"], one["Qualifier"]) for one in aws.asked} == {("shop", "live")}
    assert all("ClientContext" not in one for one in aws.asked)


async def test_a_client_of_the_legacy_era(function: Any) -> None:
    aws = function(full_server())
    async with Client(LambdaTransport("shop", client=aws), mode="legacy") as client:
        assert client.protocol_version == "2025-11-25"
        assert text_of(await client.call_tool("add", {"a": 1, "b": 2})) == "3"
    methods = [json.loads(one["Payload"])["method"] for one in aws.asked]
    assert methods[0] == "initialize"
    assert "notifications/initialized" not in methods
    assert "ClientContext" not in aws.asked[0]
    told = json.loads(base64.b64decode(aws.asked[-1]["ClientContext"]))
    assert told == {"custom": {"headers": {"MCP-Protocol-Version": "2025-11-25"}}}


async def test_a_question_is_answered(function: Any) -> None:
    mcp = make_server()

    @mcp.tool()
    def book(ctx: Context) -> str:
        return f"booked: {ctx.elicit('Sure?', Sure).result().data.sure}"

    async def answer(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"sure": True})

    transport = LambdaTransport("shop", client=function(mcp))
    async with Client(transport, elicitation_callback=answer) as client:
        assert text_of(await client.call_tool("book")) == "booked: True"


async def test_requests_run_at_the_same_time(function: Any) -> None:
    both = threading.Barrier(2, timeout=10)
    mcp = make_server()

    @mcp.tool()
    def meet() -> str:
        both.wait()
        return "met"

    async with (
        Client(LambdaTransport("shop", client=function(mcp))) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(2):
            group.start_soon(client.call_tool, "meet")


async def test_who_leaves_waits_for_nothing(function: Any) -> None:
    begun, left, ended = threading.Event(), threading.Event(), threading.Event()
    mcp = make_server()
    in_time: list[bool] = []

    @mcp.tool()
    def hold() -> str:
        begun.set()
        in_time.append(left.wait(10))
        ended.set()
        return "held"

    async def give_up(client: Client) -> None:
        with pytest.raises(MCPError):
            await client.call_tool("hold")

    async with anyio.create_task_group() as group:
        async with Client(LambdaTransport("shop", client=function(mcp))) as client:
            group.start_soon(give_up, client)
            await anyio.to_thread.run_sync(begun.wait, 10)
        left.set()
    assert ended.wait(10)
    assert in_time == [True]


async def test_a_request_that_is_cancelled_holds_up_no_other(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda runs it to its end, which may take 15 minutes."""
    monkeypatch.setattr(transport_module, "_AT_A_TIME", 1)
    aws, go_on, begun = function(full_server()), threading.Event(), threading.Event()
    right = aws.handler

    def hold(event: Any, context: Any) -> Any:
        begun.set()
        go_on.wait(20)
        return right(event, context)

    cancelled = {"requestId": 1, "reason": "nobody waits"}
    async with LambdaTransport("shop", client=aws) as (read, write):
        aws.handler = hold
        await write.send(message_of("ping"))
        await anyio.to_thread.run_sync(begun.wait, 20)
        aws.handler = right
        notification = JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params=cancelled)
        await write.send(SessionMessage(notification))
        await write.send(message_of("ping", 2))
        with anyio.fail_after(10):
            answer = await read.receive()
        assert isinstance(answer, SessionMessage)
        assert answer.message.id == 2
        go_on.set()


async def test_a_transport_can_be_used_again(function: Any) -> None:
    aws = function(full_server())
    transport = LambdaTransport("shop", client=aws)
    for mode in ("legacy", "auto", "legacy"):
        async with Client(transport, mode=mode) as client:
            assert text_of(await client.call_tool("add", {"a": 1})) == "1"
    told = ["ClientContext" in one for one in aws.asked if b'"initialize"' in one["Payload"]]
    assert told == [False, False]


async def test_headers_identify_the_caller(function: Any) -> None:
    key = "open-sesame-open-sesame"
    mcp = make_server(auth=ApiKeys({"nightly": ApiKey(subject="batch", hash=hash_of(key))}))

    @mcp.tool()
    def whoami(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal else ""

    aws = function(mcp)
    async with Client(LambdaTransport("shop", client=aws, headers={"X-API-Key": key})) as client:
        assert text_of(await client.call_tool("whoami")) == "batch"
    with refused("This server needs credentials"):
        async with Client(LambdaTransport("shop", client=aws)):
            pass


def denied() -> ClientError:
    error = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
    return ClientError(error, "Invoke")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (denied(), r"AccessDeniedException.*not you"),
        (ReadTimeoutError(endpoint_url="https://lambda"), "Read timeout"),
        (
            b'{"errorMessage": "no module", "errorType": "Runtime.ImportModuleError"}',
            "^The function failed: Runtime.ImportModuleError: no module$",
        ),
        (b"null", "^The function failed: it did not say why$"),
    ],
)
async def test_what_goes_wrong_is_the_error_of_the_request(function: Any, failure: Any, message: str) -> None:
    aws = function(full_server())
    async with Client(LambdaTransport("shop", client=aws)) as client:
        aws.failure = failure
        with pytest.raises(MCPError, match=message):
            await client.call_tool("add", {"a": 1})
        aws.failure = None
        assert text_of(await client.call_tool("add", {"a": 1})) == "1"


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 3},
        {"jsonrpc": "1.0", "id": 3, "result": {}},
        {"jsonrpc": "2.0", "id": [], "error": "no"},
        {"jsonrpc": "2.0", "method": "tools/call"},
    ],
    ids=str,
)
async def test_an_answer_that_is_no_message_is_the_error_of_its_request(function: Any, answer: Any) -> None:
    aws = function(full_server())
    async with Client(LambdaTransport("shop", client=aws)) as client:
        right, aws.handler = aws.handler, lambda event, context: answer
        with pytest.raises(MCPError, match="The function does not answer messages"):
            await client.call_tool("add", {"a": 1})
        aws.handler = right
        assert text_of(await client.call_tool("add", {"a": 1})) == "1"


async def test_a_refusal_without_an_id_belongs_to_its_request(function: Any) -> None:
    """As of a message that is nested too deeply to be read: one invocation has one request."""
    aws = function(full_server())
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "nested too deeply"}}
    async with Client(LambdaTransport("shop", client=aws)) as client:
        aws.handler = lambda event, context: refusal
        with anyio.fail_after(10), pytest.raises(MCPError, match="nested too deeply"):
            await client.call_tool("add", {"a": 1})


async def test_what_a_client_of_lambda_raises_ends_no_other_request(function: Any) -> None:
    aws = function(full_server())
    async with Client(LambdaTransport("shop", client=aws)) as client:
        aws.failure = OSError("connection lost")
        with pytest.raises(MCPError, match="OSError: connection lost"):
            await client.call_tool("add", {"a": 1})
        aws.failure = None
        assert text_of(await client.call_tool("add", {"a": 1})) == "1"


async def test_headers_that_do_not_fit_beside_the_version(function: Any) -> None:
    aws = function(full_server())
    headers = {"Authorization": "x" * 2620}
    with refused("The headers take"):
        async with Client(LambdaTransport("shop", client=aws, headers=headers), mode="legacy") as client:
            await client.list_tools()


def test_the_end_of_a_program_waits_for_no_invocation() -> None:
    """A function may run for 15 minutes after its client has given up."""
    source = """
        import time, types
        import anyio
        from lambent.clients import LambdaTransport
        from tests.clients.test_aws_lambda import message_of

        def invoke(**asked):
            print("invoked", flush=True)
            time.sleep(600)

        async def main():
            client = types.SimpleNamespace(invoke=invoke)
            async with LambdaTransport("shop", client=client) as (read, write):
                await write.send(message_of("ping"))
                await anyio.sleep(0.5)
            print("left", flush=True)

        anyio.run(main)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(source)],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "invoked\nleft\n"


async def test_a_function_that_is_no_server() -> None:
    aws = FakeLambda(lambda event, context: {"statusCode": 200})
    with refused("The function does not answer messages"):
        async with Client(LambdaTransport("shop", client=aws)):
            pass


async def test_a_message_that_lambda_does_not_take(function: Any) -> None:
    aws = function(full_server())
    async with Client(LambdaTransport("shop", client=aws)) as client:
        before = len(aws.asked)
        with pytest.raises(MCPError, match=r"^The message has \d+ bytes, and Lambda takes 6291456$"):
            await client.call_tool("add", {"a": "x" * 6 * 1024 * 1024})
        assert len(aws.asked) == before


def test_headers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^The headers take 4\d{3} bytes of a client context, which has 3583$"
    ):
        LambdaTransport("shop", headers={"Authorization": "Bearer " + "x" * 3000})


def test_the_client_of_boto3_waits_and_does_not_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(boto3, "client", lambda *names, **options: made.update(options, names=names))
    transport_module._client_for("arn:aws:lambda:eu-west-1:123456789012:function:shop")
    assert (made["names"], made["region_name"]) == (("lambda",), "eu-west-1")
    assert made["config"].retries == {"total_max_attempts": 1}
    assert made["config"].read_timeout > 900
    made.clear()
    transport_module._client_for("shop")
    assert "region_name" not in made


def test_without_the_sdk_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['mcp'] = None; import lambent.clients"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "lambent.clients needs mcp: pip install mcp boto3" in done.stderr
