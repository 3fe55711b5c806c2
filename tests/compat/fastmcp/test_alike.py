"""The same servers as with FastMCP 4, and the same answers, which ``original.py`` has recorded."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.compat.fastmcp.original import body, headers, normal
from tests.support import EVERYTHING, SETTINGS, Client, accept, http_api

HERE = Path(__file__).parent
RECORDED: dict[str, Any] = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))

DIFFERENT = {
    ("prompts", 5): "an argument that does not fit is the client's error: -32602",
    ("prompts", 7): "a PromptMessage of the protocol is a message too",
    ("results", 0): "other words in schemas: no format where clients check it by other rules",
    ("templates", 3): "a value that does not fit its type is of no resource",
    ("visibility", 1): "a server without any resource has no method for them",
    ("visibility", 7): "as above",
    ("visibility", 8): "as above",
}
"""What docs/porting.md says is not alike, by server and request."""

NAMES = sorted(path.stem for path in (HERE / "servers").glob("*.py"))


def answers_of(path: Path) -> list[dict[str, Any]]:
    names = runpy.run_path(str(path))
    handler = names["mcp"].lambda_handler(SETTINGS)
    found = []
    for number, (method, params) in enumerate(names.get("REQUESTS", ())):
        sent = headers(method, params, names.get("HEADERS", {}))
        response = handler(http_api(body(method, params, number).decode(), sent), None)
        lines = [line.removeprefix("data: ") for line in response["body"].splitlines()]
        messages = [json.loads(line) for line in lines if line.startswith("{")]
        found.append(normal({"status": response["statusCode"], "messages": messages}))
    handler.close()
    return found


def test_every_server_is_recorded() -> None:
    assert sorted(RECORDED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_alike(name: str) -> None:
    found = answers_of(HERE / "servers" / f"{name}.py")
    expected = RECORDED[name]["answers"]
    assert len(found) == len(expected)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if (name, number) in DIFFERENT:
            assert one != other, f"{number} is alike"
        else:
            assert one == other, f"{number}: {json.dumps(one)}"


def test_questions_are_alike(serve: Callable[..., Client]) -> None:
    names = runpy.run_path(str(HERE / "servers" / "asks.py"))
    client = serve(names["mcp"])
    for (tool, answer), expected in zip(names["ANSWERS"].items(), RECORDED["asks"]["asked"], strict=True):
        first = client.call(tool, capabilities=EVERYTHING)
        [(key, question)] = first.result["inputRequests"].items()
        asked = question["params"]
        assert [{"message": asked["message"], "schema": simple(asked["requestedSchema"])}] == [
            {**one, "schema": simple(one["schema"])} for one in expected["asked"]
        ]
        assert client.answered(tool, {key: accept(**answer)}).text == expected["text"]


def simple(schema: Any) -> Any:
    """A form without the titles of its fields and itself, by which clients show it in other words."""
    if not isinstance(schema, dict):
        return schema
    return {key: simple(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
