from pathlib import Path

import pytest

from lambent.cli.app_ref import AppRef, parse_app
from lambent.cli.local_aws.stack import Resource, Source, find_template, read_stack
from lambent.cli.local_aws.template import Reference, TemplateError

REGION = "eu-west-1"
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def stack(queue_app, template):
    """What the template has for the app, after something in it was replaced."""

    def read(*replacements, app: AppRef | None = None, **options):
        text = template.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        template.write_text(text)
        return read_stack(template, app or parse_app("app.py", queue_app.folder), REGION, **options)

    return read


def test_everything_that_the_function_is_told_of(stack, template):
    found = stack()
    assert found.template == template
    assert found.variables == {
        "LAMBENT_TABLE": "Table",
        "LAMBENT_TASK_QUEUE_URL": "Tasks",
        "LAMBENT_BUCKET": "Bucket",
    }
    assert [(resource.id, resource.name) for resource in found.resources] == [
        ("Table", "dev-Table"),
        ("DeadTasks", "dev-DeadTasks"),
        ("Tasks", "dev-Tasks"),
        ("Bucket", "dev-bucket"),
    ]
    assert found.sources == (Source("Tasks", 2, True), Source("DeadTasks", 10, True))
    assert found.worker_timeout == 7


def test_properties_without_an_effect_are_left_out(stack):
    table, _, tasks, _ = stack().resources
    assert set(table.properties) == {
        "AttributeDefinitions", "BillingMode", "KeySchema", "TimeToLiveSpecification",
    }  # fmt: skip
    assert tasks == Resource(
        "Tasks",
        "AWS::SQS::Queue",
        "dev-Tasks",
        {
            "VisibilityTimeout": 1,
            "RedrivePolicy": {"deadLetterTargetArn": Reference("DeadTasks", "Arn"), "maxReceiveCount": 2},
        },
    )


def test_names_of_the_template_are_kept(stack):
    found = stack(
        ("VisibilityTimeout: 1", "QueueName: !Sub '${AWS::StackName}-mine'"),
        ("Type: AWS::S3::Bucket", "Type: AWS::S3::Bucket\n    Properties: {BucketName: !Ref AWS::AccountId}"),
    )
    assert [resource.name for resource in found.resources][2:] == ["dev-mine", "123456789012"]


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


def test_what_is_no_resource_is_not_created(stack):
    found = stack(
        ("LAMBENT_TABLE: !Ref Table", "LAMBENT_TABLE: elsewhere"),
        ("LAMBENT_BUCKET: !Ref Bucket", "LAMBENT_BUCKET: !Ref Table"),
    )
    assert found.variables == {"LAMBENT_TASK_QUEUE_URL": "Tasks"}
    assert [resource.id for resource in found.resources] == ["DeadTasks", "Tasks"]


def test_without_a_queue_nothing_is_read(stack):
    found = stack(("LAMBENT_TASK_QUEUE_URL", "SOME_QUEUE_URL"))
    assert found.sources == ()
    assert found.worker_timeout is None


def test_a_source_may_be_off(stack):
    found = stack(("BatchSize: 2", "Enabled: false"))
    assert [source.queue for source in found.sources] == ["DeadTasks"]


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
    assert found.sources == (Source("Tasks", 5, False),)
    assert found.worker_timeout == 7


def test_the_timeout_is_lambdas_own_where_none_is_given(stack):
    assert stack(("Timeout: 7", "MemorySize: 128")).worker_timeout == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Variables:", "Variables: []\n        Nothing:"),
        ("BatchSize: 2", "BatchSize: many"),
        ("Queue: !GetAtt Tasks.Arn", "Topic: !GetAtt Tasks.Arn"),
        ("Events:", "Events: 5\n      Occasions:"),
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
    return read_stack(REPOSITORY / "template.yaml", app, REGION)


def test_messages_stay_hidden_for_six_times_as_long_as_a_worker_may_take(reports):
    queues = [resource for resource in reports.resources if resource.type == "AWS::SQS::Queue"]
    assert len(queues) == 2
    assert all(queue.properties["VisibilityTimeout"] >= 6 * reports.worker_timeout for queue in queues)


def test_both_queues_are_read_in_partial_batches(reports):
    assert {source.queue for source in reports.sources} == {"TaskQueue", "DeadTaskQueue"}
    assert all(source.reports_failures for source in reports.sources)


def test_the_table_forgets(reports):
    (table,) = [resource for resource in reports.resources if resource.type == "AWS::DynamoDB::Table"]
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "purge_at", "Enabled": True}


def test_a_function_without_tasks_needs_no_aws():
    app = parse_app("functions/orders/app.py", REPOSITORY)
    assert read_stack(REPOSITORY / "template.yaml", app, REGION) is None
