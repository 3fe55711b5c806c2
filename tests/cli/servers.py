"""Servers that the commands call, each in a thread of its own on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lambent import Settings

SECRET = "0123456789abcdef0123456789abcdef"

APP = '''
import asyncio
from dataclasses import dataclass
from typing import Annotated

from lambent import Context, McpHeader, MCPServer, TaskPolicy, ToolError

mcp = MCPServer("shop", version="1.2.3", instructions="Buy \\x1b[31mnothing.")
other = MCPServer("other", version="2.0.0")


@dataclass
class Confirm:
    sure: bool
    count: int = 1


@mcp.tool()
def add(a: int, b: float = 1, tags: list[str] | None = None, name: str = "x") -> str:
    """Add two numbers."""
    print("noise of the app")
    return f"{a + b} {tags} {name!r}"


@mcp.tool()
def regional(region: Annotated[str, McpHeader("Region")]) -> str:
    return region


@mcp.tool()
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Sure\\x1b[2J?", Confirm)
    return f"{answer.action} {answer.data}" if answer.action == "accept" else answer.action


@dataclass
class Amount:
    count: int = 2


@mcp.tool()
async def optional(ctx: Context) -> str:
    answer = await ctx.elicit("How many?", Amount)
    return f"{answer.action} {answer.data.count}" if answer.action == "accept" else answer.action


@mcp.tool()
async def visit(ctx: Context) -> str:
    return (await ctx.elicit_url("Sign in?", "https://pay.example.com/")).action


@mcp.tool()
def fail() -> str:
    raise ToolError("no \\x1b[31mway")


@mcp.tool(task=TaskPolicy(support="optional"))
async def job(ctx: Context) -> str:
    answer = await ctx.elicit("Sure?", Confirm)
    return f"job {answer.data}"


@mcp.tool(task=TaskPolicy(support="optional"))
async def broken() -> str:
    raise ToolError("lost")


@mcp.tool()
async def slow(ctx: Context) -> str:
    await ctx.report_progress(1, 2, "half\\x07 way")
    await asyncio.sleep(0.5)
    return "done"


@mcp.resource("shop://stock")
def stock() -> str:
    return "full"


@mcp.resource("shop://items/{name}")
def item(name: str) -> str:
    return name


@mcp.prompt()
def greet(who: str) -> str:
    """Greet somebody."""
    return who
'''


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def served(app: Any, path: str = "/mcp") -> Iterator[str]:
    """An ASGI application under uvicorn; gives the URL of its endpoint."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server does not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


@contextmanager
def lambent_app(**settings: Any) -> Iterator[str]:
    """The server above; gives the URL of its endpoint."""
    module: dict[str, Any] = {"__name__": "shop_app"}
    exec(APP, module)
    with served(module["mcp"].asgi(Settings(state_keys=(SECRET,), **settings))) as url:
        yield url


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def scripted(answers: dict[tuple[str, str], Answer]) -> Iterator[tuple[str, list[Any]]]:
    """A web server with fixed answers by method and path; gives its root, and a list of what has come."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.append(
                (self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            status, headers, content = answers.get((self.command, self.path), (404, {}, b"{}"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_OPTIONS = do_DELETE = answer  # noqa: N815 - the names that the base looks for

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
