"""``TestClient``: the whole server, in memory."""

import gc
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from tests.support import SERVER_INFO, dumps
from tests.testing.servers import Address, make_shop

from lambent import (
    AcceptedElicitation,
    Audit,
    AuditRecord,
    Call,
    Context,
    DeclinedElicitation,
    Handler,
    Limits,
    MCPServer,
    OAuth,
    Principal,
    RateLimit,
    SamplingResult,
    Settings,
    TaskPolicy,
    TextContent,
)
from lambent.testing import (
    CallError,
    Clock,
    TaskCancelled,
    TaskStuckError,
    TestClient,
    ToolFailed,
    UnansweredError,
)
from lambent.wire.eras import LEGACY_VERSIONS, SUPPORTED_VERSIONS

ADDRESS = {"street": "Main", "number": 3}
TASK_ANSWERS = [ADDRESS]


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(make_shop()) as made:
        yield made


# Calls.


@pytest.mark.parametrize("version", [None, LEGACY_VERSIONS[0]])
def test_a_client_declares_extensions(version: str | None) -> None:
    mcp = MCPServer("shop", extensions={"com.example/a": {}})

    @mcp.tool()
    def declared(ctx: Context) -> str:
        return str(ctx.client_capabilities.extensions)

    with TestClient(mcp, version=version, capabilities={"extensions": {"com.example/a": {"b": 1}}}) as client:
        assert client.call("declared").text == "{'com.example/a': {'b': 1}}"


def test_pytest_does_not_collect_it() -> None:
    assert TestClient.__test__ is False


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_a_call_in_every_version(version: str) -> None:
    client = TestClient(make_shop(), version=version)
    result = client.call("add", a=2, b=3)
    assert result.text == "5"
    assert not result.is_error
    has_structured = version >= "2025-06-18"
    assert result.value == (5 if has_structured else "5")
    info = client.discover()
    assert (info.name, info.version) == ("shop", "1.2.3")
    assert version in info.versions
    assert {tool.name for tool in client.list_tools()} >= {"add", "ask", "build"}
    assert client.read("shop://today").value == {"open": 9}
    assert client.get("greet", name="Ada").text == "Greet Ada, be kind"


def test_the_bytes_are_those_of_the_wire(client: TestClient) -> None:
    client.call("add", a=2)
    assert client.last is not None
    assert (client.last.status, client.last.headers["content-type"]) == (200, "application/json")
    assert (
        client.last.body
        == (
            f'{{"jsonrpc":"2.0","id":1,"result":{{"resultType":"complete","_meta":'
            f'{{"io.modelcontextprotocol/serverInfo":{SERVER_INFO}}},'
            f'"content":[{{"type":"text","text":"2"}}],"structuredContent":{{"result":2}}}}}}'
        ).encode()
    )


@pytest.mark.parametrize("version", [SUPPORTED_VERSIONS[0], LEGACY_VERSIONS[0]])
def test_arguments_and_results_are_types_of_the_server(version: str) -> None:
    result = TestClient(make_shop(), version=version).call("move", to=Address("Main", 1), on=date(2026, 1, 5))
    assert result.value == result.structured == {"street": "Main", "number": 6}
    assert result.into(Address) == Address("Main", 6)


def test_content_that_is_no_text(client: TestClient) -> None:
    result = client.call("picture")
    image, text = result.content
    assert (image.data, text) == ("cG5n", TextContent(text="A picture"))  # type: ignore[attr-defined]
    assert (result.text, result.value, result.meta["a"]) == ("A picture", "A picture", 1)


def test_a_tool_that_fails(client: TestClient) -> None:
    with pytest.raises(ToolFailed, match=r"^fail: Error executing tool fail: Sold out$") as caught:
        client.call("fail")
    assert caught.value.result.is_error
    result = client.attempt("fail")
    assert (result.text, result.is_error, result.error) == ("Error executing tool fail: Sold out", True, None)


def test_a_call_that_is_refused(client: TestClient) -> None:
    with pytest.raises(CallError, match="Slow down") as caught:
        client.call("refuse")
    error = caught.value
    assert (error.code, error.status, error.headers["retry-after"]) == (-32600, 429, "7")
    result = client.attempt("refuse")
    assert (result.is_error, result.text) == (True, "Slow down")
    assert result.error is not None
    assert result.error.status == 429


def test_a_tool_that_is_not_there(client: TestClient) -> None:
    with pytest.raises(CallError) as caught:
        client.call("no_such_tool")
    assert (caught.value.code, caught.value.status) == (-32602, 400)


def test_arguments_that_do_not_fit(client: TestClient) -> None:
    with pytest.raises(ToolFailed, match="add"):
        client.call("add", a="three")


def test_mirrored_arguments_get_their_headers(client: TestClient) -> None:
    assert client.call("routed", region="eu").value == "eu"
    assert client.call("routed", region="Zürich").value == "Zürich"


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_progress_and_log_messages_are_kept(version: str) -> None:
    client = TestClient(make_shop(), version=version)
    result = client.call("report")
    ((progress,), (log,)) = (result.progress, result.logs)
    has_message = version > "2024-11-05"
    assert (progress.progress, progress.total) == (1, 2)
    assert progress.message == ("half" if has_message else None)
    assert (log.level, log.data, log.logger) == ("warning", {"left": 1}, "shop")
    assert client.progress == [progress]
    assert client.logs == [log]
    assert client.changes == ["shop://today"]


def test_resources_prompts_and_completion(client: TestClient) -> None:
    today = client.read("shop://today")
    assert (today.mime_type, today.text) == ("application/json", '{\n  "open": 9\n}')
    assert client.read("shop://logo").data == b"\x89PNG"
    assert client.read("shop://mon/hours").text == "mon: 9 to 5"
    with pytest.raises(CallError, match="Resource not found"):
        client.read("shop://nothing")
    prompt = client.get("greet", name="Ada", tone="brief")
    assert prompt.description == "Greet somebody."
    assert [(message.role, message.text) for message in prompt.messages] == [("user", "Greet Ada, be brief")]
    assert client.complete("greet", "name", "A", tone="x").values == ["PromptReference name A x"]
    assert client.complete("shop://{day}/hours", "day").values == ["ResourceTemplateReference day  -"]


def test_lists_have_all_pages() -> None:
    client = TestClient(make_shop(page_size=1))
    add = client.list_tools()[0]
    assert (add.name, add.description, add.input_schema["required"]) == ("add", "Add two numbers.", ["a"])
    assert add.output_schema["properties"] == {"result": {"type": "integer", "title": "Result"}}
    assert [one.uri for one in client.list_resources()] == ["shop://today", "shop://logo"]
    assert [one.uri_template for one in client.list_resource_templates()] == ["shop://{day}/hours"]
    (prompt,) = client.list_prompts()
    assert [(one.name, one.required) for one in prompt.arguments] == [("name", True), ("tone", False)]


def test_a_request_as_it_is(client: TestClient) -> None:
    assert client.request("tools/call", {"name": "add", "arguments": {"a": 1}})["structuredContent"] == {
        "result": 1
    }
    with pytest.raises(CallError) as caught:
        client.request("no/such")
    assert (caught.value.code, caught.value.status) == (-32601, 404)


def test_a_version_that_nobody_speaks() -> None:
    with pytest.raises(ValueError, match="not '2020-01-01'"):
        TestClient(make_shop(), version="2020-01-01")


# Questions.

ASKING = [version for version in SUPPORTED_VERSIONS if version >= "2025-06-18"]


@pytest.mark.parametrize("version", ASKING)
def test_answers_in_the_order_of_the_questions(version: str) -> None:
    client = TestClient(make_shop(), version=version, answers=[Address("Main"), "Hello"])
    assert client.call("ask").value == "Main: Hello"
    assert [(one.kind, one.message) for one in client.questions] == [
        ("form", "Where to?"),
        ("sampling", "Write a greeting"),
    ]
    assert list(client.questions[0].schema["properties"]) == ["street", "number"]
    assert client.answers.left == []


@pytest.mark.parametrize("version", ASKING)
def test_answers_by_a_callback(version: str) -> None:
    def answer(question: Any) -> Any:
        return ADDRESS if question.kind == "form" else None

    sampled = SamplingResult(role="assistant", content=TextContent(text="Hi"), model="m")
    client = TestClient(make_shop(), version=version, on_question=answer, answers=[sampled])
    assert client.call("ask").value == "Main: Hi"


@pytest.mark.parametrize("version", ASKING)
def test_a_user_who_declines(version: str) -> None:
    assert TestClient(make_shop(), version=version, answers=[DeclinedElicitation()]).call("ask").value == (
        "decline"
    )


@pytest.mark.parametrize("version", ASKING)
def test_a_plain_function_may_ask(version: str) -> None:
    client = TestClient(make_shop(), version=version, answers=[["file:///a", "file:///b"]])
    assert client.call("ask_plainly").value == "file:///a,file:///b"


@pytest.mark.parametrize("version", ASKING[:2])
def test_a_page_to_visit(version: str) -> None:
    client = TestClient(make_shop(), version=version, answers=[AcceptedElicitation(None)])
    assert client.call("visit").value == "accept"
    assert client.questions[0].url == "https://login.example.com/"


@pytest.mark.parametrize("version", ASKING)
def test_an_answer_that_is_missing(version: str) -> None:
    client = TestClient(make_shop(), version=version, answers=[ADDRESS])
    with pytest.raises(UnansweredError) as caught:
        client.call("ask")
    assert str(caught.value) == (
        "tools/call 'ask' asks, and the test has no answer. Give one with answers=[...] or on_question=. "
        "Asked:\n- sampling 'Write a greeting'"
    )
    assert [question.kind for question in caught.value.questions] == ["sampling"]
    with pytest.raises(UnansweredError, match=r"form 'Where to\?' \(street: string, number: integer\)"):
        client.call("ask")


def test_an_answer_that_does_not_fit_the_form(client: TestClient) -> None:
    client.answers.left.append({"street": 5})
    with pytest.raises(CallError, match="street") as caught:
        client.call("ask")
    assert caught.value.code == -32602


def test_a_client_that_cannot_be_asked(client: TestClient) -> None:
    with pytest.raises(CallError) as caught:
        client.replace(capabilities={}).call("ask")
    assert caught.value.code == -32021


# Tasks.


def test_a_call_that_becomes_a_task_is_settled() -> None:
    client = TestClient(make_shop(), answers=[ADDRESS])
    began = client.clock()
    result = client.call("build", month="May")
    assert result.value == 1
    assert result.task_id is not None
    assert client.clock() - began < 1.0  # the wait before the second attempt, which the clock was moved by


def test_a_task_that_is_left_alone() -> None:
    client = TestClient(make_shop(), answers=[ADDRESS])
    task = client.start("build", month="May")
    assert (task.tool, task.status) == ("build", "working")
    assert client.run_next_task()
    assert task.state().status_message == "Attempt 1 failed, another one follows: not yet"
    assert client.run_next_task()
    assert task.status == "input_required"
    assert not client.run_next_task()
    assert client.settle(task).value == 1
    assert client.settle(task.id).value == 1
    assert task.status == "completed"


def test_a_task_without_an_answer() -> None:
    with pytest.raises(UnansweredError, match=r"The task of build asks"):
        TestClient(make_shop()).call("build", month="May")


def test_a_task_that_fails(client: TestClient) -> None:
    with pytest.raises(ToolFailed, match="broken") as caught:
        client.call("break_down")
    assert caught.value.result.task_id is not None


def test_a_task_that_is_cancelled(client: TestClient) -> None:
    task = client.start("build", month="May")
    task.cancel()
    with pytest.raises(TaskCancelled):
        client.settle(task)


def test_a_task_that_expires(client: TestClient) -> None:
    task = client.start("build", month="May")
    client.clock.advance(3601)
    with pytest.raises(CallError, match="Task has expired"):
        client.settle(task)


def test_a_task_that_nothing_would_run(client: TestClient) -> None:
    task = client.start("build", month="May")
    client._host.queue.messages.clear()
    with pytest.raises(TaskStuckError, match="build is working"):
        client.settle(task)


def test_a_call_that_becomes_no_task(client: TestClient) -> None:
    with pytest.raises(Exception, match="add was answered at once"):
        client.start("add", a=1)


def test_a_tool_without_tasks_for_a_client_without_them(client: TestClient) -> None:
    with pytest.raises(CallError) as caught:
        client.replace(capabilities={}).call("build", month="May")
    assert caught.value.code == -32021


# Time, state, callers.


def test_sessions_are_kept_and_expire_by_the_clock(client: TestClient) -> None:
    cart = client.call("new_cart").value
    assert client.call("put", cart=cart, item="a").value == 1
    client.clock.advance(7100)
    assert client.call("put", cart=cart, item="b").value == 2
    client.clock.advance(7201)
    assert client.attempt("put", cart=cart, item="c").is_error


def test_idempotent_calls_are_answered_from_the_store(client: TestClient) -> None:
    assert [client.call("pay", order="A").value for _ in range(3)] == [1, 1, 1]
    assert client.as_(Principal("ada")).call("pay", order="A").value == 2


def test_request_states_expire_by_the_clock(client: TestClient) -> None:
    def late(question: Any) -> Any:
        client.clock.advance(901)
        return ADDRESS

    with pytest.raises(CallError, match="expired"):
        client.replace(on_question=late).call("ask")


def test_limits_count_by_the_clock() -> None:
    client = TestClient(make_shop(limits=Limits(rate=RateLimit(calls=2, per=60))))
    assert [client.attempt("add", a=1).is_error for _ in range(3)] == [False, False, True]
    with pytest.raises(CallError, match="Too many requests: try again in 30 s") as caught:
        client.call("add", a=1)
    assert (caught.value.status, caught.value.headers["retry-after"]) == (429, "30")
    client.clock.advance(30)
    assert client.call("add", a=1).value == 1
    assert client.replace(client_address="198.51.100.1").call("add", a=1).value == 1
    assert client.as_(Principal("ada")).call("add", a=1).value == 1


def test_the_number_of_running_tasks_is_limited() -> None:
    client = TestClient(make_shop(limits=Limits(tasks=1)))
    client.start("build", month="May")
    with pytest.raises(CallError) as caught:
        client.start("build", month="June")
    assert caught.value.status == 429


def test_principals_and_scopes(client: TestClient) -> None:
    with pytest.raises(CallError) as caught:
        client.call("whoami")
    assert caught.value.status == 401
    bob = client.as_(Principal("bob"))
    with pytest.raises(CallError) as caught:
        bob.call("whoami")
    assert (caught.value.status, caught.value.data["scope"]) == (403, "admin")
    admin = Principal("ada", scopes=frozenset({"admin"}))
    assert client.as_(admin).call("whoami").value == "ada"
    assert TestClient(make_shop(), principal=admin).call("whoami").value == "ada"
    assert client.as_(admin).as_(None).attempt("whoami").is_error


def test_the_servers_own_authentication_counts() -> None:
    client = TestClient(make_shop(auth=OAuth(issuer="https://login.example.com", scopes=["read"])))
    with pytest.raises(CallError, match="needs credentials") as caught:
        client.call("add", a=1)
    assert caught.value.status == 401
    assert 'scope="read"' in caught.value.headers["www-authenticate"]
    assert "https://mcp.example.com/" in caught.value.headers["www-authenticate"]
    ada = Principal("ada", "https://login.example.com", frozenset({"read"}))
    assert client.as_(ada).call("add", a=1).value == 1
    with pytest.raises(CallError) as caught:
        client.as_(Principal("bob", "https://login.example.com")).call("add", a=1)
    assert caught.value.status == 403


def test_a_task_belongs_to_its_principal(client: TestClient) -> None:
    ada = client.as_(Principal("ada"))
    task = ada.start("build", month="May")
    with pytest.raises(CallError, match="Task not found"):
        client.settle(task)
    assert ada.replace(answers=[ADDRESS]).settle(task).value == 1


def test_middleware_observers_and_audit_are_the_servers_own() -> None:
    seen: list[str] = []

    class Sink:
        def write(self, record: AuditRecord) -> None:
            seen.append(f"audit {record.outcome} {record.time}")

    def middleware(call: Call, following: Handler) -> Any:
        seen.append(f"middleware {call.name}")
        return following(call)

    def observer(call: Call, execute: Any) -> Any:
        seen.append("observer")
        return execute(call)

    mcp = make_shop(middleware=[middleware], observers=[observer], audit=Audit(sinks=[Sink()]))
    TestClient(mcp, clock=Clock(0.0)).call("add", a=1)
    assert seen == ["observer", "middleware add", "audit ok 1970-01-01T00:00:00.000Z"]


def test_headers_are_sent() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def trace(ctx: Context) -> str:
        return ctx.headers["x-trace"]

    assert TestClient(mcp, headers={"x-trace": "7"}).call("trace").value == "7"


def test_settings_count() -> None:
    client = TestClient(make_shop(), settings=Settings(limit_calls=RateLimit(calls=1, per=60), table="none"))
    client.call("add", a=1)
    assert client.attempt("add", a=1).is_error


def test_clients_of_one_server_share_its_stores_and_clock(client: TestClient) -> None:
    cart = client.call("new_cart").value
    old = client.replace(version=LEGACY_VERSIONS[0])
    assert old.call("put", cart=cart, item="a").value == 1
    assert old.clock is client.clock
    assert old.answers is client.answers
    assert old.replace(answers=[1]).answers.left == [1]


def test_event_loops_are_closed_with_the_last_client() -> None:
    client = TestClient(make_shop())
    client.call("report")
    loop = client._host.run._loop
    assert loop is not None
    other = client.replace(headers={})
    del client
    assert not loop.is_closed()
    del other
    gc.collect()
    assert loop.is_closed()


def test_invocations_have_as_much_time_as_the_test_says() -> None:
    mcp = MCPServer("shop")
    clocks: list[Clock] = []

    @mcp.tool(task=TaskPolicy(support="auto", inline=timedelta(seconds=20)))
    def slow(ctx: Context) -> int | None:
        if clocks:
            clocks.pop().advance(25)
        ctx.report_progress(1)
        return ctx.remaining_ms()

    client = TestClient(mcp)
    assert client.call("slow").value is None
    assert client.replace(seconds=12.5).call("slow").value == 12_500
    clocks.append(client.clock)
    result = client.replace(seconds=60).call("slow")
    assert result.task_id is not None  # it took longer than 20 seconds
    assert result.value == 60_000


async def _within(client: TestClient) -> Any:
    return client.call("report").value


def test_a_test_may_be_a_coroutine(client: TestClient) -> None:
    import asyncio

    assert asyncio.run(_within(client)) == "done"


def test_json_of_a_reply_is_what_was_sent(client: TestClient) -> None:
    client.call("add", a=1)
    assert client.last is not None
    assert dumps(json.loads(client.last.body)).encode() == client.last.body
