"""Who is measured, and in what."""

from typing import NamedTuple

from benchmarks.exchanges import LEGACY, MODERN, NEWEST_LEGACY


class Peer(NamedTuple):
    """One row of the tables.

    Attributes:
        key: names it in the results.
        title: names it in the tables.
        protocol: the protocol version of the requests that it gets.
        environment: where it is installed.
        note: what a reader has to know to compare it.
    """

    key: str
    title: str
    protocol: str
    environment: str
    note: str


PLAIN = (
    Peer("bare", "bare handler", MODERN, "bare", "json and a dict of functions, no checks"),
    Peer("lambent", "Lambent", MODERN, "lambent", "every check on"),
    Peer(
        "awslabs",
        "awslabs.mcp-lambda-handler",
        LEGACY,
        "awslabs",
        "2024-11-05 requests, no headers to check; converts and checks no arguments",
    ),
    Peer("asgi", "ASGI + Mangum", MODERN, "asgi", "written by hand, no checks, no MCP"),
    Peer("fastapi", "FastAPI + Mangum", MODERN, "fastapi", "a tools/call route written by hand"),
    Peer("sdk", "mcp SDK + Mangum", MODERN, "sdk", "def tools, which it runs on threads"),
    Peer(
        "sdk_async", "mcp SDK + Mangum, async", MODERN, "sdk", "the same with async def tools: its best case"
    ),
    Peer("fastmcp", "FastMCP + Mangum", MODERN, "fastmcp", "def tools, which it runs on threads"),
    Peer("fastmcp_async", "FastMCP + Mangum, async", MODERN, "fastmcp", "the same with async def tools"),
)

CONTEXT = Peer(
    "lambent_ctx", "Lambent, tool with ctx", MODERN, "lambent", "the tool takes ctx and asks nothing"
)
LEGACY_CLIENT = Peer(
    "lambent_legacy",
    "Lambent, legacy client",
    NEWEST_LEGACY,
    "lambent",
    "2025-11-25 requests with a session; there are fewer headers to check",
)
AUTHORIZED = Peer(
    "lambent_auth",
    "Lambent with OAuth",
    MODERN,
    "lambent-auth",
    "every call has a token, which the first one verifies, and a scope",
)
WARM = (*PLAIN[:2], CONTEXT, LEGACY_CLIENT, AUTHORIZED, *PLAIN[2:])

MODELS = (
    Peer("bare_models", "bare handler + pydantic", MODERN, "bare-models", "pydantic.validate_call by hand"),
    Peer("lambent_models", "Lambent + pydantic", MODERN, "lambent-models", "every check on"),
    Peer("fastapi_models", "FastAPI + Mangum", MODERN, "fastapi", "pydantic.validate_call by hand"),
    Peer("sdk_models", "mcp SDK + Mangum", MODERN, "sdk", "def tools"),
    Peer("fastmcp_models", "FastMCP + Mangum", MODERN, "fastmcp", "def tools"),
)

ALL = {peer.key: peer for peer in (*WARM, *MODELS)}

# An async tool changes nothing before the first call.
STARTING = tuple(peer for peer in PLAIN if not peer.key.endswith("_async"))
LISTING = tuple(ALL[key] for key in ("bare", "lambent", "awslabs", "sdk", "fastmcp"))
ASKING = tuple(ALL[key] for key in ("lambent", "sdk", "sdk_async", "fastmcp"))
GROWING = tuple(ALL[key] for key in ("lambent", "awslabs", "sdk", "fastmcp"))
