"""Errors in the forms in which the Runtime API takes them."""

from pathlib import Path

import pytest

from lambent.hosts.aws_lambda.runtime_client.failures import RuntimeFaultError, failure_of


def test_an_error_of_the_function() -> None:
    def fails() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError) as caught:
        fails()
    failure = failure_of(caught.value, "id")
    assert failure.kind == "KeyError"
    assert {**failure.report, "stackTrace": []} == {
        "errorMessage": "'gone'",
        "errorType": "KeyError",
        "requestId": "id",
        "stackTrace": [],
    }
    assert failure.report["stackTrace"][-1].endswith('    raise KeyError("gone")\n')
    assert failure.xray["working_directory"] == str(Path.cwd())
    (shown,) = failure.xray["exceptions"]
    assert (shown["message"], shown["type"], shown["stack"][-1]["label"]) == ("'gone'", "KeyError", "fails")
    assert __file__ in failure.xray["paths"]


def test_an_error_of_the_client_has_no_frames() -> None:
    failure = failure_of(RuntimeFaultError("Runtime.UserCodeSyntaxError", "no", ["line 1"]))
    assert failure.report == {
        "errorMessage": "no",
        "errorType": "Runtime.UserCodeSyntaxError",
        "requestId": "",
        "stackTrace": ["line 1"],
    }
    assert failure.xray["exceptions"] == [{"message": "no", "type": "LambdaValidationError", "stack": []}]
