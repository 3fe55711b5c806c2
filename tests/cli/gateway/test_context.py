import time

from lambent.cli.gateway.context import LambdaContext
from lambent.cli.gateway.frames import InvocationFrame

VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2020/03/10/[$LATEST]1",
    "AWS_REGION": "eu-west-1",
}


def test_a_context_says_what_lambda_says(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    context = LambdaContext(InvocationFrame("id", 1_002_500, "Root=1"), VARIABLES)
    assert context.function_name == "orders"
    assert context.function_version == "$LATEST"
    assert context.invoked_function_arn == "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    assert context.memory_limit_in_mb == "1024"
    assert context.aws_request_id == "id"
    assert context.log_group_name == "/aws/lambda/orders"
    assert context.log_stream_name == "2020/03/10/[$LATEST]1"
    assert context.client_context is None
    assert context.identity.cognito_identity_id is None
    assert context.get_remaining_time_in_millis() == 2500


def test_what_the_caller_sends_along():
    given = {"custom": {"bedrockAgentCoreToolName": "shop___order"}, "env": {"locale": "de"}}
    context = LambdaContext(InvocationFrame("id", 0, "Root=1"), VARIABLES, given)
    assert context.client_context.custom == {"bedrockAgentCoreToolName": "shop___order"}
    assert context.client_context.env == {"locale": "de"}
    assert context.client_context.client is None


def test_no_time_is_left_after_the_deadline():
    assert LambdaContext(InvocationFrame("id", 0, "Root=1"), VARIABLES).get_remaining_time_in_millis() == 0
