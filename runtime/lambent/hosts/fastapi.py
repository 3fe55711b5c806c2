"""FastAPI: the MCP endpoint as a route that the OpenAPI page shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from lambent.hosts.asgi import AsgiApp
from lambent.wire.discovery_paths import CARD_SUFFIX, METADATA_PATH, REGISTRY_SUFFIX, SERVER_METADATA_PATHS

_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "A JSON-RPC response, or a stream of notifications that ends with one.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    },
    202: {"description": "A notification was accepted."},
    400: {"description": "A JSON-RPC error: the request is malformed."},
}


class _Delegated(Response):
    """A response that the ASGI application writes; a dependency may have read the request's body already.

    The prefix of the router is to the application what a mount is: ``path`` is the path without it.
    """

    def __init__(self, app: AsgiApp, request: Request, path: str) -> None:
        super().__init__()
        self._app = app
        self._request = request
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith(self._path):
            scope = {**scope, "root_path": scope["path"].removesuffix(self._path)}
        await self._app(scope, _reread(self._request), send)
        if self.background is not None:
            await self.background()


def _reread(request: Request) -> Receive:
    """A ``receive`` that gives the whole body, also if it was read before."""
    chunks, is_over = request.stream(), False

    async def receive() -> Message:
        nonlocal is_over
        if is_over:
            return await request.receive()
        try:
            return {"type": "http.request", "body": await anext(chunks), "more_body": True}
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        except (StopAsyncIteration, RuntimeError):  # RuntimeError: the body was read as a stream before
            is_over = True
            return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def make_router(app: AsgiApp, path: str, title: str) -> APIRouter:
    """Make a router with the MCP endpoint under a path; the OpenAPI page shows the title."""
    router = APIRouter(tags=["MCP"], lifespan=app.lifespan)

    def delegate(path: str) -> Callable[[Request], Awaitable[Response]]:
        async def delegated(request: Request) -> Response:
            return _Delegated(app, request, path)

        return delegated

    router.add_api_route(
        path,
        delegate(path),
        methods=["POST"],
        name="mcp_endpoint",
        summary=f"MCP endpoint of {title}",
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    methods = ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"]
    router.add_api_route(path, delegate(path), methods=methods, include_in_schema=False)
    methods = ["GET", "HEAD", "OPTIONS"]
    documents = [path + CARD_SUFFIX, path + REGISTRY_SUFFIX, METADATA_PATH + path]
    if app.has_registration:
        from lambent.hosts.registration import REGISTER_SUFFIX  # loaded where clients register

        documents += [known + path for known in SERVER_METADATA_PATHS]
        documents += [path + known for known in SERVER_METADATA_PATHS]
        register = path + REGISTER_SUFFIX
        router.add_api_route(
            register, delegate(register), methods=["POST", *methods], include_in_schema=False
        )
    for document in documents:
        router.add_api_route(document, delegate(document), methods=methods, include_in_schema=False)
    return router
