"""The handler written by hand, with pydantic to read the arguments."""

import json

from peers.models import MODELS
from pydantic import validate_call


def build():
    tools = {tool.__name__: validate_call(tool) for tool in MODELS}

    def handler(event, context):
        message = json.loads(event["body"])
        params = message["params"]
        value = tools[params["name"]](**params["arguments"])
        text = value.model_dump_json() if hasattr(value, "model_dump_json") else str(value)
        result = {"resultType": "complete", "content": [{"type": "text", "text": text}]}
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}),
        }

    return handler
