"""Resource templates: variables, wildcards, queries."""

from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("templates")


@mcp.resource("t://{name}/profile")
def profile(name: str) -> str:
    """A profile."""
    return f"profile of {name}"


@mcp.resource("n://{number}", mime_type="application/json")
def number(number: int) -> str:
    return str(number + 1)


@mcp.resource("f://{path*}")
def file(path: str) -> str:
    return f"file {path}"


@mcp.resource("q://items{?limit,kind}")
def items(limit: int = 10, kind: str = "all") -> str:
    return f"{limit} {kind}"


@mcp.resource("two://{a}/{b}")
def two(a: str, b: str) -> str:
    return f"{a} and {b}"


URIS = (
    "t://ann/profile",
    "n://41",
    "n://x",
    "f://a/b/c.txt",
    "f://one",
    "q://items",
    "q://items?limit=3&kind=new",
    "two://x/y",
    "two://x",
)
REQUESTS = [("resources/templates/list", {}), *[("resources/read", {"uri": uri}) for uri in URIS]]
