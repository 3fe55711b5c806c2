"""Tasks over the deployed queue, worker, table and bucket."""

import json
import time

import pytest
from tests.e2e.client import LARGE, SECONDS, TASKS, Client
from tests.e2e.stacks import Stack
from tests.support import accept


@pytest.fixture
def reports(shop: Stack) -> Client:
    return Client(shop.cloud, shop.url("ReportsUrl"))


def test_a_report_that_asks_and_stumbles(reports: Client) -> None:
    task_id = reports.task("build_report", {"month": "2026-03", "stumble": True})
    asked = reports.wait(task_id, "input_required")
    assert "Shall the report count them?" in json.dumps(asked["inputRequests"]["scope"])
    reports.answer(task_id, {"scope": accept(include=True)})
    done = reports.wait(task_id, "completed")
    assert done["result"]["structuredContent"]["orders"] == 279


def test_a_report_without_tasks_asks_in_the_call(reports: Client) -> None:
    done = reports.answered("build_report", {"month": "2026-03"}, {"scope": accept(include=False)})
    assert done["structuredContent"]["orders"] < 279


def test_a_report_that_is_cancelled(reports: Client) -> None:
    task_id = reports.task("build_report", {"month": "2026-04"})
    reports.request("tasks/cancel", {"taskId": task_id}, capabilities=TASKS)
    assert reports.wait(task_id)["status"] == "cancelled"


def test_a_long_comparison_becomes_a_task(reports: Client) -> None:
    task_id = reports.task("compare_months", {"year": 2026, "last": 4})
    months = reports.wait(task_id, "completed")["result"]["structuredContent"]["months"]
    assert [part["name"] for part in months] == ["2026-01", "2026-02", "2026-03", "2026-04"]


def test_arguments_and_results_that_no_item_holds(shop: Stack, reports: Client) -> None:
    s3, bucket = shop.cloud.client("s3"), shop.outputs["BucketName"]
    for size, folder in ((LARGE, "arguments"), (LARGE - 300, "results")):
        task_id = reports.padded_task("build_report", {"month": "2026-06"}, size)
        assert len(reports.finish(task_id)["result"]["structuredContent"]["regions"]) == 3
        assert s3.head_object(Bucket=bucket, Key=f"{folder}/{task_id}")["ContentLength"] >= 300


def test_a_task_whose_worker_dies_fails(shop: Stack, reports: Client) -> None:
    # Five deliveries are half an hour apart: what the queue does then is done here.
    sqs = shop.cloud.client("sqs")
    with shop.paused("ReportsWorkerTasks"):
        task_id = reports.task("build_report", {"month": "2026-05"})
        deadline = time.monotonic() + SECONDS
        while not (taken := sqs.receive_message(QueueUrl=shop.outputs["TaskQueueUrl"]).get("Messages")):
            assert time.monotonic() < deadline
        (message,) = taken
        sqs.delete_message(QueueUrl=shop.outputs["TaskQueueUrl"], ReceiptHandle=message["ReceiptHandle"])
    sqs.send_message(QueueUrl=shop.outputs["DeadTaskQueueUrl"], MessageBody=message["Body"])
    failed = reports.wait(task_id, "failed")
    assert failed["error"]["code"] == -32603
