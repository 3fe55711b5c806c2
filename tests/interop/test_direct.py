"""Clients of the official SDK that invoke a function, by boto3 and by aiobotocore."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.interop import install
from tests.interop.clients import DRIVERS, Driver, Outcome
from tests.interop.talks import Talk, call, text
from tests.interop.test_lists import TOOLS
from tests.interop.test_prompts import LETTER
from tests.support import SETTINGS

from lambent import DeclarationWarning

RUNTIME = Path(__file__).parents[2] / "runtime"
SCRIPTS = {"direct-1": "client_python_1.py", "direct-2": "client_python.py"}
TALKS = {
    "2-modern": ("direct-2", "modern", "lambda:shop"),
    "2-legacy": ("direct-2", "legacy", "lambda:shop"),
    "2-async": ("direct-2", "modern", "lambda+async:shop"),
    "1": ("direct-1", "default", "lambda:shop"),
}
SESSION = (
    {"do": "discover"},
    {"do": "all_of", "kind": "tools"},
    call("greet", {"name": "Zoë"}),
    call("divide", {"dividend": 1, "divisor": 0}),
    call("nothing"),
    call("countdown", {"start": 2}, progress=True),
    {"do": "read", "uri": "interop://cities/graz/people/7"},
    {"do": "prompt", "name": "letter", "arguments": {"name": "Zoë", "tone": "courteous"}},
    {"do": "complete", "ref": LETTER, "argument": {"name": "tone", "value": "co"}, "settled": None},
)


@pytest.fixture(scope="module")
def connect(folder: Path) -> Iterator[Callable[[str], Driver]]:
    """Clients by the names of their environments; all of them know the function."""
    pytest.importorskip("awslambdaric")  # for Linux only
    from tests.interop.lambda_api import lambda_api

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeclarationWarning)  # of a name that is not ASCII
        from tests.interop.server import mcp
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PYTHONPATH": os.fspath(RUNTIME),
    }

    with ExitStack() as stack:
        handler = mcp.lambda_handler(SETTINGS)
        stack.callback(handler.close)
        address = stack.enter_context(lambda_api({"shop": handler, "no-server": lambda event, context: {}}))

        def make(name: str) -> Driver:
            command = [str(install.python(name)), str(DRIVERS / SCRIPTS[name])]
            return Driver(command, folder / f"{name}.log", {**variables, "AWS_ENDPOINT_URL": address})

        yield cache(lambda name: stack.enter_context(closing(make(name))))


@pytest.fixture(params=TALKS.values(), ids=TALKS.keys())
def direct(request: pytest.FixtureRequest, connect: Callable[[str], Driver]) -> Talk:
    """Talks by invocations."""
    name, era, server = request.param
    return Talk(name, connect(name), server, era)


def test_a_session_of_invocations(direct: Talk) -> None:
    outcomes = iter(direct.value("batch", tasks=SESSION))

    def value() -> Any:
        outcome: Outcome = next(outcomes)
        assert "error" not in outcome, outcome["error"]
        return outcome["value"]

    found = value()
    assert found["serverInfo"]["name"] == "lambent-interop"
    versions = {"modern": "2026-07-28", "legacy": "2025-11-25", "default": "2025-03-26"}
    assert found["protocol"] == versions[direct.era]
    assert [tool["name"] for tool in value()] == TOOLS
    assert text(value()) == "Hello, Zoë!"
    failed = value()
    assert failed["result"]["isError"] is True
    assert text(failed) == "Error executing tool divide: Nothing can be divided by zero"
    outcome = next(outcomes)
    assert outcome["error"]["message"] == "Unknown tool: nothing"
    counted = value()
    assert (text(counted), counted["reports"]) == ("Lift-off", [])  # the answer is one message
    assert value()[0]["uri"] == "interop://cities/graz/people/7"
    assert "Zoë" in value()["messages"][0]["content"]["text"]
    assert value()["values"] == ["cold", "courteous"]


def test_a_question_is_asked_in_the_modern_era_alone(direct: Talk) -> None:
    # The first releases know no questions.
    answers = {} if direct.era == "default" else {"elicitation": {"euros": 5, "sure": True}}
    called = direct.value(**call("refund", {"order": "A-1"}, answers=answers))
    if direct.era == "modern":
        assert text(called) == "5 euros of A-1 in 1 process(es)"
        assert len(called["asked"]) == 2
    else:
        assert called["result"]["isError"] is True
        assert "elicitation" in text(called)


@pytest.mark.parametrize("server", ["lambda:no-server", "lambda:nobody"])
def test_a_function_that_does_not_answer(direct: Talk, server: str) -> None:
    talk = Talk(direct.client, direct.driver, server, direct.era)
    assert "The function" in str(talk.error("discover"))
