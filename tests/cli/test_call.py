"""`lambent call`: apps in process, servers of the official SDK in both eras, and of Lambent over HTTP."""

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from tests.cli.servers import APP, SECRET, free_port, lambent_app, scripted, served

pytest.importorskip("uvicorn")


def environment(**variables):
    given = {name: value for name, value in os.environ.items() if not name.startswith("LAMBENT_")}
    return {**given, "LAMBENT_STATE_KEYS": SECRET, **variables}


def call(*arguments, cwd=None, **variables):
    """Run the command in a process of its own, where nobody can be asked."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "lambent", "call", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env=environment(**variables),
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    file = tmp_path_factory.mktemp("shop") / "shop_app.py"
    file.write_text(APP)
    return file


@pytest.fixture(scope="module")
def url():
    with lambent_app() as url:
        yield url


@pytest.fixture(params=["app", "url"])
def server(request, app):
    return app if request.param == "app" else request.getfixturevalue("url")


def test_arguments_have_the_types_of_the_schema(server):
    done = call(server, "add", "a=2", 'tags=["x"]', "name=7")
    assert (done.returncode, done.stdout) == (0, "3 ['x'] '7'\n")


def test_arguments_as_json_and_words_over_them(server):
    done = call(server, "add", "--args", '{"a": 1, "b": 5, "name": "\\u00e9"}', "b=2")
    assert (done.returncode, done.stdout) == (0, "3.0 None 'é'\n")


def test_what_an_app_prints_is_not_in_the_result(app):
    done = call(app, "add", "a=2", "--json")
    assert json.loads(done.stdout)["content"][0]["text"] == "3 None 'x'"
    assert done.stderr == "noise of the app\n"


def test_an_app_by_the_name_of_its_server(app):
    assert call(f"{app}:other", "add").stderr == "lambent call: there is no tool add; there are: none\n"


def test_a_parameter_that_a_header_repeats(url):
    assert call(url, "regional", "region=münchen").stdout == "münchen\n"


@pytest.mark.parametrize("tool", ["ask", "job"])
def test_answers_of_the_command_line(server, tool):
    done = call(server, tool, "--answer", "sure=true", "--answer", "count=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Confirm(sure=True, count=3)" in done.stdout


@pytest.mark.parametrize("tool", ["ask", "job"])
def test_a_question_that_nobody_answers(server, tool):
    done = call(server, tool)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("lambent call: the server asks: Sure")
    assert done.stderr.endswith("Answer with --answer sure=...\n")
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_question_is_declined_from_a_script(server, action):
    done = call(server, "ask", "--respond", action)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{action}\n", "")


def test_a_form_without_required_fields_is_accepted_with_its_defaults(server):
    done = call(server, "optional", "--respond", "accept")
    assert (done.returncode, done.stdout) == (0, "accept 2\n")


def test_a_required_field_is_not_accepted_without_a_value(server):
    done = call(server, "ask", "--respond", "accept")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.endswith("Answer with --answer sure=...\n")


@pytest.mark.parametrize("action", ["accept", "decline"])
def test_a_page_is_accepted_or_declined_from_a_script(server, action):
    done = call(server, "visit", "--respond", action)
    assert (done.returncode, done.stdout) == (0, f"{action}\n")
    assert done.stderr == "Sign in?\nhttps://pay.example.com/\n"


def test_a_page_that_nobody_visits(server):
    done = call(server, "visit")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.endswith(
        "lambent call: the server asks to visit a page, and nobody is at a terminal; give --respond\n"
    )


def test_answers_are_over_the_response_to_other_questions(server):
    done = call(server, "ask", "--answer", "sure=true", "--respond", "decline")
    assert done.stdout == "accept Confirm(sure=True, count=1)\n"


def test_an_answer_of_another_type(server):
    done = call(server, "ask", "--answer", "sure=perhaps")
    assert (done.returncode, done.stderr) == (2, "lambent call: sure=perhaps: boolean is wanted\n")


@pytest.mark.parametrize(("tool", "text"), [("fail", "no \\x1b[31mway"), ("broken", "lost")])
def test_an_error_of_a_tool_is_status_1(server, tool, text):
    done = call(server, tool)
    assert (done.returncode, done.stdout) == (1, f"Error executing tool {tool}: {text}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ad"], "there is no tool ad; do you mean add?"),
        (["add", "a"], "'a' is not name=value"),
        (["add", "a=x"], "a=x: integer is wanted"),
        (["add", "a=1.5"], "a=1.5: integer is wanted"),
        (["add", "a=1", "tags=x"], 'tags=x: array or null is wanted, such as ["x"]'),
        (["add", "c=1"], "there is no argument c; there are: a, b, tags, name"),
        (["add", "--args", "[]"], "--args is not a JSON object"),
        (["add", "--args", '{"a": NaN}'], "--args is not JSON: NaN is no number"),
        (["add", "--answer", "x"], "--answer 'x' is not NAME=VALUE"),
        (["add", "--header", "x y: z"], "--header 'x y' is not NAME:VALUE"),
        (["add", "--header", "x: a\nb"], "--header 'x' has characters that a header does not have"),
        (["add", "--timeout", "0"], "the timeout has to be positive"),
        (["add", "--token", "a b"], "--token has characters that a token does not have"),
    ],
)
def test_arguments_that_are_not_valid(server, arguments, message):
    done = call(server, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"lambent call: {message}\n")


def test_a_call_that_does_not_fit(url):
    done = call(url, "add")
    assert done.returncode == 1
    assert "`a`" in done.stdout


def test_a_token_goes_over_https_only():
    done = call("http://mcp.example.com/mcp", "add", LAMBENT_TOKEN="secret")
    assert (done.returncode, done.stderr) == (2, "lambent call: a token is sent over https only\n")


def test_a_server_that_is_not_there():
    with scripted({}) as (root, _):
        pass
    done = call(f"{root}/mcp", "add")
    assert done.returncode == 3
    assert done.stderr.startswith(f"lambent call: {root}/mcp cannot be reached: ")
    assert done.stderr.count("\n") == 1


CHALLENGE = 'Bearer resource_metadata="https://x"'


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            (401, {"www-authenticate": CHALLENGE}, b"{}"),
            "answers 401: give a token with --token. " + CHALLENGE,
        ),
        (
            (401, {"x-amzn-remapped-www-authenticate": CHALLENGE}, b"{}"),
            "answers 401: give a token with --token. " + CHALLENGE,
        ),
        ((307, {"location": "https://elsewhere"}, b""), "answers 307: use https://elsewhere"),
        ((502, {}, b"Bad \x1b gateway"), "answers 502, and not with MCP: Bad \\x1b gateway"),
        ((200, {"content-type": "text/html"}, b"<html>"), "answers 200, and not with MCP: <html>"),
        ((200, {"content-type": "text/event-stream"}, b": ping\n\n"), "ends its stream without a response"),
    ],
)
def test_what_is_no_server(answer, message):
    with scripted({("POST", "/mcp"): answer}) as (root, seen):
        done = call(f"{root}/mcp", "add", "--token", "t0ken", "--header", "x-stage: dev")
    assert (done.returncode, done.stderr) == (3, f"lambent call: {root}/mcp {message}\n")
    assert (seen[0][2]["authorization"], seen[0][2]["x-stage"]) == ("Bearer t0ken", "dev")


def test_questions_are_asked_in_the_terminal(server):
    """With a terminal on standard input and error: a wrong answer is asked again."""
    main, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "lambent", "call", str(server), "ask"],
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
        env=environment(TERM="xterm"),
    ) as process:
        os.close(child)
        shown = ""
        for wait, answer in (
            ("accept]: ", "a"), ("Sure: ", "perhaps"), ("Sure: ", "y"), ("Count (optional) [1]: ", "5"),
        ):  # fmt: skip
            shown += until(process, main, wait)
            os.write(main, f"{answer}\n".encode())
        assert process.stdout.read() == b"accept Confirm(sure=True, count=5)\n"
    os.close(main)
    assert process.returncode == 0
    assert "Sure\\x1b[2J?" in shown
    assert "sure=perhaps: boolean is wanted" in shown


def test_progress_is_a_bar_in_a_terminal(server):
    pytest.importorskip("rich")
    main, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "lambent", "call", str(server), "slow"],
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
        env=environment(TERM="xterm"),
    ) as process:
        os.close(child)
        shown = until(process, main, "half\\x07 way", at_end=False)
        assert process.stdout.read() == b"done\n"
    os.close(main)
    assert process.returncode == 0
    assert "\x07" not in shown


def until(process, descriptor, text, *, at_end=True):
    """What a process shows, up to a text; without it the process is ended, for which its caller waits."""
    shown = ""
    while not (shown.endswith(text) if at_end else text in shown):
        if not select.select([descriptor], [], [], 30)[0]:
            process.kill()
            pytest.fail(f"{text!r} is not asked, but {shown!r}")
        shown += os.read(descriptor, 1024).decode()
    return shown


# Servers of the official SDK.


class Confirm(BaseModel):
    sure: bool


def sdk_server(**options: Any) -> Any:
    from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve

    mcp = MCPServer("official")

    async def confirm() -> Confirm | Elicit[Confirm]:
        return Elicit("Sure?", Confirm)

    @mcp.tool()
    async def add(a: int, ctx: Context, tags: list[str] | None = None) -> str:
        await ctx.report_progress(1, 2, "half")
        await asyncio.sleep(0)
        return f"{a + 1} {tags}"

    @mcp.tool()
    async def ask(confirmed: Annotated[Confirm, Resolve(confirm)]) -> str:
        return f"sure: {confirmed.sure}"

    @mcp.tool()
    def fail() -> str:
        raise ValueError("no way")

    return mcp.streamable_http_app(**options)


@pytest.fixture(scope="module", params=["streams", "json", "stateless"])
def official(request):
    options = {"streams": {}, "json": {"json_response": True}, "stateless": {"stateless_http": True}}
    with served(sdk_server(**options[request.param])) as url:
        yield url


def test_a_server_of_the_official_sdk(official):
    done = call(official, "add", "a=2", 'tags=["x"]')
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 ['x']\n", "")
    done = call(official, "fail")
    assert (done.returncode, done.stdout) == (1, "Error executing tool fail\n")
    assert call(official, "ad").stderr == "lambent call: there is no tool ad; do you mean add?\n"


LEGACY = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}


class Legacy:
    """A server that knows nothing but ``initialize``, with a session, and asks on the stream of a call."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.methods: list[str] = []

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["method"] == "DELETE":
            self.methods.append("DELETE")
            await self.reply(send, 200, b"")
            return
        message = json.loads((await receive())["body"])
        self.methods.append(message.get("method", "answer"))
        if "method" not in message:
            self.answers.put_nowait(message)
            await self.reply(send, 202, b"")
            return
        if message["method"] == "initialize":
            await self.result(send, message, LEGACY, {"mcp-session-id": "s1"})
            return
        if headers.get("mcp-session-id") != "s1" or headers.get("mcp-protocol-version") != "2025-06-18":
            await self.reply(send, 400, b"Bad Request: no session")
            return
        if message["method"] == "tools/list":
            tool = {"name": "ask", "inputSchema": {"type": "object"}}
            await self.result(send, message, {"tools": [tool]})
            return
        if message["method"] != "tools/call":
            await self.reply(send, 202, b"")
            return
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"content-type", b"text/event-stream")]})
        form = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
        params = {"message": "Sure?", "requestedSchema": form}
        question = {"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": params}
        await send({"type": "http.response.body", "body": event(question), "more_body": True})
        answer = await self.answers.get()
        result = {"content": [{"type": "text", "text": json.dumps(answer["result"])}]}
        last = event({"jsonrpc": "2.0", "id": message["id"], "result": result})
        await send({"type": "http.response.body", "body": last})

    async def result(self, send, message, result, headers=None):
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        await self.reply(send, 200, body, {"content-type": "application/json", **(headers or {})})

    async def reply(self, send, status, body, headers=None):
        pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


def event(message):
    return f"event: message\r\ndata: {json.dumps(message)}\r\n\r\n".encode()


def test_a_server_of_the_legacy_era_that_asks():
    legacy = Legacy()
    with served(legacy) as url:
        done = call(url, "ask", "--answer", "sure=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"action": "accept", "content": {"sure": True}}
    assert legacy.methods == [
        *("server/discover", "initialize", "notifications/initialized"),
        *("tools/list", "tools/call", "answer", "DELETE"),
    ]


def test_questions_of_the_official_sdk():
    with served(sdk_server()) as url:
        done = call(url, "ask", "--answer", "sure=true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sure: True\n", "")


@pytest.mark.parametrize("release", ["fastmcp-2", "fastmcp-3", "fastmcp-4"])
def test_a_server_of_fastmcp(release, tmp_path):
    from tests.interop import install

    python = install.HERE / ".venvs" / release / "bin" / "python"
    if not python.exists():
        pytest.skip("its environment is not installed")
    source = (
        "import sys, socket\nfrom fastmcp import FastMCP\nmcp = FastMCP('fast')\n"
        "@mcp.tool\ndef add(a: int, b: int = 1) -> int:\n    return a + b\n"
        "mcp.run(transport='http', host='127.0.0.1', port=int(sys.argv[1]))\n"
    )
    (tmp_path / "server.py").write_text(source)
    port = free_port()
    with subprocess.Popen(
        [python, tmp_path / "server.py", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            done = call(f"http://127.0.0.1:{port}/mcp", "add", "a=2")
            for _ in range(60):
                if done.returncode != 3 or process.poll() is not None:
                    break
                done = call(f"http://127.0.0.1:{port}/mcp", "add", "a=2")
        finally:
            process.kill()
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
