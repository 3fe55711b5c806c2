from pathlib import Path

import pytest

# A function that takes messages, told by the text of each what to do. It writes down every event.
APP = """
import json, os, time
from pathlib import Path

EVENTS = Path(__file__).parent / "events.txt"
if os.environ.get("TEST_FIFO"):
    # Never closed: whoever reads the other end learns when the last process is gone.
    FIFO = os.open(os.environ["TEST_FIFO"], os.O_WRONLY)


def handler(event, context):
    if "Records" not in event:
        return {"statusCode": 200, "body": json.dumps({"variables": dict(os.environ), "pid": os.getpid()})}
    with EVENTS.open("a") as events:
        events.write(json.dumps({
            "pid": os.getpid(),
            "remaining": context.get_remaining_time_in_millis(),
            "records": event["Records"],
        }) + "\\n")
    failures = []
    for record in event["Records"]:
        first = record["attributes"]["ApproximateReceiveCount"] == "1"
        from_dead_letters = "Dead" in record["eventSourceARN"]
        body = record["body"]
        if body == "fail always" and not from_dead_letters or body == "fail once" and first:
            failures.append({"itemIdentifier": record["messageId"]})
        if body == "hang once" and first:
            time.sleep(600)
        if body == "exit once" and first:
            os._exit(3)
        if body == "raise once" and first:
            raise ValueError("no")
    return {"batchItemFailures": failures}
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: purge_at, Enabled: true}
      SSESpecification: {SSEEnabled: true}
  Tasks:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      SqsManagedSseEnabled: true
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadTasks.Arn, maxReceiveCount: 2}
  DeadTasks:
    Type: AWS::SQS::Queue
  Bucket:
    Type: AWS::S3::Bucket
  Other:
    Type: AWS::SQS::Queue
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: app
      Handler: app.handler
      Timeout: 7
      Environment:
        Variables:
          LAMBENT_TABLE: !Ref Table
          LAMBENT_TASK_QUEUE_URL: !Ref Tasks
          LAMBENT_BUCKET: !Ref Bucket
      Events:
        Tasks:
          Type: SQS
          Properties:
            Queue: !GetAtt Tasks.Arn
            BatchSize: 2
            FunctionResponseTypes: [ReportBatchItemFailures]
        DeadTasks:
          Type: SQS
          Properties: {Queue: !GetAtt DeadTasks.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}
        Others:
          Type: SQS
          Properties: {Queue: !GetAtt Other.Arn}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template above the folder of the app."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture
def queue_app(app, template):
    """An app that takes messages, and is in the template."""
    app.file.write_text(APP)
    return app
