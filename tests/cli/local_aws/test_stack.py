from pathlib import Path

import pytest

from lambent.cli.app_ref import AppRef, parse_app
from lambent.cli.local_aws.stack import find_template, read_stack
from lambent.cli.local_aws.template import TemplateError

REPOSITORY = Path(__file__).parents[3]
QUEUE_POLICY = {"deadLetterTargetArn": {"Fn::GetAtt": "DeadTasks.Arn"}, "maxReceiveCount": 2}


@pytest.fixture
def stack(queue_app, template):
    """What the template has for the app, after something in it was replaced."""

    def read(*replacements, app: AppRef | None = None, **options):
        text = template.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        template.write_text(text)
        return read_stack(template, app or parse_app("app.py", queue_app.folder), **options)

    return read


def result(stack):
    """What the one output gives."""
    return stack.document["Outputs"]["Local"]["Value"]["Fn::ToJsonString"]


def resources(stack):
    """The properties of the resources."""
    return {name: resource["Properties"] for name, resource in stack.document["Resources"].items()}


def test_everything_that_the_function_is_told_of(stack, template):
    found = stack()
    assert found.template == template
    assert result(found) == {
        "variables": {
            "LAMBENT_TABLE": {"Ref": "Table"},
            "LAMBENT_TASK_QUEUE_URL": {"Ref": "Tasks"},
            "LAMBENT_BUCKET": {"Ref": "Bucket"},
        },
        "sources": [
            {
                "Queue": {"Fn::GetAtt": "Tasks.Arn"},
                "BatchSize": 2,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "Timeout": 7,
            },
            {
                "Queue": {"Fn::GetAtt": "DeadTasks.Arn"},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "Timeout": 7,
            },
        ],
        "ttl": [[{"Ref": "Table"}, {"AttributeName": "purge_at", "Enabled": True}]],
    }
    assert found.variables == ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL", "LAMBENT_BUCKET")
    # What is referred to comes first.
    assert list(resources(found)) == ["Table", "DeadTasks", "Tasks", "Bucket"]
    assert resources(found)["Tasks"] == {
        "QueueName": "dev-Tasks",
        "VisibilityTimeout": 1,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": QUEUE_POLICY,
    }


def test_parameters_mappings_and_conditions_come_along(stack):
    head = """Parameters:
  Stage: {Type: String, Default: prod}
  Secret: {Type: String}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /image}
Mappings: {Sizes: {small: {memory: 128}}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
  HasSecret: !Not [!Equals [!Ref Secret, ""]]
  HasNoSecret: !Not [!Condition HasSecret]
  HasImage: !Not [!Equals [!Ref Image, ""]]
Resources:
"""
    document = stack(("Resources:\n", head)).document
    assert document["Parameters"] == {"Stage": {"Type": "String", "Default": "prod"}}
    assert document["Mappings"] == {"Sizes": {"small": {"memory": 128}}}
    # A condition cannot be evaluated without the value of a parameter.
    assert list(document["Conditions"]) == ["IsProd", "IsTest"]
    assert set(document) == {
        "Transform", "Parameters", "Mappings", "Conditions", "Resources", "Outputs",
    }  # fmt: skip


def test_what_is_conditional_stays_so(stack):
    head = """Conditions: {IsProd: !Equals [!Ref AWS::Region, eu-west-1]}
Resources:
"""
    found = stack(
        ("Resources:\n", head),
        ("  Table:\n", "  Table:\n    Condition: IsProd\n"),
        ("  Function:\n", "  Function:\n    Condition: IsProd\n"),
    )
    assert found.document["Resources"]["Table"]["Condition"] == "IsProd"
    expressions = [*result(found)["variables"].values(), *result(found)["sources"], *result(found)["ttl"]]
    for expression in expressions:
        condition, value, otherwise = expression["Fn::If"]
        assert (condition, otherwise) == ("IsProd", {"Ref": "AWS::NoValue"})
        assert value


@pytest.mark.parametrize(
    "value",
    ["!Ref Nothing", "!ImportValue other", "!Sub '${Tasks}-${Function.Arn}'", "!If [Nothing, !Ref Table, 1]"],
)
def test_what_is_not_on_this_machine_is_left_out(stack, value):
    found = stack(
        ("LAMBENT_BUCKET: !Ref Bucket", f"LAMBENT_BUCKET: {value}"),
        ("VisibilityTimeout: 1", f"VisibilityTimeout: {value}"),
    )
    assert found.variables == ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL")
    assert "VisibilityTimeout" not in resources(found)["Tasks"]


def test_a_resource_whose_condition_cannot_be_evaluated_is_left_out(stack):
    found = stack(("  Table:\n", "  Table:\n    Condition: Nothing\n"))
    assert found.variables == ("LAMBENT_TASK_QUEUE_URL", "LAMBENT_BUCKET")


def test_a_function_whose_condition_cannot_be_evaluated_is_left_out(stack):
    assert stack(("  Function:\n", "  Function:\n    Condition: Nothing\n")) is None


def test_names_of_the_template_are_kept(stack):
    found = stack(
        ("VisibilityTimeout: 1", "QueueName: !Sub '${AWS::StackName}-mine'"),
        ("Type: AWS::S3::Bucket", "Type: AWS::S3::Bucket\n    Properties: {BucketName: !Ref AWS::AccountId}"),
    )
    assert resources(found)["Tasks"]["QueueName"] == {"Fn::Sub": "${AWS::StackName}-mine"}
    assert resources(found)["Bucket"] == {"BucketName": {"Ref": "AWS::AccountId"}}


def test_names_where_the_template_has_none(stack):
    found = stack(("SqsManagedSseEnabled: true", "FifoQueue: true"))
    assert resources(found)["Table"]["TableName"] == "dev-Table"
    assert resources(found)["DeadTasks"] == {"QueueName": "dev-DeadTasks"}
    assert resources(found)["Bucket"] == {"BucketName": "dev-bucket"}
    # CloudFormation gives it one that ends in ".fifo".
    assert "QueueName" not in resources(found)["Tasks"]


def test_a_simple_table_is_written_out(stack):
    simple = """
  Simple:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: n, Type: Number}}
"""
    found = stack(("Resources:", f"Resources:{simple}"), ("!Ref Table", "!Ref Simple"))
    assert found.document["Resources"]["Simple"] == {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "dev-Simple",
            "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}],
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
        },
    }


@pytest.mark.parametrize("code", ["app", "./app/", "../{0}/app"])
def test_an_app_is_known_by_its_file(stack, template, code):
    assert stack(("CodeUri: app", f"CodeUri: {code.format(template.parent.name)}")) is not None


@pytest.mark.parametrize(
    ("code", "handler"),
    [("CodeUri: .", "Handler: app.app.handler"), ("CodeUri: .", "Handler: app/app.handler")],
)
def test_an_app_may_lie_deeper(stack, code, handler):
    assert stack(("CodeUri: app", code), ("Handler: app.handler", handler)) is not None


def test_an_app_is_known_by_its_module(stack, queue_app):
    assert stack(app=AppRef(queue_app.folder, "app", "handler")) is not None


def test_an_app_may_be_a_package(stack, queue_app):
    (queue_app.folder / "service").mkdir()
    app = AppRef(queue_app.folder, "service", "handler")
    assert stack(("Handler: app.handler", "Handler: service.handler"), app=app) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Handler: app.handler", "Handler: other.handler"),
        ("CodeUri: app", "CodeUri: {Bucket: b, Key: k}"),
        ("CodeUri: app", "InlineCode: x"),
        ("Environment:", "Environ:"),
        ("Type: AWS::Serverless::Function", "Type: AWS::Serverless::Api"),
    ],
)
def test_other_apps_get_nothing(stack, old, new):
    assert stack((old, new)) is None


def test_other_apps_may_get_what_functions_get(stack, tmp_path):
    (tmp_path / "other.py").touch()
    found = stack(app=parse_app("other.py", tmp_path), any_function=True)
    assert "LAMBENT_TABLE" in found.variables


def test_plain_values_are_not_given(stack):
    found = stack(
        ("LAMBENT_TABLE: !Ref Table", "LAMBENT_TABLE: elsewhere"),
        ("LAMBENT_BUCKET: !Ref Bucket", "LAMBENT_BUCKET: !Ref AWS::Region"),
    )
    assert found.variables == ("LAMBENT_TASK_QUEUE_URL",)
    assert list(resources(found)) == ["DeadTasks", "Tasks"]


def test_variables_of_the_app_itself_are_given_too(stack):
    found = stack(("LAMBENT_BUCKET: !Ref Bucket", "REPORTS: !Sub 's3://${Bucket}/reports'"))
    assert result(found)["variables"]["REPORTS"] == {"Fn::Sub": "s3://${Bucket}/reports"}
    assert "Bucket" in resources(found)


def test_a_variable_may_be_excluded(stack):
    found = stack(excluded={"LAMBENT_BUCKET"})
    assert found.variables == ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL")
    assert "Bucket" not in resources(found)


def test_without_a_queue_nothing_is_read(stack):
    found = stack(("          LAMBENT_TASK_QUEUE_URL: !Ref Tasks\n", ""))
    assert result(found)["sources"] == []


def test_sources_may_stand_alone(stack):
    mapping = """Resources:
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Tasks.Arn, FunctionName: !Ref Function, BatchSize: 5}
  Foreign:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: "arn:aws:sqs:eu-west-1:1:q", FunctionName: !Ref Function}
"""
    found = stack(("Resources:\n", mapping), ("Events:", "Occasions:"))
    assert result(found)["sources"] == [{"Queue": {"Fn::GetAtt": "Tasks.Arn"}, "BatchSize": 5, "Timeout": 7}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Variables:", "Variables: []\n        Nothing:"),
        ("Queue: !GetAtt Tasks.Arn", "Topic: !GetAtt Tasks.Arn"),
        ("Events:", "Events: 5\n      Occasions:"),
        (
            "Resources:",
            "Conditions: {A: !Not [!Condition A]}\nResources:\n  Q: {Type: AWS::S3::Bucket, Condition: A}",
        ),
    ],
)
def test_a_template_that_makes_no_sense(stack, old, new):
    with pytest.raises(TemplateError, match="cannot be understood"):
        stack((old, new))


def test_the_nearest_template_is_found(tmp_path):
    inner = tmp_path / "functions" / "orders"
    inner.mkdir(parents=True)
    outer = tmp_path / "template.yml"
    outer.touch()
    assert find_template(inner) == outer
    nearer = inner / "template.yaml"
    nearer.touch()
    assert find_template(inner) == nearer


# The template of this repository.


@pytest.fixture
def reports():
    app = parse_app("functions/reports/app.py", REPOSITORY)
    return read_stack(REPOSITORY / "template.yaml", app)


def test_functions_are_told_of_the_resources_that_they_need(reports):
    assert set(reports.variables) == {
        "LAMBENT_BUCKET", "LAMBENT_STATE_SECRET", "LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL",
    }  # fmt: skip


def test_messages_stay_hidden_for_six_times_as_long_as_a_worker_may_take(reports):
    queues = [one for one in reports.document["Resources"].values() if one["Type"] == "AWS::SQS::Queue"]
    timeout = max(source["Timeout"] for source in result(reports)["sources"])
    assert len(queues) == 2
    assert all(queue["Properties"]["VisibilityTimeout"] >= 6 * timeout for queue in queues)


def test_both_queues_are_read_in_partial_batches(reports):
    sources = result(reports)["sources"]
    assert [source["Queue"]["Fn::GetAtt"] for source in sources] == ["TaskQueue.Arn", "DeadTaskQueue.Arn"]
    assert all(source["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for source in sources)


def test_the_table_forgets(reports):
    assert result(reports)["ttl"] == [[{"Ref": "Table"}, {"AttributeName": "purge_at", "Enabled": True}]]


def test_a_function_without_a_table_needs_no_aws():
    app = parse_app("functions/backoffice/app.py", REPOSITORY)
    assert read_stack(REPOSITORY / "template.yaml", app) is None
