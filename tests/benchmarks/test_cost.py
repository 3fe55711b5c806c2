"""Dollars: the formula by hand, and the page that must say what the formula says."""

from pathlib import Path
from typing import Any

import pytest
from benchmarks.cost import tables
from benchmarks.cost.conditions import NOTHING, Evaluation
from benchmarks.cost.formula import ROWS, Part, Row, billed, dollars, mean_billed
from benchmarks.cost.measurement import read_measured
from benchmarks.cost.prices import (
    FUNCTION_URLS,
    TEMPLATE,
    TEXT_LOG,
    Deployment,
    deployment,
    read_prices,
    size,
)
from benchmarks.cost.variants import total, variants

PRICES = {
    "lambda_gb_second_x86_64": 0.00002,
    "lambda_gb_second_arm64": 0.00001,
    "lambda_request": 0.0000002,
    "http_api_request": 0.000001,
    "dynamodb_read_unit": 0.0000001,
    "dynamodb_write_unit": 0.0000006,
    "sqs_request": 0.0000004,
    "s3_read": 0.0000004,
    "s3_write": 0.000005,
    "cloudfront_request": 0.000001,
    "cloudfront_gb": 0.1,
    "log_gb": 0.5,
    "transfer_gb": 0.1,
    "secret_month": 0.4,
    "alarm_metric_month": 0.1,
}
ONE = {
    "function": "F",
    "warm_processor_ms": 1.2,
    "warm_waiting_ms": 3.3,
    "cold_processor_ms": 100.0,
    "cold_waiting_ms": 50.5,
    "requests": {"dynamodb_read_unit": 2, "dynamodb_write_unit": 1, "sqs_request": 1},
    "log_bytes": 0,
    "bytes_out": 10_000,
}
MEASURED = {"invocations": {"one": ONE}, "conditions": "by hand"}
DEPLOYED = Deployment(
    {"F": 512},
    "x86_64",
    "HTTP API",
    access_log_bytes=400,
    platform_log_bytes=300,
    secrets=1,
    alarm_metrics=3,
    polled=2,
)


def test_the_page_says_what_the_formula_says() -> None:
    """If this fails, run ``python -m benchmarks.cost``: the template, a price or the formula has changed."""
    page = tables.PAGE.read_text()
    assert page == tables.written(page, tables.tables(read_measured(), read_prices(), deployment()))


def test_every_row_of_the_page_was_measured() -> None:
    measured = read_measured()["invocations"]
    wanted = {part.invocation for row in ROWS for part in row.parts}
    assert wanted <= set(measured)
    memory = deployment().memory
    assert {one["function"] for one in measured.values()} <= set(memory)


def test_less_than_a_processor_takes_longer_and_waiting_does_not() -> None:
    assert billed(ONE, 1769, "warm") == 5  # 1.2 + 3.3, rounded up
    assert billed(ONE, 3008, "warm") == 5  # one thread has one processor, whatever there is
    assert billed(ONE, 512, "warm") == 8  # 1.2 * 3.455 + 3.3
    assert billed(ONE, 512, "cold") == 397  # 100 * 3.455 + 50.5


def test_some_invocations_are_cold() -> None:
    assert mean_billed(ONE, 512) == pytest.approx(0.99 * 8 + 0.01 * 397)


def test_an_invocation_through_the_api() -> None:
    found = dollars(Row("x", (Part("one"),)), MEASURED, PRICES, DEPLOYED)
    gb_seconds = (0.99 * 8 + 0.01 * 397) / 1000 * 0.5
    assert found == pytest.approx(
        {
            "Lambda": 0.0000002 + gb_seconds * 0.00002,
            "API Gateway": 0.000001,
            "DynamoDB": 2 * 0.0000001 + 0.0000006,
            "SQS": 0.0000004,
            "S3, CloudFront": 0,
            "logs": 700 / 1e9 * 0.5,
            "transfer": 0.00001 * 0.1,
        }
    )


def test_an_invocation_from_a_queue_is_polled_for_and_goes_through_no_api() -> None:
    found = dollars(Row("x", (Part("one", times=2, queued=True),)), MEASURED, PRICES, DEPLOYED)
    assert found["SQS"] == pytest.approx(2 * 3 * 0.0000004)
    assert found["API Gateway"] == found["transfer"] == 0
    assert found["logs"] == pytest.approx(2 * 300 / 1e9 * 0.5)


@pytest.mark.parametrize(
    ("front", "api", "cloudfront", "gb"),
    [("HTTP API", 1e-6, 0, 0.1), ("CloudFront", 0, 1e-6, 0.2), ("function URL", 0, 0, 0.1)],
)
def test_requests_are_paid_to_what_takes_them(front: Any, api: float, cloudfront: float, gb: float) -> None:
    prices = {**PRICES, "cloudfront_gb": 0.2}
    found = dollars(Row("x", (Part("one"),)), MEASURED, prices, DEPLOYED._replace(front=front))
    assert (found["API Gateway"], found["S3, CloudFront"]) == (api, cloudfront)
    assert found["transfer"] == pytest.approx(0.00001 * gb)


def test_a_plain_call_costs_no_more_than_was_promised() -> None:
    by_front: dict[str, list[float]] = {}
    for variant in variants():
        found = total(variant, read_measured(), read_prices())
        by_front.setdefault(variant.deployed.front, []).append(found)
    dearest, _, usual, cheapest = by_front["HTTP API"]
    assert cheapest < usual <= 1.45 < dearest
    assert max(by_front["function URL"]) <= 0.60
    # By the request CloudFront costs what the API does.
    assert min(by_front["CloudFront"]) > 1


def test_parameters_decide_what_is_logged_and_where_requests_go() -> None:
    full, short, off = (deployment(AccessLog=value) for value in ("full", "short", "off"))
    assert full.access_log_bytes > 2 * short.access_log_bytes > 0 == off.access_log_bytes
    quiet, told = deployment(), deployment(SystemLogLevel="INFO")
    assert quiet.platform_log_bytes == 0 < told.platform_log_bytes
    assert [deployment(FUNCTION_URLS, CloudFront=value).front for value in ("false", "true")] == [
        "function URL",
        "CloudFront",
    ]


@pytest.mark.parametrize("given", [{"AccessLog": "long"}, {"Unknown": "x"}])
def test_parameters_that_there_are_not_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no parameter"):
        deployment(TEMPLATE, **given)


def test_values_follow_conditions() -> None:
    document = {
        "Parameters": {"A": {"Default": "x", "AllowedValues": ["x", "y"]}},
        "Conditions": {
            "IsX": {"Fn::Equals": [{"Ref": "A"}, "x"]},
            "IsY": {"Fn::Not": [{"Fn::Equals": ["x", {"Ref": "A"}]}]},
        },
    }
    choice = {"B": [{"Fn::If": ["IsX", {"C": {"Ref": "Table"}}, {"Ref": "AWS::NoValue"}]}, {"Ref": "A"}]}
    assert Evaluation(document, {}).value(choice) == {"B": [{"C": {"Ref": "Table"}}, "x"]}
    assert Evaluation(document, {"A": "y"}).value(choice) == {"B": [NOTHING, "y"]}
    assert [Evaluation(document, {"A": a}).exists({"Condition": "IsY"}) for a in "xy"] == [False, True]
    assert Evaluation(document, {}).exists({})


def test_what_a_function_sends_is_transferred_whoever_calls_it() -> None:
    measured = {"invocations": {"one": {**ONE, "bytes_sent": 500}}, "conditions": "by hand"}
    queued, called = (
        dollars(Row("x", (Part("one", queued=queued),)), measured, PRICES, DEPLOYED)["transfer"]
        for queued in (True, False)
    )
    assert queued == pytest.approx(500 / 1e9 * 0.1)
    assert called == pytest.approx(10_500 / 1e9 * 0.1)


def test_what_a_cache_answers_invokes_nothing() -> None:
    found = dollars(Row("x", cached="one"), MEASURED, PRICES, DEPLOYED)
    assert found["Lambda"] == found["API Gateway"] == found["logs"] == 0
    assert found["S3, CloudFront"] == pytest.approx(0.000001 + 0.01 * 0.0000004)
    assert found["transfer"] == pytest.approx(0.00001 * 0.1)


def test_the_architecture_has_its_own_price() -> None:
    arm = DEPLOYED._replace(architecture="arm64")
    row = Row("x", (Part("one"),))
    intel, graviton = (dollars(row, MEASURED, PRICES, deployed)["Lambda"] for deployed in (DEPLOYED, arm))
    assert (graviton - 0.0000002) * 2 == pytest.approx(intel - 0.0000002)


def test_the_template_says_what_there_is(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        """
Parameters: {Memory: {Type: Number, Default: 256}}
Globals: {Function: {MemorySize: 1024, Architectures: [arm64]}}
Resources:
  Web: {Type: "AWS::Serverless::Function", Properties: {MemorySize: !Ref Memory}}
  Worker:
    Type: AWS::Serverless::Function
    Properties: {Events: {Tasks: {Type: SQS, Properties: {}}, Dead: {Type: SQS, Properties: {}}}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: {AccessLogSettings: {Format: "{$context.status}, $context.x"}}
  Secret: {Type: "AWS::SecretsManager::Secret"}
  One: {Type: "AWS::CloudWatch::Alarm", Properties: {MetricName: Errors}}
  Sum:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics: [{Id: all, Expression: SUM(METRICS())}, {Id: a, MetricStat: {}}, {Id: b, MetricStat: {}}]
"""
    )
    assert deployment(template) == Deployment(
        {"Web": 256, "Worker": 1024},
        "arm64",
        "HTTP API",
        access_log_bytes=len("{200}, $context.x") + 1 + 26,
        platform_log_bytes=size(TEXT_LOG),
        secrets=1,
        alarm_metrics=3,
        polled=2,
    )


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        tables.written("# Cost\n", "x")
