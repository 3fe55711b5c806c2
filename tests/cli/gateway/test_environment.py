import asyncio
import io
import json
import os
import uuid

import pytest

from lambent.cli.app_ref import parse_app
from lambent.cli.gateway.environment import Environment, Failed, FailureReason, Returned
from lambent.cli.gateway.launch import Launch
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import Arrival


def event(**query):
    return json.dumps({"queryStringParameters": query}).encode()


def arrival():
    return Arrival(str(uuid.uuid4()), 0, "Root=1-00000000-000000000000000000000000")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def run(app):
    """Run a coroutine function with an environment of the test app, and the gateway's log."""

    def run(check, *, timeout=30.0, **variables):
        stream = io.StringIO()

        async def main():
            launch = Launch(parse_app("app.py", app.folder), dict(os.environ), variables)
            environment = Environment(1, launch, timeout, Log(stream))
            environment.start()
            try:
                return await check(environment)
            finally:
                await environment.close()

        return asyncio.run(main()), stream.getvalue()

    return run


def body(outcome):
    assert isinstance(outcome, Returned), outcome
    return json.loads(json.loads(outcome.payload)["body"])


def test_the_app_is_imported_once_and_serves_many(run):
    async def check(environment):
        assert await environment.wait_imported() is None
        pids = {body(await environment.invoke(event(), arrival()))["pid"] for _ in range(3)}
        assert pids == {environment.pid}
        return environment.pid

    pid, log = run(check)
    assert not is_alive(pid)
    assert log == ""


def test_waiting_for_an_import_that_has_failed_does_not_repeat_it(run, app):
    app.file.write_text("import no_such_library\n")

    async def check(environment):
        first = await environment.wait_imported()
        assert "no_such_library" in first
        assert await environment.wait_imported() == first

    _, log = run(check)
    assert log.count("environment 1: ") == 1


@pytest.mark.parametrize("turns", range(8))
def test_code_that_changes_as_an_invocation_begins(run, turns):
    async def check(environment):
        await environment.wait_imported()
        before = environment.pid
        invocation = asyncio.create_task(environment.invoke(event(), arrival()))
        # Each turn of the loop is one more step of the invocation.
        for _ in range(turns):
            await asyncio.sleep(0)
        environment.reload()
        body(await invocation)
        assert body(await environment.invoke(event(), arrival()))["pid"] != before

    run(check)


def test_the_context_of_an_invocation(run):
    came = arrival()

    async def check(environment):
        return body(await environment.invoke(event(do="context"), came))

    context, _ = run(check)
    assert context["aws_request_id"] == came.request_id
    assert context["function_name"] == "app"
    assert context["invoked_function_arn"] == "arn:aws:lambda:us-east-1:123456789012:function:app"
    assert 0 < context["remaining"] <= 30_000


def test_the_process_is_set_up_as_in_lambda(run, app):
    async def check(environment):
        return body(await environment.invoke(event(do="environment"), arrival()))

    found, _ = run(check, TABLE="orders")
    assert found["path"] == found["cwd"] == str(app.folder)
    assert found["argv"] == [f"{app.file}:handler"]
    assert found["variables"]["TABLE"] == "orders"
    assert found["variables"]["_HANDLER"] == "app.handler"
    assert found["variables"]["_X_AMZN_TRACE_ID"] == "Root=1-00000000-000000000000000000000000"


def test_an_exception_leaves_the_process_alive(run, capfd):
    async def check(environment):
        outcome = await environment.invoke(event(do="raise"), arrival())
        pid = body(await environment.invoke(event(), arrival()))["pid"]
        assert pid == environment.pid
        return outcome

    outcome, log = run(check)
    assert outcome == Failed(FailureReason.RAISED, "ValueError")
    assert log == ""
    errors = capfd.readouterr().err
    assert errors.startswith("[ERROR] Traceback (most recent call last):\n")
    assert errors.endswith("ValueError: no such order\n")
    assert "runner.py" not in errors


def test_a_result_that_is_not_json(run, capfd):
    async def check(environment):
        return await environment.invoke(event(do="unserializable"), arrival())

    outcome, _ = run(check)
    assert outcome == Failed(FailureReason.RAISED, "TypeError")
    assert "Runtime.MarshalError" in capfd.readouterr().err


def test_a_process_that_exits_is_replaced(run):
    async def check(environment):
        first = body(await environment.invoke(event(), arrival()))["pid"]
        outcome = await environment.invoke(event(do="exit"), arrival())
        second = body(await environment.invoke(event(), arrival()))["pid"]
        assert first != second
        return outcome

    outcome, log = run(check)
    assert outcome == Failed(FailureReason.CRASHED, "exit status 3")
    assert log == "environment 1: crashed: exit status 3\n"


def test_an_invocation_that_takes_too_long_is_killed(run):
    async def check(environment):
        first = body(await environment.invoke(event(), arrival()))["pid"]
        outcome = await environment.invoke(event(do="hang"), arrival())
        assert not is_alive(first)
        second = body(await environment.invoke(event(), arrival()))["pid"]
        assert first != second
        return outcome

    outcome, log = run(check, timeout=0.5)
    assert outcome == Failed(FailureReason.TIMED_OUT, "Task timed out after 0.50 seconds")
    assert log == "environment 1: timed out: Task timed out after 0.50 seconds\n"


def test_what_a_tool_started_ends_with_its_process(run, lives):
    async def check(environment):
        outcome = await environment.invoke(event(do="fork"), arrival())
        await environment.close()
        return outcome

    outcome, _ = run(check, TEST_FIFO=str(lives.path))
    assert outcome == Failed(FailureReason.CRASHED, "exit status 4")
    assert lives.ended()


def test_a_process_that_died_in_between_is_replaced(run):
    async def check(environment):
        first = body(await environment.invoke(event(), arrival()))["pid"]
        os.kill(first, 9)
        outcomes = [await environment.invoke(event(), arrival()) for _ in range(2)]
        # Either it was gone already, or the first of them met its end.
        assert body(outcomes[-1])["pid"] != first

    run(check)


def test_a_failed_import_is_tried_again(run, app):
    source = app.file.read_text()
    app.file.write_text("def handler(:\n")

    async def check(environment):
        error = await environment.wait_imported()
        assert "SyntaxError" in error
        outcomes = [await environment.invoke(event(), arrival()) for _ in range(2)]
        app.file.write_text(source)
        assert body(await environment.invoke(event(), arrival()))["version"] == 1
        return outcomes

    outcomes, log = run(check)
    assert {outcome.reason for outcome in outcomes} == {FailureReason.IMPORT}
    assert outcomes[0].detail.startswith("SyntaxError: ")
    assert log.count(f'File "{app.file}", line 1') == 1
    assert "runner.py" not in log


def test_an_app_that_exits_during_its_import(run, app):
    app.file.write_text("import os\nos._exit(9)\n")

    async def check(environment):
        return await environment.invoke(event(), arrival())

    outcome, _ = run(check)
    assert outcome == Failed(FailureReason.IMPORT, "the process ended during the import (exit status 9)")


def test_an_import_that_takes_too_long(run, app, monkeypatch):
    monkeypatch.setattr("lambent.cli.gateway.environment._IMPORT_SECONDS", 0.2)
    app.file.write_text("import time\ntime.sleep(600)\n")

    async def check(environment):
        return await environment.invoke(event(), arrival())

    outcome, _ = run(check, timeout=0.2)
    assert outcome == Failed(FailureReason.IMPORT, "the import took longer than 0.4 s")


def test_reloading_an_idle_environment(run, app):
    async def check(environment):
        first = body(await environment.invoke(event(), arrival()))
        app.file.write_text(app.file.read_text().replace("VERSION = 1", "VERSION = 22"))
        environment.reload()
        second = body(await environment.invoke(event(), arrival()))
        return first, second

    (first, second), _ = run(check)
    assert (first["version"], second["version"]) == (1, 22)
    assert first["pid"] != second["pid"]


def test_reloading_a_busy_environment_waits_for_its_invocation(run, app, eventually):
    async def check(environment):
        pid = body(await environment.invoke(event(), arrival()))["pid"]
        running = asyncio.create_task(environment.invoke(event(do="wait"), arrival()))
        await asyncio.to_thread(eventually, lambda: "start " in app.log())
        app.file.write_text(app.file.read_text().replace("VERSION = 1", "VERSION = 22"))
        environment.reload()
        assert environment.pid == pid
        app.go()
        return pid, body(await running), body(await environment.invoke(event(), arrival()))

    (pid, during, after), _ = run(check)
    assert during == {"pid": pid, "version": 1}
    assert after["version"] == 22


def test_reloading_during_the_import_serves_the_new_code(run, app):
    source = app.file.read_text()
    app.file.write_text("import time\ntime.sleep(600)\n")

    async def check(environment):
        running = asyncio.create_task(environment.invoke(event(), arrival()))
        await asyncio.sleep(0)
        app.file.write_text(source)
        environment.reload()
        # The request does not wait for the import that hangs.
        return body(await running)

    found, _ = run(check)
    assert found["version"] == 1


def test_a_cancelled_invocation_takes_its_process_with_it(run, app, eventually):
    async def check(environment):
        pid = body(await environment.invoke(event(), arrival()))["pid"]
        running = asyncio.create_task(environment.invoke(event(do="wait"), arrival()))
        await asyncio.to_thread(eventually, lambda: "start " in app.log())
        running.cancel()
        await asyncio.wait([running])
        assert body(await environment.invoke(event(), arrival()))["pid"] != pid

    run(check)


def test_closing_ends_a_running_invocation(run, app, eventually):
    async def check(environment):
        running = asyncio.create_task(environment.invoke(event(do="hang"), arrival()))
        await asyncio.to_thread(eventually, lambda: "hang" in app.log())
        pid = environment.pid
        await environment.close()
        assert not is_alive(pid)
        assert await environment.invoke(event(), arrival()) == Failed(FailureReason.STOPPED)
        return await running

    outcome, log = run(check)
    assert outcome == Failed(FailureReason.STOPPED)
    assert log == ""


def test_the_root_logger_writes_what_lambdas_does(run, capfd):
    came = arrival()

    async def check(environment):
        return await environment.invoke(event(do="log"), came)

    run(check)
    output, errors = capfd.readouterr()
    assert output == "printed by the app\n"
    level, time, request_id, message = errors.rstrip("\n").split("\t")
    assert (level, request_id, message) == ("[INFO]", came.request_id, "logged by the app")
    assert time.endswith("Z")
