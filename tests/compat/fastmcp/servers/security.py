"""Values of variables that are refused."""

from lambent.compat.fastmcp import FastMCP, ResourceSecurity

inner = FastMCP("inner")
mcp = FastMCP("security")


@mcp.resource("f://{path*}")
def file(path: str) -> str:
    return f"file {path}"


@mcp.resource("any://{path*}", security=None)
def anything(path: str) -> str:
    return f"any {path}"


@inner.resource("own://{path*}", security=ResourceSecurity(exempt_params={"path"}))
def own(path: str) -> str:
    return f"own {path}"


mcp.mount(inner, "in")

URIS = (
    "f://a/b.txt",
    "f://a/..%2F..%2Fb",
    "f://%2Fetc/passwd",
    "f://a%00b",
    "any://a/..%2F..%2Fb",
    "any://%2Fetc/passwd",
    "own://in/a/..%2F..%2Fb",
)
REQUESTS = [("resources/read", {"uri": uri}) for uri in URIS]
