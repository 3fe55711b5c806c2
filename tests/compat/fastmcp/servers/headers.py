"""Headers of the request."""

from lambent.compat.fastmcp import CurrentHeaders, FastMCP, get_http_headers, get_http_request

mcp = FastMCP("headers")


@mcp.tool
def custom() -> str | None:
    return get_http_headers().get("x-custom")


@mcp.tool
async def hidden() -> list[str]:
    return [
        str("authorization" in get_http_headers()),
        str("authorization" in get_http_headers(include_all=True)),
    ]


@mcp.tool
async def included() -> str:
    return get_http_headers(include={"authorization"})["authorization"]


@mcp.tool
async def injected(headers: dict[str, str] = CurrentHeaders()) -> str | None:
    return headers.get("x-custom")


@mcp.tool
async def request() -> str:
    found = get_http_request()
    return f"{found.method} {found.headers['X-Custom']}"


HEADERS = {"x-custom": "mine", "authorization": "Bearer x"}
NAMES = ("custom", "hidden", "included", "injected", "request")
REQUESTS = [("tools/call", {"name": name, "arguments": {}}) for name in NAMES]
