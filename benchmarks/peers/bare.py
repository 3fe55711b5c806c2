"""The handler that one would write by hand: json, a dict of functions, no checks. Needs nothing."""

import json


def add(a, b):
    return a + b


def greet(name, excited=False):
    return f"Hello {name}{'!' if excited else '.'}"


def count_lines(lines):
    return sum(1 for line in lines if line)


def build():
    return _handler({"add": add, "greet": greet, "count_lines": count_lines}, [])


def build_many(count):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["a", "b"],
    }
    names = [f"add_{number}" for number in range(count)]
    described = {"description": "Add two numbers and take a note.", "inputSchema": schema}
    return _handler(
        dict.fromkeys(names, lambda a, b, note="": a + b), [{"name": name, **described} for name in names]
    )


def _handler(tools, definitions):
    def handler(event, context):
        message = json.loads(event["body"])
        if message["method"] == "tools/list":
            result = {"resultType": "complete", "tools": definitions}
        else:
            params = message["params"]
            value = tools[params["name"]](**params["arguments"])
            result = {"resultType": "complete", "content": [{"type": "text", "text": str(value)}]}
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}),
        }

    return handler
