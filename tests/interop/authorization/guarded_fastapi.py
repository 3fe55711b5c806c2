"""The guarded server as a route of a FastAPI application."""

from fastapi import FastAPI
from tests.interop.authorization.guarded import mcp

app = FastAPI()
app.include_router(mcp.fastapi_router("/mcp"))
