"""The rules of the load balancer: calls of tools get to their function, and all else to the router."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.test_template import ROOT, App

from lambent.cli.local_aws.template import read_template

APP = App(read_template(ROOT / "deploy" / "load-balancer" / "template.yaml"))
FUNCTIONS = {"Orders": ROOT / "functions" / "orders", "Greetings": ROOT / "functions" / "hello"}
MOST_VALUES, MOST_WILDCARDS, LONGEST = 5, 6, 128
"""Of the conditions of a rule; of a value."""


def tools_of(folder: Path) -> list[str]:
    """The names of the functions below ``@mcp.tool`` in an application."""
    return [
        node.name
        for node in ast.parse((folder / "app.py").read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(one).startswith("mcp.tool") for one in node.decorator_list)
    ]


def conditions(rule: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each header of a rule."""
    return {
        one["HttpHeaderConfig"]["HttpHeaderName"].lower(): one["HttpHeaderConfig"]["Values"]
        for one in rule["Conditions"]
        if one["Field"] == "http-header"
    }


def target(headers: Mapping[str, str]) -> str:
    """The function that a request with these headers gets to."""
    rules = sorted(
        APP.of("AWS::ElasticLoadBalancingV2::ListenerRule").values(), key=lambda one: one["Priority"]
    )
    (listener,) = APP.of("AWS::ElasticLoadBalancingV2::Listener").values()
    actions = listener["DefaultActions"]
    for rule in rules:
        if all(
            any(matches(value, headers.get(name)) for value in values)
            for name, values in conditions(rule).items()
        ):
            actions = rule["Actions"]
            break
    (action,) = actions
    group = APP.of("AWS::ElasticLoadBalancingV2::TargetGroup")[action["TargetGroupArn"]["Ref"]]
    (registered,) = group["Targets"]
    function: str = registered["Id"]["Fn::GetAtt"].removesuffix("Function.Arn")
    return function


def matches(value: str, given: str | None) -> bool:
    """Whether a header has this value, in upper or lower case; * and ? are wildcards."""
    pattern = re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
    return given is not None and re.fullmatch(pattern, given, re.IGNORECASE) is not None


def test_each_function_has_tools() -> None:
    assert {name: len(tools_of(folder)) for name, folder in FUNCTIONS.items()} == {
        "Orders": 3,
        "Greetings": 1,
    }


@pytest.mark.parametrize(
    ("name", "tool"), [(name, tool) for name, folder in FUNCTIONS.items() for tool in tools_of(folder)]
)
def test_a_call_of_a_tool_gets_to_its_function(name: str, tool: str) -> None:
    assert target({"mcp-method": "tools/call", "mcp-name": tool}) == name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"mcp-method": "tools/list"},
        {"mcp-method": "server/discover"},
        {"mcp-method": "tools/call", "mcp-name": "unknown"},
        {"mcp-method": "tools/call"},
        {"mcp-method": "prompts/get", "mcp-name": "hello"},
        {"mcp-method": "tasks/get", "mcp-name": "orders~1"},
        {"mcp-name": "lookup_order"},
    ],
)
def test_everything_else_gets_to_the_router(headers: Mapping[str, str]) -> None:
    assert target(headers) == "Router"


def test_conditions_keep_the_limits_of_rules() -> None:
    rules = APP.of("AWS::ElasticLoadBalancingV2::ListenerRule")
    assert len({rule["Priority"] for rule in rules.values()}) == len(rules)
    for rule in rules.values():
        values = [value for found in conditions(rule).values() for value in found]
        assert len(values) <= MOST_VALUES
        assert sum(value.count("*") + value.count("?") for value in values) <= MOST_WILDCARDS
        assert all(len(value) <= LONGEST for value in values)


def test_groups_may_invoke_their_function_and_have_all_values_of_headers() -> None:
    groups = APP.of("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert set(groups) == {"RouterTargets", "OrdersTargets", "GreetingsTargets"}
    for name, group in groups.items():
        function = name.removesuffix("Targets")
        assert group["TargetType"] == "lambda"
        assert group["Targets"] == [{"Id": {"Fn::GetAtt": f"{function}Function.Arn"}}]
        assert group["TargetGroupAttributes"] == [
            {"Key": "lambda.multi_value_headers.enabled", "Value": "true"}
        ]
        # Lambda refuses a target that may not be invoked yet.
        permission = APP.template.resources[name]["DependsOn"]
        allowed = APP.of("AWS::Lambda::Permission")[permission]
        assert allowed["FunctionName"] == {"Ref": f"{function}Function"}
        assert allowed["Principal"] == "elasticloadbalancing.amazonaws.com"
        assert "targetgroup/" in str(allowed["SourceArn"])


def test_the_router_waits_longer_than_its_functions_may_take() -> None:
    for path in (
        ROOT / "deploy" / "router" / "template.yaml",
        ROOT / "deploy" / "load-balancer" / "template.yaml",
    ):
        app = App(read_template(path))
        (waiting,) = APP.of("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
        timeouts = {name: one["Timeout"] for name, one in app.functions.items()}
        router = timeouts.pop("RouterFunction")
        assert max(timeouts.values()) < router
        idle = {one["Key"]: one["Value"] for one in waiting["LoadBalancerAttributes"]}
        assert router < int(idle["idle_timeout.timeout_seconds"])
