import asyncio
import json

import pytest
from tests.cli.local_aws.test_poller import FakeSqs, Stage

from lambent.cli.app_ref import parse_app
from lambent.cli.gateway.environment import Returned
from lambent.cli.local_aws.schedules import LocalSchedule, run_schedule, schedules_of
from lambent.cli.local_aws.stack import read_stack

CHECK = '{"lambent": "check"}'


def found(kind="Schedule", **properties):
    return list(schedules_of({"Events": {"Check": {"Type": kind, "Properties": properties}}}))


@pytest.mark.parametrize(
    ("kind", "rate", "seconds"),
    [
        ("Schedule", {"Schedule": "rate(1 minute)"}, 60),
        ("Schedule", {"Schedule": "rate(5 minutes)", "Enabled": True}, 300),
        ("ScheduleV2", {"ScheduleExpression": "rate(2 hours)", "State": "ENABLED"}, 7200),
        ("ScheduleV2", {"ScheduleExpression": "rate(1 day)"}, 86_400),
    ],
)
def test_schedules_at_a_rate(kind, rate, seconds):
    (schedule,) = found(kind, Input=CHECK, **rate)
    assert (json.loads(schedule.event), schedule.seconds) == ({"lambent": "check"}, seconds)


def test_a_schedule_for_one_event_type():
    (schedule,) = found(Schedule="rate(1 minute)", Input='{"lambent": "check", "event": "parcel.sent"}')
    assert json.loads(schedule.event) == {"lambent": "check", "event": "parcel.sent"}


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"Schedule": "rate(1 minute)"},
        {"Schedule": "rate(0 minutes)", "Input": CHECK},
        {"Schedule": "cron(0 8 * * ? *)", "Input": CHECK},
        {"Schedule": {"Ref": "Rate"}, "Input": CHECK},
        {"ScheduleExpression": "rate(1 minute)", "Input": CHECK},
        {"Schedule": "rate(1 minute)", "Input": {"Fn::Sub": CHECK}},
        {"Schedule": "rate(1 minute)", "Input": "{"},
        {"Schedule": "rate(1 minute)", "Input": "[]"},
        {"Schedule": "rate(1 minute)", "Input": '{"lambent": "sweep"}'},
        {"Schedule": "rate(1 minute)", "Input": '{"own": 1}'},
        {"Schedule": "rate(1 minute)", "Input": CHECK, "Enabled": False},
        {"Schedule": "rate(1 minute)", "Input": CHECK, "State": "DISABLED"},
    ],
)
def test_other_schedules_are_left_out(properties):
    assert found(**properties) == []


@pytest.mark.parametrize(
    "events", [None, {}, {"A": {"Type": "SQS", "Properties": None}}, {"A": {"Type": "Api"}}]
)
def test_functions_without_schedules(events):
    assert list(schedules_of({"Events": events})) == []
    assert list(schedules_of({})) == []


def test_the_schedule_of_the_apps_own_function(queue_app, template):
    text = template.read_text()
    schedule = (
        "        Check:\n          Type: Schedule\n          Properties:\n"
        f"            Schedule: rate(1 minute)\n            Input: '{CHECK}'\n"
    )
    template.write_text(
        text.replace(
            "        Tasks:\n          Type: SQS\n", f"{schedule}        Tasks:\n          Type: SQS\n", 1
        )
    )
    stack = read_stack(template, parse_app("app.py", queue_app.folder))
    assert stack is not None
    assert stack.schedules == (LocalSchedule(CHECK.encode(), 60.0),)
    template.write_text(text)
    assert read_stack(template, parse_app("app.py", queue_app.folder)).schedules == ()


def test_workers_get_the_event_again_and_again():
    async def main():
        sqs = FakeSqs()
        stage = Stage(sqs, Returned(b'{"found": {}}'))
        running = asyncio.create_task(run_schedule(LocalSchedule(CHECK.encode(), 0.001), stage.pool))
        (worker,) = stage.workers
        while len(worker.events) < 3:
            await asyncio.sleep(0.001)
        assert worker.events[:3] == [{"lambent": "check"}] * 3
        await stage.pool.close(1)
        await running  # it ends with the workers
        sqs.close()
        stage.threads.shutdown()

    asyncio.run(main())
