"""The shape of the events, by somebody else's account of AWS: Powertools' models and data classes."""

from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import ALBEvent, SecretsManagerEvent
from aws_lambda_powertools.utilities.parser.models import (
    AlbModel,
    APIGatewayProxyEventModel,
    APIGatewayProxyEventV2Model,
    CloudFormationCustomResourceCreateModel,
    CloudFormationCustomResourceDeleteModel,
    CloudFormationCustomResourceUpdateModel,
    DynamoDBStreamModel,
    EventBridgeModel,
    LambdaFunctionUrlModel,
    S3Model,
    SnsModel,
    SqsModel,
)
from pydantic import BaseModel, ValidationError
from tests.events.conftest import Read
from tests.events.test_files import NAMES

MODELS: dict[str, type[BaseModel]] = {
    "http-api": APIGatewayProxyEventV2Model,
    "rest-api": APIGatewayProxyEventModel,
    "function-url": LambdaFunctionUrlModel,
    "alb": AlbModel,
    "sqs": SqsModel,
    "dynamodb": DynamoDBStreamModel,
    "eventbridge": EventBridgeModel,
    "s3": S3Model,
    "sns": SnsModel,
    "custom-resource-create": CloudFormationCustomResourceCreateModel,
    "custom-resource-update": CloudFormationCustomResourceUpdateModel,
    "custom-resource-delete": CloudFormationCustomResourceDeleteModel,
}
BY_OTHER_MEANS = ("agentcore", "direct", "alb-multi-value", "s3-test", "schedule", "secret-rotation")
"""What Powertools has no model of."""

ALL = [name.removesuffix(".json") for name in NAMES]
MODELLED = [name for name in ALL if not name.startswith(BY_OTHER_MEANS)]


def model_of(name: str) -> type[BaseModel]:
    (found,) = (model for prefix, model in MODELS.items() if name.startswith(prefix))
    return found


def unknown(model: BaseModel, given: dict[str, Any], where: str = "") -> Iterator[str]:
    """The fields of an event that a model does not have."""
    names = {field.alias or name: name for name, field in type(model).model_fields.items()}
    for key, value in given.items():
        if key not in names:
            yield where + key
            continue
        inner = getattr(model, names[key])
        pairs = zip(inner, value, strict=True) if isinstance(inner, list) else [(inner, value)]
        for part, raw in pairs:
            if isinstance(part, BaseModel):
                yield from unknown(part, raw, f"{where}{key}.")


@pytest.mark.parametrize("name", MODELLED)
def test_powertools_knows_every_field_and_misses_none(name: str, read: Read) -> None:
    event = read(name)
    assert list(unknown(model_of(name).model_validate(event), event)) == []


@pytest.mark.parametrize("name", MODELLED)
def test_a_field_that_aws_does_not_send_is_found(name: str, read: Read) -> None:
    event = read(name) | {"lambent": 1}
    assert list(unknown(model_of(name).model_validate(event), event)) == ["lambent"]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("http-api-tools-call", "requestContext"),
        ("rest-api-tools-call", "multiValueHeaders"),
        ("function-url-tools-call", "rawPath"),
        ("alb-tools-call", "headers"),
        ("sqs-task", "Records"),
        ("eventbridge", "detail-type"),
        ("sns", "Records"),
        ("s3", "Records"),
        ("dynamodb", "Records"),
        ("custom-resource-create", "ResponseURL"),
        ("custom-resource-update", "LogicalResourceId"),
        ("custom-resource-delete", "StackId"),
    ],
)
def test_a_field_that_is_missing_is_found(name: str, field: str, read: Read) -> None:
    event = read(name)
    del event[field]
    with pytest.raises(ValidationError):
        model_of(name).model_validate(event)


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("alb-multi-value")])
def test_multi_value_headers_take_the_place_of_the_others(name: str, read: Read) -> None:
    event = read(name)
    parsed = ALBEvent(event)
    assert parsed.resolved_headers_field["accept"]
    single = read(name.replace("alb-multi-value", "alb"))
    assert event.keys() ^ single.keys() == {
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    }
    assert all(isinstance(values, list) for values in event["multiValueHeaders"].values())
    assert event["multiValueHeaders"].keys() == single["headers"].keys()


@pytest.mark.parametrize("step", ["create", "set", "test", "finish"])
def test_the_steps_of_a_rotation(step: str, read: Read) -> None:
    event = read(f"secret-rotation-{step}")
    parsed = SecretsManagerEvent(event)
    assert parsed.step == f"{step}Secret"
    assert parsed.secret_id.startswith("arn:aws:secretsmanager:")
    # A version id has 32 to 64 characters.
    assert 32 <= len(parsed.client_request_token) <= 64
    assert event.keys() == {"Step", "SecretId", "ClientRequestToken", "RotationToken"}


def test_every_step_is_about_the_same_version(read: Read) -> None:
    events = [read(name) for name in ALL if name.startswith("secret-rotation")]
    assert len(events) == 4
    assert len({(event["SecretId"], event["ClientRequestToken"]) for event in events}) == 1


def test_an_update_knows_what_was_before(read: Read) -> None:
    created, updated, deleted = (read(f"custom-resource-{step}") for step in ("create", "update", "delete"))
    assert "PhysicalResourceId" not in created
    assert updated["OldResourceProperties"] == created["ResourceProperties"]
    assert updated["OldResourceProperties"]["Content"] != updated["ResourceProperties"]["Content"]
    assert deleted["ResourceProperties"] == updated["ResourceProperties"]
    assert updated["PhysicalResourceId"] == deleted["PhysicalResourceId"]
    # CloudFormation makes text of what the template says.
    assert all(isinstance(value, str) for value in created["ResourceProperties"].values())


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("custom-resource")])
def test_nobody_waits_for_the_answer(name: str, read: Read) -> None:
    """Names under .invalid are guaranteed not to be (RFC 6761): a local run calls nobody."""
    assert read(name)["ResponseURL"].split("/")[2].endswith(".invalid")
