"""Each way in which a template gives a function a front end."""

import textwrap

import pytest

from lambent.cli.local_aws.template import read_template
from lambent.cli.templates.front_ends import FrontEnd, front_ends
from lambent.cli.templates.values import UNKNOWN

STREAMED = (
    "arn:aws:apigateway:${AWS::Region}:lambda:path/2021-11-15/functions/%s/response-streaming-invocations"
)
WHOLE = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/%s/invocations"


def found(tmp_path, resources, parameters="{}"):
    path = tmp_path / "template.yaml"
    indented = textwrap.indent(textwrap.dedent(resources), "  ")
    path.write_text(f"Parameters: {parameters}\nResources:\n{indented}")
    return front_ends(read_template(path))


FUNCTION = """
Shop:
  Type: AWS::Serverless::Function
  Properties: {Runtime: python3.13}
"""


@pytest.mark.parametrize(
    ("given", "front"),
    [
        ("FunctionUrlConfig: {AuthType: NONE}", ("FunctionUrlConfig", "Function URL", None, False)),
        (
            "FunctionUrlConfig: {InvokeMode: RESPONSE_STREAM}",
            ("FunctionUrlConfig", "Function URL", "RESPONSE_STREAM", True),
        ),
        (
            "FunctionUrlConfig: {InvokeMode: !If [Streams, RESPONSE_STREAM, BUFFERED]}",
            ("FunctionUrlConfig", "Function URL", UNKNOWN, None),
        ),
        ("Events: {Mcp: {Type: HttpApi}}", ("Mcp", "HTTP API", None, False)),
        ("Events: {Mcp: {Type: Api, Properties: {Path: /mcp}}}", ("Mcp", "REST API", None, False)),
        (
            "Events: {Mcp: {Type: Api, Properties: {ResponseTransferMode: RESPONSE_STREAM}}}",
            ("Mcp", "REST API", "RESPONSE_STREAM", True),
        ),
        (
            "Events: {Mcp: {Type: Api, Properties: {ResponseTransferMode: STREAM}}}",
            ("Mcp", "REST API", "STREAM", False),
        ),
    ],
)
def test_those_of_sam(tmp_path, given, front):
    (one,) = found(tmp_path, FUNCTION.replace("Runtime: python3.13", given))
    assert one == FrontEnd("Shop", *front)


def test_what_is_no_front_end(tmp_path):
    events = "Events: {Tasks: {Type: SQS}, Sweep: {Type: Schedule}}"
    assert found(tmp_path, FUNCTION.replace("Runtime: python3.13", events)) == []


def test_the_time_limit_of_an_event_of_sam(tmp_path):
    event = "Events: {Mcp: {Type: Api, Properties: {TimeoutInMillis: 60000}}}"
    (one,) = found(tmp_path, FUNCTION.replace("Runtime: python3.13", event))
    assert one.seconds == 60


@pytest.mark.parametrize("target", ["!Ref Shop", "!GetAtt Shop.Arn", "!Ref ShopAliaslive"])
def test_urls(tmp_path, target):
    url = f"""
    Url:
      Type: AWS::Lambda::Url
      Properties: {{TargetFunctionArn: {target}, InvokeMode: RESPONSE_STREAM}}
    """
    (one,) = found(tmp_path, FUNCTION + textwrap.dedent(url))
    assert one == FrontEnd("Shop", "Url", "Function URL", "RESPONSE_STREAM", True)


@pytest.mark.parametrize(
    ("mode", "uri", "seconds", "front"),
    [
        ("STREAM", STREAMED, 900000, ("STREAM", True, True, 900)),
        ("STREAM", WHOLE, 29000, ("STREAM", True, False, 29)),
        ("BUFFERED", STREAMED, 29000, ("BUFFERED", False, True, 29)),
        ("!Ref Mode", STREAMED, "!Ref Milliseconds", (UNKNOWN, None, True, None)),
    ],
)
def test_methods_and_openapi_documents(tmp_path, mode, uri, seconds, front):
    apis = f"""
    Any:
      Type: AWS::ApiGateway::Method
      Properties:
        Integration: {{ResponseTransferMode: {mode}, TimeoutInMillis: {seconds}, Uri: !Sub "{uri}"}}
    Plain:
      Type: AWS::ApiGateway::RestApi
      Properties:
        Body: &document
          paths:
            /mcp:
              parameters: []
              post:
                x-amazon-apigateway-integration:
                  {{responseTransferMode: {mode}, timeoutInMillis: {seconds}, uri: !Sub "{uri}"}}
    OfSam:
      Type: AWS::Serverless::Api
      Properties:
        DefinitionBody: *document
    """
    apis = textwrap.dedent(apis).replace("%s", "${Shop.Arn}")
    parameters = "{Mode: {Type: String}, Milliseconds: {Type: Number}}"
    fronts = found(tmp_path, FUNCTION + apis, parameters)
    names = ["Any", "OfSam post /mcp", "Plain post /mcp"]
    assert sorted(one.name for one in fronts) == names
    assert [one[3:] for one in fronts] == [front] * 3
    assert {(one.function, one.kind) for one in fronts} == {("Shop", "REST API")}


def test_an_event_of_an_api_with_a_document_says_nothing(tmp_path):
    events = "Events: {Mcp: {Type: Api, Properties: {RestApiId: !Ref Described}}}"
    apis = """
    Described:
      Type: AWS::Serverless::Api
      Properties:
        DefinitionBody:
          paths: {/mcp: {post: {x-amazon-apigateway-integration: {uri: !Ref Shop}}}}
    """
    fronts = found(tmp_path, FUNCTION.replace("Runtime: python3.13", events) + textwrap.dedent(apis))
    assert [one.name for one in fronts] == ["Described post /mcp"]
    undescribed = textwrap.dedent(apis).partition("  Properties:")[0]
    fronts = found(tmp_path, FUNCTION.replace("Runtime: python3.13", events) + undescribed)
    assert [one.name for one in fronts] == ["Mcp"]


def test_those_that_never_stream(tmp_path):
    others = """
    Integration:
      Type: AWS::ApiGatewayV2::Integration
      Properties: {IntegrationUri: !GetAtt Shop.Arn}
    Targets:
      Type: AWS::ElasticLoadBalancingV2::TargetGroup
      Properties: {TargetType: lambda, Targets: [{Id: !GetAtt Shop.Arn}]}
    Mock:
      Type: AWS::ApiGateway::Method
      Properties: {HttpMethod: OPTIONS, Integration: {Type: MOCK}}
    """
    fronts = found(tmp_path, FUNCTION + textwrap.dedent(others))
    assert [(one.name, one.kind, one.streams) for one in fronts] == [
        ("Integration", "HTTP API", False),
        ("Targets", "load balancer", False),
    ]
