"""What is changed of a template before MiniStack gets it; what is done afterwards is tested by deploys."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambent.cli.local_aws.bridges import rewrite
from lambent.cli.local_aws.template import read_template

TEMPLATE = """
Globals:
  Function: {Environment: {Variables: {LAMBENT_PAGE: "off"}}}
Parameters:
  Most: {Type: Number, Default: 20}
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
  Rotation:
    Type: AWS::SecretsManager::RotationSchedule
  Sum:
    Type: AWS::CloudWatch::Alarm
    Properties: {Metrics: [{Expression: a + b}]}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {MetricName: Errors}
  Cards:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: Cards}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [!Ref Cards]
      Environment: {Variables: {CARDS: /opt/cards.json, SECRET: !Ref Secret}}
      Events:
        Tasks: {Type: SQS, Properties: {ScalingConfig: {MaximumConcurrency: !Ref Most}}}
  Delivering:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {LAMBENT_EVENTS_QUEUE_URL: !Ref Queue}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - {Effect: Allow, Action: "sqs:SendMessage"}
              - {Effect: Allow, Action: ["sqs:GetQueueUrl", "sqs:SendMessage"]}
              - {Effect: Deny, Action: "sqs:SendMessage"}
              - {Effect: Allow, Action: "sqs:ReceiveMessage"}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      PolicyDocument:
        Statement:
          - {Sid: Encrypted, Effect: Deny, Condition: {Bool: {"aws:SecureTransport": "false"}}}
          - {Sid: Cards, Effect: Allow}
"""


def rewritten(folder: Path, *, encrypted: bool) -> dict[str, Any]:
    built = folder / "template.yaml"
    built.write_text(TEMPLATE)
    (folder / "Cards").mkdir()
    (folder / "Cards" / "cards.json").write_text("[]")
    path = rewrite(read_template(built), built, encrypted=encrypted)
    assert path.parent == folder
    resources: dict[str, Any] = json.loads(path.read_text())["Resources"]
    return resources


def test_what_is_refused_is_left_out(tmp_path: Path) -> None:
    found = rewritten(tmp_path, encrypted=True)
    assert {"Rotation", "Sum"} & set(found) == set()
    assert "Alarm" in found


def test_references_become_what_they_are_in_aws(tmp_path: Path) -> None:
    function = rewritten(tmp_path, encrypted=True)["Function"]["Properties"]
    assert function["Environment"]["Variables"] == {
        "CARDS": str(tmp_path / "Cards" / "cards.json"),
        "SECRET": {"Fn::GetAtt": ["Secret", "Id"]},
    }
    assert function["Events"]["Tasks"]["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 20}


@pytest.mark.parametrize(("encrypted", "kept"), [(True, ["Encrypted", "Cards"]), (False, ["Cards"])])
def test_encryption_is_asked_for_where_there_is_any(tmp_path: Path, encrypted: bool, kept: list[str]) -> None:
    policy = rewritten(tmp_path, encrypted=encrypted)["Policy"]["Properties"]["PolicyDocument"]
    assert [statement["Sid"] for statement in policy["Statement"]] == kept


def test_functions_with_deliveries_reach_endpoints_on_this_machine(tmp_path: Path) -> None:
    function = rewritten(tmp_path, encrypted=True)["Delivering"]["Properties"]
    assert function["Environment"]["Variables"] == {
        "LAMBENT_EVENTS_QUEUE_URL": {"Ref": "Queue"},
        "LAMBENT_EVENTS_LOCAL_CALLBACKS": "true",
    }


def test_who_may_send_a_message_may_send_several(tmp_path: Path) -> None:
    (role,) = rewritten(tmp_path, encrypted=True)["Role"]["Properties"]["Policies"]
    assert [one["Action"] for one in role["PolicyDocument"]["Statement"]] == [
        ["sqs:SendMessage", "sqs:SendMessageBatch"],
        ["sqs:GetQueueUrl", "sqs:SendMessage", "sqs:SendMessageBatch"],
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
    ]


def test_deliveries_for_all_functions_reach_endpoints_on_this_machine(tmp_path: Path) -> None:
    built = tmp_path / "template.yaml"
    built.write_text("""
Globals:
  Function: {Environment: {Variables: {LAMBENT_EVENTS_QUEUE_URL: !Ref Queue}}}
Resources:
  Server:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler}
""")
    server = json.loads(rewrite(read_template(built), built).read_text())["Resources"]["Server"]["Properties"]
    assert server["Environment"] == {"Variables": {"LAMBENT_EVENTS_LOCAL_CALLBACKS": "true"}}


def test_front_ends_wait_for_no_stream(tmp_path: Path) -> None:
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/%s/functions/${Server.Arn}/%s"
    streamed, buffered = ("2021-11-15", "response-streaming-invocations"), ("2015-03-31", "invocations")
    built = tmp_path / "template.yaml"
    built.write_text(f"""
Resources:
  Server:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig: {{AuthType: NONE, InvokeMode: RESPONSE_STREAM}}
      Events:
        Mcp: {{Type: Api, Properties: {{Path: /mcp, Method: ANY, ResponseTransferMode: RESPONSE_STREAM}}}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      Integration: {{Type: AWS_PROXY, ResponseTransferMode: STREAM, Uri: !Sub "{uri % streamed}"}}
""")
    found = json.loads(rewrite(read_template(built), built).read_text())["Resources"]
    server = found["Server"]["Properties"]
    assert server["FunctionUrlConfig"] == {"AuthType": "NONE"}
    assert server["Events"]["Mcp"]["Properties"] == {"Path": "/mcp", "Method": "ANY"}
    integration = found["Method"]["Properties"]["Integration"]
    assert integration == {"Type": "AWS_PROXY", "Uri": {"Fn::Sub": uri % buffered}}
