"""Telemetry by setting: nothing is loaded unless it is on, and what is missing is named."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, make_server

from lambent import Call, ConfigurationError, Outcome, Settings
from lambent.hosts.telemetry import observers_of

Serve = Callable[..., Client]

PROBE = """
import json, sys
from tests.support import Client, make_server
mcp = make_server()
mcp.tool("add")(lambda: "done")
client = Client(mcp.lambda_handler())
assert client.call("add").text == "done"
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(
    ("variable", "value", "libraries"),
    [
        (None, "", set()),
        ("LAMBENT_TRACER", "0", set()),
        ("LAMBENT_METRICS", "Shop", {"aws_lambda_powertools"}),
        ("LAMBENT_OTEL", "1", {"opentelemetry"}),
        ("LAMBENT_TRACER", "1", {"aws_lambda_powertools", "aws_xray_sdk"}),
        ("LAMBENT_CALL_LOG", "1", set()),
    ],
)
def test_only_what_is_on_is_loaded(variable: str | None, value: str, libraries: set[str]) -> None:
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), **({variable: value} if variable else {})}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    known = {"aws_lambda_powertools", "aws_xray_sdk", "opentelemetry"}
    assert loaded & known == libraries
    is_on = variable is not None and value != "0"
    assert ("lambent.hosts.telemetry" in loaded, "lambent.execution.outcome_kinds" in loaded) == (
        is_on,
        is_on,
    )


@pytest.mark.parametrize(
    ("settings", "library", "module", "text"),
    [
        (
            Settings(metrics="Shop"),
            "aws_lambda_powertools.metrics",
            "metrics",
            "LAMBENT_METRICS needs Powertools: install the extra lambent[aws]",
        ),
        (
            Settings(tracer=True),
            "aws_lambda_powertools.tracing",
            "tracer",
            "LAMBENT_TRACER needs Powertools and the X-Ray SDK: install the extra lambent[tracer]",
        ),
        (
            Settings(tracer=True),
            "aws_xray_sdk.core",
            "tracer",
            "LAMBENT_TRACER needs Powertools and the X-Ray SDK: install the extra lambent[tracer]",
        ),
        (
            Settings(otel=True),
            "opentelemetry",
            "otel",
            "LAMBENT_OTEL needs OpenTelemetry: install the extra lambent[otel]",
        ),
    ],
)
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, library: str, module: str, text: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"lambent.hosts.telemetry.{module}", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        make_server().lambda_handler(settings)
    assert str(caught.value) == text


def test_each_setting_is_one_observer() -> None:
    assert observers_of(Settings(), "shop") == ()
    assert len(observers_of(Settings(metrics="Shop", otel=True, call_log=True), "shop")) == 3


def test_a_servers_own_observers_see_how_calls_end(serve: Serve) -> None:
    seen: list[Any] = []

    def observe(call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
        outcome = execute(call)
        seen.append((call.method, call.name, outcome.status))
        return outcome

    def refuse(call: Call, following: Any) -> Any:
        seen.append("middleware")
        return following(call)

    mcp = make_server(observers=[observe], middleware=[refuse])
    mcp.tool("add")(lambda: "done")
    client = serve(mcp)
    assert client.call("add").text == "done"
    client.request("nothing/known")
    assert seen == ["middleware", ("tools/call", "add", 200), "middleware", ("nothing/known", None, 404)]
