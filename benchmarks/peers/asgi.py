"""An ASGI application written by hand, through Mangum: what the adapter alone costs."""

import json

from mangum import Mangum
from peers.tools import PLAIN


def build():
    tools = {tool.__name__: tool for tool in PLAIN}

    async def app(scope, receive, send):
        message = json.loads((await receive())["body"])
        params = message["params"]
        value = tools[params["name"]](**params["arguments"])
        result = {"resultType": "complete", "content": [{"type": "text", "text": str(value)}]}
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return Mangum(app, lifespan="off")
