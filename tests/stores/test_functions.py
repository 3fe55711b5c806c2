"""Functions that are invoked: what comes back, and what their failures become."""

import io
import socket
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent import StoreError
from lambent.stores import aws
from lambent.stores.functions import LambdaFunctions


class FakeLambda:
    def __init__(self, payload: bytes = b"{}", **more: Any) -> None:
        self.given: dict[str, Any] = {}
        self.answer = {"Payload": io.BytesIO(payload), **more}

    def invoke(self, **given: Any) -> Any:
        self.given = given
        return self.answer


def test_the_event_goes_in_and_the_result_comes_out() -> None:
    fake = FakeLambda('{"a":"ä"}'.encode())
    assert LambdaFunctions(fake).invoke("f:live", {"x": "ö"}) == {"a": "ä"}
    assert fake.given == {"FunctionName": "f:live", "Payload": '{"x":"ö"}'.encode()}


def test_an_error_of_the_function_is_its_own_business() -> None:
    fake = FakeLambda(b'{"errorMessage":"secret"}', FunctionError="Unhandled")
    with pytest.raises(StoreError, match="'f' raised an error") as raised:
        LambdaFunctions(fake).invoke("f", {})
    assert "secret" not in str(raised.value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(StoreError, match="no JSON"):
        LambdaFunctions(FakeLambda(b"<")).invoke("f", {})


def test_a_function_that_cannot_be_invoked() -> None:
    class Refusing:
        def invoke(self, **given: Any) -> Any:
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "Rate"}}, "Invoke")

    with pytest.raises(StoreError, match="InvokeFunction of 'f' failed"):
        LambdaFunctions(Refusing()).invoke("f", {})


def test_a_function_is_invoked_once_though_the_connection_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have begun by then."""
    requests: list[bytes] = []

    def drop(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                requests.append(connection.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drop, args=(listening,))
        thread.start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listening.getsockname()[1]}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(aws, "_clients", {})
        try:
            with pytest.raises(StoreError, match="InvokeFunction of 'f' failed"):
                LambdaFunctions().invoke("f", {})
        finally:
            aws.close_connections()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert len(requests) == 1
