import os
import sys
from pathlib import Path

import lambent.cli
from lambent.cli.app_ref import AppRef
from lambent.cli.gateway.launch import Launch

APP = AppRef(folder=Path("/srv/app"), module="orders.api", attribute="handler")
SOURCE_ROOT = str(Path(lambent.cli.__file__).parents[2])


def test_the_command_runs_the_runner_with_this_python():
    command = Launch(APP, {}).command(7)
    assert command == [sys.executable, "-P", "-m", "lambent.cli.gateway.runner", "7", "orders.api:handler"]


def test_the_variables_that_lambda_sets():
    variables = Launch(APP, {"HOME": "/home/me"}).variables(2)
    assert variables["HOME"] == "/home/me"
    assert variables["_HANDLER"] == "orders.api.handler"
    assert variables["LAMBENT_CALL_LOG"] == variables["LAMBENT_EVENTS_LOCAL_CALLBACKS"] == "1"
    assert Launch(APP, {}, {"LAMBENT_CALL_LOG": "0"}).variables(2)["LAMBENT_CALL_LOG"] == "0"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "api"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1024"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/api"
    assert "/[$LATEST]0002" in variables["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["LAMBDA_TASK_ROOT"] == "/srv/app"


def test_the_region_of_the_shell_stays():
    for base in ({"AWS_REGION": "eu-west-1"}, {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": ""}):
        variables = Launch(APP, base).variables(1)
        assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_the_developers_variables_come_last():
    launch = Launch(APP, {"TABLE": "shell"}, {"TABLE": "mine", "AWS_LAMBDA_FUNCTION_NAME": "other"})
    variables = launch.variables(1)
    assert (variables["TABLE"], variables["AWS_LAMBDA_FUNCTION_NAME"]) == ("mine", "other")


def test_one_secret_for_all_environments():
    launch = Launch(APP, {"LAMBENT_STATE_KEYS": ""})
    secret = launch.variables(1)["LAMBENT_STATE_KEYS"]
    assert len(bytes.fromhex(secret)) == 32
    assert launch.variables(2)["LAMBENT_STATE_KEYS"] == secret
    assert Launch(APP, {}).variables(1)["LAMBENT_STATE_KEYS"] != secret
    assert secret not in repr(launch)


def test_a_secret_that_is_set_is_not_replaced():
    assert Launch(APP, {"LAMBENT_STATE_KEYS": "a"}).variables(1)["LAMBENT_STATE_KEYS"] == "a"
    assert Launch(APP, {}, {"LAMBENT_STATE_KEYS": "b"}).variables(1)["LAMBENT_STATE_KEYS"] == "b"
    assert "LAMBENT_STATE_KEYS" not in Launch(APP, {}, {"LAMBENT_STATE_SECRET": "c"}).variables(1)


def test_the_environment_finds_this_package(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = Launch(APP, {"PYTHONPATH": f"lib{os.pathsep}/abs"}).variables(1)["PYTHONPATH"].split(os.pathsep)
    assert path[:2] == [str(tmp_path / "lib"), "/abs"]
    assert SOURCE_ROOT in {*path, *sys.path}
    twice = Launch(APP, {"PYTHONPATH": SOURCE_ROOT}).variables(1)["PYTHONPATH"]
    assert twice == SOURCE_ROOT
