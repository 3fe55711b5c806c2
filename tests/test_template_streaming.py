"""Functions stream where their front ends do, and only there: a rule of all templates, and what breaks it.

An event does not say whether its response may be a stream, so function and front end have to agree.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.hosts.aws_lambda.test_streamed_questions import (
    NO_TIME,
    asking,
    call,
    environment,
    euros,
    respond,
    resume,
)
from tests.legacy import LegacyClient
from tests.test_template import ROOT, TEMPLATE, VARIANTS, App, variables

from lambent.cli.local_aws.template import Template, read_template
from lambent.execution.ports import Item
from lambent.execution.rounds import legacy_questions
from lambent.stores.memory import MemoryStore

STREAMING = ROOT / "deploy" / "streaming" / "template.yaml"
TEMPLATES = [TEMPLATE, ROOT / "functions" / "hello" / "template.yaml", *VARIANTS]
URI = "lambda:path/2021-11-15/functions/${Arn}/response-streaming-invocations"
LONGEST = 900
"""Seconds that a stream may take, behind a function URL and behind a REST API."""


def streams(app: App) -> Iterator[tuple[str, str, bool]]:
    """Function and name of each front end that a function has, and whether it passes on streams."""
    for name, function in app.functions.items():
        if "FunctionUrlConfig" in function:
            yield name, name, function["FunctionUrlConfig"].get("InvokeMode") == "RESPONSE_STREAM"
        for event, given in (function.get("Events") or {}).items():
            if given["Type"] in {"Api", "HttpApi"}:
                yield name, event, given["Properties"].get("ResponseTransferMode") == "RESPONSE_STREAM"
    for name, url in app.of("AWS::Lambda::Url").items():
        yield url["TargetFunctionArn"]["Ref"], name, url.get("InvokeMode") == "RESPONSE_STREAM"
    for name, method in app.of("AWS::ApiGateway::Method").items():
        integration = method["Integration"]
        function = integration["Uri"]["Fn::Sub"][1]["Arn"]["Fn::GetAtt"].partition(".")[0]
        yield function, name, integration.get("ResponseTransferMode") == "STREAM"


def mistakes(app: App) -> Iterator[str]:
    """A sentence for every function and front end that do not agree."""
    fronts = list(streams(app))
    for name, function in app.functions.items():
        told = variables(function)
        mode, wrapper = told.get("LAMBENT_RESPONSE_MODE") == "stream", "AWS_LAMBDA_EXEC_WRAPPER" in told
        layers = [layer.get("Ref") for layer in function.get("Layers", ())]
        own = [(front, is_stream) for function, front, is_stream in fronts if function == name]
        if mode and not any(is_stream for _, is_stream in own):
            yield f"{name} streams to nobody"
        for front, is_stream in own:
            if is_stream is not mode:
                yield f"{front} and {name} do not agree"
        if wrapper is not mode or ("StreamingLayer" in layers) is not mode:
            yield f"{name} has what streams without streaming, or the other way round"
        if mode and told.get("AWS_LAMBDA_EXEC_WRAPPER") != "/opt/lambent-runtime":
            yield f"{name}: Lambda starts something else"
    for name, method in app.of("AWS::ApiGateway::Method").items():
        integration = method["Integration"]
        is_stream = integration.get("ResponseTransferMode") == "STREAM"
        if is_stream is not integration["Uri"]["Fn::Sub"][0].endswith(URI):
            yield f"{name}: the URI is of the other mode"
        if is_stream and integration.get("TimeoutInMillis") != LONGEST * 1000:
            yield f"{name} ends streams before the function does"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_functions_stream_where_their_front_ends_do(path: Any) -> None:
    assert list(mistakes(App(read_template(path)))) == []


def test_one_of_two_front_ends_is_made_and_both_may_call_the_function() -> None:
    app = App(read_template(STREAMING))
    conditions = app.template.document["Conditions"]
    assert conditions["HasRestApi"] == {"Fn::Equals": [{"Ref": "RestApi"}, "true"]}
    assert conditions["HasFunctionUrl"] == {"Fn::Equals": [{"Ref": "RestApi"}, "false"]}
    made = {name: one.get("Condition") for name, one in app.template.resources.items()}
    fronts = [name for name in made if name.startswith(("FunctionUrl", "Api", "Any"))]
    assert len(fronts) == 9
    assert {made[name] for name in fronts} == {"HasFunctionUrl", "HasRestApi"}
    allowed = [
        (one["Principal"], one["Action"], sorted(set(one) - {"FunctionName", "Principal", "Action"}))
        for one in app.of("AWS::Lambda::Permission").values()
    ]
    assert allowed == [
        ("*", "lambda:InvokeFunctionUrl", ["FunctionUrlAuthType"]),
        ("*", "lambda:InvokeFunction", ["InvokedViaFunctionUrl"]),
        ("apigateway.amazonaws.com", "lambda:InvokeFunction", ["SourceArn"]),
    ]


def test_no_invocation_is_longer_than_a_stream_may_be() -> None:
    app = App(read_template(STREAMING))
    parameter = app.template.document["Parameters"]["Timeout"]
    assert app.functions["ReportsFunction"]["Timeout"] == {"Ref": "Timeout"}
    assert parameter["MinValue"] <= parameter["Default"] <= parameter["MaxValue"] == LONGEST


class RecordingStore(MemoryStore):
    """Knows the keys of the items that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def insert(self, item: Item) -> bool:
        self.keys.add(item.key)
        return super().insert(item)

    def read(self, key: str) -> Item | None:
        self.keys.add(key)
        return super().read(key)

    def replace(self, item: Item) -> bool:
        self.keys.add(item.key)
        return super().replace(item)

    def remove(self, key: str, version: int) -> bool:
        self.keys.add(key)
        return super().remove(key, version)


def test_the_role_may_use_what_questions_are_kept_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator knows no conditions on keys, so no deployed stack shows that one is missing.

    The call is large: what is to be resumed does not fit into a header.
    """
    monkeypatch.setattr(legacy_questions, "_LOOK_SECONDS", 0.02)
    store = RecordingStore()
    first, second = (environment(asking(), store) for _ in range(2))
    client = LegacyClient(lambda: second)
    large = call(client)
    padding = f'"padding":"{random.Random(0).randbytes(10_000).hex()}"'  # does not get small when compressed
    large = large._replace(body=str(large.body).replace('"progressToken"', f'{padding},"progressToken"'))
    stream = respond(first, large, NO_TIME)
    client.answer(stream.questions[0], euros(5))
    assert respond(second, resume(client, stream.event_id)).text == "accept 5"
    first.close()
    second.close()
    statements = App(read_template(STREAMING)).statements("ReportsRole")
    (items,) = [one for one in statements if one["Sid"] == "Items"]
    allowed = items["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert {f"{key.partition('#')[0]}#*" for key in store.keys} == set(allowed)


FUNCTION = ("ReportsFunction", "Environment", "Variables")
METHOD = ("AnyMethod", "Integration")
BUFFERED = "lambda:path/2015-03-31/functions/${Arn}/invocations"


@pytest.mark.parametrize(
    ("path", "where", "value"),
    [
        (STREAMING, (*FUNCTION, "LAMBENT_RESPONSE_MODE"), "buffered"),
        (STREAMING, (*FUNCTION, "LAMBENT_RESPONSE_MODE"), None),
        (STREAMING, (*FUNCTION, "AWS_LAMBDA_EXEC_WRAPPER"), None),
        (STREAMING, (*FUNCTION, "AWS_LAMBDA_EXEC_WRAPPER"), "/opt/bootstrap"),
        (STREAMING, ("ReportsFunction", "Layers"), None),
        (STREAMING, ("FunctionUrl", "InvokeMode"), "BUFFERED"),
        (STREAMING, ("FunctionUrl", "InvokeMode"), None),
        (STREAMING, (*METHOD, "ResponseTransferMode"), None),
        (STREAMING, (*METHOD, "Uri", "Fn::Sub", 0), BUFFERED),
        (STREAMING, (*METHOD, "TimeoutInMillis"), 29000),
        (TEMPLATE, ("OrdersFunction", "Environment", "Variables", "LAMBENT_RESPONSE_MODE"), "stream"),
        (TEMPLATE, ("OrdersFunction", "Layers"), [{"Ref": "StreamingLayer"}]),
    ],
)
def test_mistakes_are_found(path: Any, where: tuple[Any, ...], value: Any) -> None:
    template = read_template(path)
    document = copy.deepcopy(dict(template.document))
    name, *steps, last = where
    place = document["Resources"][name]["Properties"]
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    assert json.dumps(document) != json.dumps(template.document)
    assert list(mistakes(App(Template(path, document))))
