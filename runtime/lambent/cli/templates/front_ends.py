"""The front ends that a template gives its functions, and what each does with a response.

https://docs.aws.amazon.com/lambda/latest/dg/config-rs-invoke-furls.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from lambent.cli.local_aws.template import Template
from lambent.cli.templates.values import UNKNOWN, number_of, references, value_of

FUNCTIONS: Final = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_INTEGRATION: Final = "x-amazon-apigateway-integration"
_STREAMING_URI: Final = ("2021-11-15", "response-streaming-invocations")

Kind = Literal["Function URL", "REST API", "HTTP API", "load balancer"]


class FrontEnd(NamedTuple):
    """What passes requests on to a function, and responses to clients.

    Attributes:
        function: The logical id of the function.
        name: The logical id of the front end, or what the function calls it; in an OpenAPI document with
            method and path.
        kind: What it is.
        mode: What the template says of its responses; None where it says nothing, ``UNKNOWN`` where that
            depends on parameters.
        streams: Whether that means streams; None where it is not known.
        has_streaming_uri: Whether the integration invokes the function for a stream; None where the template
            has no URI.
        seconds: How long it waits for the end of a response, where the template says so.
    """

    function: str
    name: str
    kind: Kind
    mode: Any = None
    streams: bool | None = False
    has_streaming_uri: bool | None = None
    seconds: float | None = None


def front_ends(template: Template) -> list[FrontEnd]:
    """All front ends of all functions, whatever their conditions.

    Args:
        template: The template.
    """
    return [
        *_of_functions(template),
        *_urls(template),
        *_methods(template),
        *_documents(template),
        *_others(template),
    ]


def _of_functions(template: Template) -> Iterator[FrontEnd]:
    for name in template.of_type("AWS::Serverless::Function"):
        properties = template.properties(name)
        if isinstance(url := properties.get("FunctionUrlConfig"), Mapping):
            yield _url(template, name, "FunctionUrlConfig", url.get("InvokeMode"))
        for event, given in (properties.get("Events") or {}).items():
            more = given.get("Properties") or {}
            if given.get("Type") == "Api" and not _has_document(template, more.get("RestApiId")):
                mode = value_of(template, more.get("ResponseTransferMode"))
                # SAM's own word for it: it takes any other for BUFFERED.
                streams = None if mode is UNKNOWN else mode == "RESPONSE_STREAM"
                seconds = _seconds(template, more.get("TimeoutInMillis"))
                yield FrontEnd(name, event, "REST API", mode, streams, seconds=seconds)
            elif given.get("Type") == "HttpApi":
                yield FrontEnd(name, event, "HTTP API")


def _has_document(template: Template, api: Any) -> bool:
    """Whether an API has an OpenAPI document: what that says of a method is what counts."""
    names = set(references(api)) & set(template.resources)
    return any({"DefinitionBody", "DefinitionUri"} & set(template.properties(name)) for name in names)


def _urls(template: Template) -> Iterator[FrontEnd]:
    for url in template.of_type("AWS::Lambda::Url"):
        properties = template.properties(url)
        for function in _functions_in(template, properties.get("TargetFunctionArn")):
            yield _url(template, function, url, properties.get("InvokeMode"))


def _url(template: Template, function: str, name: str, given: Any) -> FrontEnd:
    mode = value_of(template, given)
    return FrontEnd(
        function, name, "Function URL", mode, None if mode is UNKNOWN else mode == "RESPONSE_STREAM"
    )


def _methods(template: Template) -> Iterator[FrontEnd]:
    for method in template.of_type("AWS::ApiGateway::Method"):
        integration = template.properties(method).get("Integration") or {}
        camel = {name[:1].lower() + name[1:]: value for name, value in integration.items()}
        yield from _integration(template, method, camel)


def _documents(template: Template) -> Iterator[FrontEnd]:
    """Methods in the OpenAPI documents of REST APIs that the template has."""
    for api in template.of_type("AWS::Serverless::Api", "AWS::ApiGateway::RestApi"):
        properties = template.properties(api)
        document = properties.get("DefinitionBody", properties.get("Body"))
        paths = document.get("paths") if isinstance(document, Mapping) else None
        for path, methods in paths.items() if isinstance(paths, Mapping) else ():
            for method, operation in methods.items() if isinstance(methods, Mapping) else ():
                integration = operation.get(_INTEGRATION) if isinstance(operation, Mapping) else None
                if isinstance(integration, Mapping):
                    yield from _integration(template, f"{api} {method} {path}", integration)


def _integration(template: Template, name: str, integration: Mapping[str, Any]) -> Iterator[FrontEnd]:
    mode, uri = value_of(template, integration.get("responseTransferMode")), integration.get("uri")
    text = json.dumps(uri, default=str)
    for function in _functions_in(template, uri):
        yield FrontEnd(
            function,
            name,
            "REST API",
            mode,
            None if mode is UNKNOWN else mode == "STREAM",
            all(part in text for part in _STREAMING_URI),
            _seconds(template, integration.get("timeoutInMillis")),
        )


def _others(template: Template) -> Iterator[FrontEnd]:
    """Those that cannot stream."""
    for name in template.of_type("AWS::ApiGatewayV2::Integration"):
        for function in _functions_in(template, template.properties(name).get("IntegrationUri")):
            yield FrontEnd(function, name, "HTTP API")
    for name in template.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"):
        for function in _functions_in(template, template.properties(name).get("Targets")):
            yield FrontEnd(function, name, "load balancer")


def _functions_in(template: Template, expression: Any) -> list[str]:
    """The functions that an expression refers to, by their aliases too."""
    names = set(references(expression))
    return [
        function
        for function in template.of_type(*FUNCTIONS)
        if any(name == function or name.startswith(f"{function}Alias") for name in names)
    ]


def _seconds(template: Template, milliseconds: Any) -> float | None:
    found = number_of(template, milliseconds)
    return None if found is None else found / 1000
