"""ASGI applications that are no MCP servers, or more than that: every event, every response, one lifespan."""

import asyncio
import base64
import json
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from tests.hosts.adapt.apps import SETTINGS, Recorder, adapted
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import http_api

import lambent
from lambent import ApiKey, ApiKeys, DeclarationError, MCPServer, Settings
from lambent.auth.api_keys import hash_of
from lambent.hosts.aws_lambda.events import UnknownEventError

NO_ADAPTER = "A server of Lambent needs no adapter: use its lambda_handler()"


def headers_of(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in scope["headers"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_of_every_kind_of_event(kind: str) -> None:
    app = Recorder(b'{"a":', b"1}", headers=(("Content-Type", "application/json"), ("x-one", "1")))
    sent = Sent(
        method="PUT",
        path="/items/7",
        query=(("q", "a b"), ("q", "c")),
        headers=(("Content-Type", "text/plain"), ("X-Two", "2"), ("Host", "shop.test")),
        cookies=("a=1", "b=2"),
        body="héllo",
    )
    event = KINDS[kind](sent)
    with adapted(app) as handler:
        written = handler(event, "the context")
    assert (written["statusCode"], written["body"], written["isBase64Encoded"]) == (200, '{"a":1}', False)
    many = kind in ("REST API", "HTTP API 1.0", "ALB, multi-value")
    got = written["multiValueHeaders"] if many else written["headers"]
    assert got == (
        {"content-type": ["application/json"], "x-one": ["1"]}
        if many
        else {"content-type": "application/json", "x-one": "1"}
    )
    (scope,) = app.scopes
    staged = kind in ("REST API", "HTTP API 1.0")
    assert (scope["type"], scope["method"], scope["http_version"]) == ("http", "PUT", "1.1")
    assert scope["path"] == ("/prod/items/7" if staged else "/items/7")
    assert scope["root_path"] == ("/prod" if staged else "")
    assert scope["query_string"] in (b"q=a+b&q=c", b"q=c", b"q=a%20b&q=c")
    assert (scope["aws.event"], scope["aws.context"]) == (event, "the context")
    assert scope["state"] == {"number": 0}
    sent_headers = headers_of(scope)
    assert sent_headers["x-two"] == "2"
    assert sent_headers["content-length"] == "6"
    assert sent_headers["cookie"] == ("b=2" if kind == "ALB" else "a=1; b=2")
    assert app.bodies == ["héllo".encode()]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_go_in_and_out_as_base64(kind: str) -> None:
    app = Recorder(b"\xff\x00", headers=(("content-type", "image/png"),))
    with adapted(app) as handler:
        written = handler(KINDS[kind](Sent(path="/image", body=b"\x00\xfe")), None)
    assert written["isBase64Encoded"] is True
    assert base64.b64decode(written["body"]) == b"\xff\x00"
    assert app.bodies == [b"\x00\xfe"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_cookie_is_set(kind: str) -> None:
    cookies = (("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2"))
    app = Recorder(headers=(*cookies, ("vary", "x"), ("vary", "y")))
    with adapted(app) as handler:
        written = handler(KINDS[kind](Sent(method="GET", path="/login")), None)
    if "multiValueHeaders" in written:
        assert written["multiValueHeaders"] == {"vary": ["x, y"], "set-cookie": ["a=1; Path=/", "b=2"]}
    elif "cookies" in written:
        assert written["headers"] == {"vary": "x, y"}
        assert written["cookies"] == ["a=1; Path=/", "b=2"]
    else:
        assert written["headers"] == {"vary": "x, y", "Set-cookie": "a=1; Path=/", "sEt-cookie": "b=2"}


def test_a_lifespan_is_entered_once_and_left_at_the_end() -> None:
    app = Recorder()
    with adapted(app) as handler:
        assert app.events == []
        for _ in range(3):
            assert handler(http_api(None, method="GET", path="/"), None)["statusCode"] == 200
        assert app.events == ["startup"]
    assert app.events == ["startup", "shutdown"]


def test_a_lifespan_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            tries.append(1)
            kind = "complete" if len(tries) == 3 else "failed"
            await send(
                {"type": f"lifespan.startup.{kind}", **({} if kind == "complete" else {"message": "no db"})}
            )
            await receive()
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with adapted(app) as handler:
        statuses = [handler(http_api(None, method="GET", path="/"), None)["statusCode"] for _ in range(4)]
    assert (statuses, len(tries)) == ([500, 500, 204, 204], 3)
    assert "The lifespan of the application has failed: no db" in caplog.text


def test_an_application_without_a_lifespan() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        assert "state" not in scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with adapted(app) as handler:
        assert [handler(http_api(None, method="GET", path="/"), None)["body"] for _ in range(2)] == [
            "ok",
            "ok",
        ]


def test_what_fastapi_does_with_an_event() -> None:
    app, done, loops = FastAPI(title="Shop"), [], []

    @app.post("/orders/{number}")
    async def order(number: int, request: Request, tasks: BackgroundTasks) -> dict[str, Any]:
        loops.append(asyncio.get_running_loop())
        tasks.add_task(done.append, number)
        return {"number": number, "body": await request.json(), "host": request.url.hostname}

    @app.get("/lines")
    async def lines() -> StreamingResponse:
        async def parts() -> Any:
            for part in ("one\n", "two\n"):
                await asyncio.sleep(0)
                yield part

        return StreamingResponse(parts(), media_type="text/plain")

    with adapted(app) as handler:
        headers = {"content-type": "application/json", "host": "shop.test"}
        for number in (1, 2):
            written = handler(http_api('{"a":1}', headers, path=f"/orders/{number}"), None)
            assert json.loads(written["body"]) == {"number": number, "body": {"a": 1}, "host": "shop.test"}
            assert done == list(range(1, number + 1))  # before the response, for Lambda freezes afterwards
        assert handler(http_api(None, method="GET", path="/lines"), None)["body"] == "one\ntwo\n"
        assert handler(http_api(None, method="GET", path="/nothing"), None)["statusCode"] == 404
    assert loops[0] is loops[1]


def test_an_exception_is_in_the_log_and_not_in_the_response(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise ValueError("the secret is 42")

    with adapted(app) as handler:
        written = handler(http_api(None, method="GET", path="/"), None)
    assert written["statusCode"] == 500
    assert written["body"].startswith("Internal error (reference ")
    assert "the secret is 42" not in written["body"]
    assert "the secret is 42" in caplog.text


def test_an_application_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    with adapted(app) as handler:
        assert handler(http_api(None, method="GET", path="/"), None)["statusCode"] == 500
    assert "The application has ended without a response" in caplog.text


def test_a_response_that_lambda_cannot_return_is_refused() -> None:
    with adapted(Recorder(b"x" * 4_000_000, b"x" * 4_000_000)) as handler:
        written = handler(http_api(None, method="GET", path="/"), None)
    assert written["statusCode"] == 502
    assert "The response is larger than" in json.loads(written["body"])["error"]["message"]


def test_a_body_that_is_too_large_is_refused() -> None:
    app = Recorder()
    with adapted(app, settings=Settings(body_limit=100)) as handler:
        written = handler(http_api("x" * 101, path="/other"), None)
    assert (written["statusCode"], app.scopes) == (413, [])


def test_an_application_that_is_too_late() -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 600

    cancelled: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.append(True)

    with adapted(app) as handler:
        assert handler(http_api(None, method="GET", path="/"), Context())["statusCode"] == 504
    assert cancelled == [True]


def test_of_a_stream_without_end_its_beginning() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.sleep(60)

    with adapted(app) as handler:
        written = handler(http_api(None, method="GET", path="/events"), None)
    assert (written["statusCode"], written["body"]) == (200, "data: 1\n\n")


def test_other_paths_need_the_same_credentials() -> None:
    app = Recorder()
    keys = ApiKeys({"ci": ApiKey(subject="ci", hash=hash_of("secret-key-of-the-tests"))})
    with adapted(app, auth=keys) as handler:
        assert handler(http_api(None, method="GET", path="/admin"), None)["statusCode"] == 401
        assert app.scopes == []
        headers = {"x-api-key": "secret-key-of-the-tests"}
        assert handler(http_api(None, headers, method="GET", path="/admin"), None)["statusCode"] == 200
    (scope,) = app.scopes
    assert scope["lambent.principal"].subject == scope["user"].identity == "ci"
    assert scope["auth"].scopes == []


def test_health_is_answered_in_front_of_it() -> None:
    app = Recorder()
    with adapted(app) as handler:
        written = handler(http_api(None, method="GET", path="/health"), None)
    assert (written["statusCode"], app.scopes) == (200, [])


def test_other_events_are_refused_and_warm_ups_taken() -> None:
    with adapted(Recorder()) as handler:
        with pytest.raises(UnknownEventError):
            handler({"detail-type": "x"}, None)
        assert handler({"warmer": True}, None)["body"] == '{"warm":true}'


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (MCPServer("x"), "A server of Lambent needs no adapter: use its lambda_handler()"),
        (
            MCPServer("x").lambda_handler(Settings()),
            "A server of Lambent needs no adapter: use its lambda_handler()",
        ),
        (7, "adapt takes an MCP server or an ASGI application, not int"),
        (FastAPI, "adapt takes an MCP server or an ASGI application, not the class FastAPI"),
    ],
)
def test_what_cannot_be_adapted(given: Any, text: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        lambent.adapt(given)
    assert str(refused.value) == text


def test_auth_that_identifies_nobody_is_refused() -> None:
    with pytest.raises(DeclarationError, match="auth takes an authenticator"):
        lambent.adapt(Recorder(), auth=ApiKeys, settings=SETTINGS)  # type: ignore[arg-type]
