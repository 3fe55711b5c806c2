"""The example server of the SDK that ``EVERYTHING`` names the folder of, adapted, and as the SDK serves it.

With ``LEVEL=low`` both get the low-level server that is within it.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import lambent

sys.path.insert(0, os.environ["EVERYTHING"])
from mcp_everything_server.server import event_store, mcp

IS_2 = hasattr(mcp, "_lowlevel_server")
IS_LOW = os.environ["LEVEL"] == "low"
LOW = mcp._lowlevel_server if IS_2 else mcp._mcp_server
SERVER: Any = LOW if IS_LOW else mcp


def handler() -> Any:
    """What ``lambent dev`` serves."""
    return lambent.adapt(SERVER)


def live() -> Any:
    """What uvicorn serves, with the options that the example's own ``main`` gives."""
    if IS_2:
        return SERVER.streamable_http_app(event_store=event_store, retry_interval=100)
    if not IS_LOW:
        return SERVER.streamable_http_app()
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette
    from starlette.routing import Mount

    security = TransportSecuritySettings(
        allowed_hosts=["127.0.0.1:*", "localhost:*"],
        allowed_origins=["http://127.0.0.1:*", "http://localhost:*"],
    )
    manager = StreamableHTTPSessionManager(
        app=SERVER, event_store=event_store, retry_interval=100, security_settings=security
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Mount("/", app=manager.handle_request)], lifespan=lifespan)
