"""What MiniStack does not make of a template, made here: the template itself is for AWS.

Each function says what is missing. A gap that is filled some day makes no difference to what is done here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lambent.cli.local_aws.template import Template

_ROTATION: Final = "AWS::SecretsManager::RotationSchedule"

_STREAMED_DATE: Final = "lambda:path/2021-11-15/functions/", "lambda:path/2015-03-31/functions/"
_STREAMED_ACTION: Final = "/response-streaming-invocations", "/invocations"
"""Of the URIs of integrations that stream, and what they are where they do not."""

Resources = dict[str, dict[str, Any]]
MakeClient = Callable[[str], Any]
"""Makes a boto3 client of a service, or gives one that was made before."""


def rewrite(template: Template, built: Path, *, encrypted: bool = False) -> Path:
    """Write a template that MiniStack can deploy beside the one that was built.

    Args:
        template: what was built.
        built: its file.
        encrypted: whether MiniStack is reached over TLS.

    Returns:
        The file of the other one.
    """
    document = json.loads(json.dumps(template.document, default=str))
    resources: Resources = document["Resources"]
    _without_what_is_refused(resources)
    _with_numbers(document.get("Parameters", {}), resources)
    _with_files_of_layers(template, resources, built.parent)
    _with_local_callbacks(template, resources)
    _with_batches(resources)
    _without_streams(resources)
    if not encrypted:
        _without_demand_for_encryption(resources)
    # Other processes deploy what was built as well.
    path = built.with_name(f"bridged-{os.getpid()}.json")
    text = _with_arns_of_secrets(resources, json.dumps(document))
    path.write_text(text.replace(*_STREAMED_DATE).replace(*_STREAMED_ACTION))
    return path


def complete(template: Template, resources: Mapping[str, str], make_client: MakeClient) -> None:
    """Add to a stack what was lost on the way.

    Args:
        template: what was deployed.
        resources: physical ids by logical ids.
        make_client: makes clients of MiniStack.
    """
    _add_routes(template, resources, make_client)
    _add_time_to_live(template, resources, make_client)


def arn_of_function(make_client: MakeClient, name: str) -> str:
    """The ARN of a function.

    Args:
        make_client: makes clients of MiniStack.
        name: the function's name.
    """
    arn: str = make_client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    return arn


# Before the deploy


def _without_what_is_refused(resources: Resources) -> None:
    # Alarms cannot do sums, and rotation schedules are unknown.
    for name, resource in list(resources.items()):
        if resource["Type"] == _ROTATION or "Metrics" in resource.get("Properties", {}):
            del resources[name]


def _with_numbers(parameters: Resources, resources: Resources) -> None:
    # A parameter stays a string, and a string is no limit for concurrent messages.
    for resource in resources.values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            scaling = event["Properties"].get("ScalingConfig")
            limit = scaling["MaximumConcurrency"] if scaling else None
            if isinstance(limit, dict):
                scaling["MaximumConcurrency"] = int(parameters[limit["Ref"]]["Default"])


def _with_files_of_layers(template: Template, resources: Resources, built: Path) -> None:
    # Layers are on Python's path, and not at /opt: a file of one is found where it was built.
    for name, resource in resources.items():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        for variable, value in variables.items():
            if isinstance(value, str) and value.startswith("/opt/"):
                layers = [built / layer["Ref"] for layer in template.properties(name)["Layers"]]
                files = [layer / value.removeprefix("/opt/") for layer in layers]
                (variables[variable],) = [str(file) for file in files if file.exists()]


def _with_local_callbacks(template: Template, resources: Resources) -> None:
    # Who waits for events is on this machine as well. In AWS no client may name such an address.
    for name in template.of_type("AWS::Serverless::Function", "AWS::Lambda::Function"):
        environment = template.properties(name).get("Environment") or {}
        if "LAMBENT_EVENTS_QUEUE_URL" in environment.get("Variables", {}):
            own = resources[name]["Properties"].setdefault("Environment", {}).setdefault("Variables", {})
            own["LAMBENT_EVENTS_LOCAL_CALLBACKS"] = "true"


def _with_batches(node: Any) -> None:
    # Who may send one message may send several: IAM has no other action for that, and MiniStack asks for one.
    if isinstance(node, dict):
        actions = node.get("Action", [])
        listed = [actions] if isinstance(actions, str) else actions
        if node.get("Effect") == "Allow" and "sqs:SendMessage" in listed:
            node["Action"] = [*listed, "sqs:SendMessageBatch"]
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _with_batches(inner)


def _without_streams(node: Any) -> None:
    # Functions run under MiniStack's own client, which sends a response when it is whole. A front end that
    # waits for a stream would take it for a body.
    if isinstance(node, dict):
        for name in ("InvokeMode", "ResponseTransferMode", "responseTransferMode"):
            node.pop(name, None)
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _without_streams(inner)


def _with_arns_of_secrets(resources: Resources, text: str) -> str:
    # A reference to a secret is its name, and not its ARN.
    for name, resource in resources.items():
        if resource["Type"] == "AWS::SecretsManager::Secret":
            text = text.replace(json.dumps({"Ref": name}), json.dumps({"Fn::GetAtt": [name, "Id"]}))
    return text


def _without_demand_for_encryption(resources: Resources) -> None:
    # Nothing leaves this machine, and there is no certificate for it.
    for resource in resources.values():
        document = resource.get("Properties", {}).get("PolicyDocument", {})
        statements = document.get("Statement")
        if isinstance(statements, list):
            document["Statement"] = [
                statement
                for statement in statements
                if "aws:SecureTransport" not in statement.get("Condition", {}).get("Bool", {})
            ]


# After it


def _add_routes(template: Template, resources: Mapping[str, str], make_client: MakeClient) -> None:
    # The OpenAPI document in which SAM hands over an HTTP API's routes is ignored.
    gateway = make_client("apigatewayv2")
    for name, function, event in _http_events(template):
        api = resources[event["ApiId"]["Ref"] if "ApiId" in event else "ServerlessHttpApi"]
        key = f"{event['Method'].upper()} {event['Path']}"
        if key in {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}:
            continue
        alias = resources.get(f"{name}Alias{function.get('AutoPublishAlias')}")
        integration = gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=alias or arn_of_function(make_client, resources[name]),
            PayloadFormatVersion="2.0",
        )
        gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")


def _http_events(template: Template) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, resource in template.resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            function = template.properties(name)
            for event in (function.get("Events") or {}).values():
                if event["Type"] == "HttpApi":
                    yield name, function, event["Properties"]


def _add_time_to_live(template: Template, resources: Mapping[str, str], make_client: MakeClient) -> None:
    # The template's specification is ignored.
    for name, resource in template.resources.items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            specification = resource["Properties"].get("TimeToLiveSpecification")
            if specification:
                make_client("dynamodb").update_time_to_live(
                    TableName=resources[name], TimeToLiveSpecification=specification
                )
