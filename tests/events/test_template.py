"""The files fit the template: its routes, its custom resource, the functions that the README names."""

import re
from typing import Any

import pytest
from tests.events.conftest import Read
from tests.events.functions import ROOT
from tests.events.test_files import NAMES

from lambent.cli.local_aws.template import read_template

RESOURCES = read_template(ROOT / "template.yaml").resources
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}


def routes() -> set[str]:
    """The keys of the routes, as API Gateway writes them."""
    events: list[dict[str, Any]] = [
        event["Properties"]
        for function in FUNCTIONS.values()
        for event in (function.get("Events") or {}).values()
        if event["Type"] == "HttpApi"
    ]
    return {f"{event['Method'].upper()} {event['Path']}" for event in events}


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("http-api")])
def test_the_route_is_one_of_the_templates(name: str, read: Read) -> None:
    event = read(name.removesuffix(".json"))
    key = event["routeKey"]
    assert key in routes()
    assert event["requestContext"]["routeKey"] == key
    proxied = event.get("pathParameters", {}).get("proxy", "")
    method, path = key.split(" ")
    assert method in ("ANY", event["requestContext"]["http"]["method"])
    assert event["rawPath"] == path.replace("{proxy+}", proxied)


@pytest.mark.parametrize("step", ["create", "update", "delete"])
def test_the_custom_resource_is_the_templates(step: str, read: Read) -> None:
    event = read(f"custom-resource-{step}")
    resource = RESOURCES[event["LogicalResourceId"]]
    assert event["ResourceType"] == resource["Type"]
    given = event["ResourceProperties"]
    assert given.keys() == resource["Properties"].keys()
    plain = {name: value for name, value in resource["Properties"].items() if not isinstance(value, dict)}
    assert plain
    # CloudFormation makes text of what the template says.
    assert {name: given[name] for name in plain} == {
        name: str(value).lower() for name, value in plain.items()
    }


@pytest.mark.parametrize("page", ["events/README.md", "README.md", "docs/hosts.md"])
def test_functions_that_are_named_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\b[A-Z][a-z]+(?:Function|Worker)\b", text))
    assert named <= FUNCTIONS.keys()


def test_every_function_that_takes_files_is_named() -> None:
    text = (ROOT / "events" / "README.md").read_text(encoding="utf-8")
    for name in (
        "OrdersFunction",
        "DeliveryFunction",
        "ReportsFunction",
        "ReportsWorker",
        "CardsFunction",
        "RotationFunction",
    ):
        assert name in text
