"""FastAPI through Mangum, with a route for tools/call written by hand."""

from typing import Any, Literal

from fastapi import FastAPI
from mangum import Mangum
from peers.tools import PLAIN
from pydantic import BaseModel


class Params(BaseModel):
    name: str
    arguments: dict[str, Any]


class Request(BaseModel):
    jsonrpc: Literal["2.0"]
    id: int | str
    method: Literal["tools/call"]
    params: Params


def build():
    return make({tool.__name__: tool for tool in PLAIN})


def make(tools):
    """Make the handler of an application that serves these tools."""
    app = FastAPI()

    @app.post("/mcp")
    async def mcp(request: Request) -> dict[str, Any]:
        value = tools[request.params.name](**request.params.arguments)
        text = value.model_dump_json() if isinstance(value, BaseModel) else str(value)
        result = {"resultType": "complete", "content": [{"type": "text", "text": text}]}
        return {"jsonrpc": "2.0", "id": request.id, "result": result}

    return Mangum(app, lifespan="off")
