"""The calls of the Runtime API, over sockets: ``http.client`` would cost each cold start its imports."""

from __future__ import annotations

import binascii
import socket
from typing import BinaryIO, NamedTuple

from lambent.hosts.aws_lambda.runtime_client.http1 import (
    ApiResponse,
    SilentConnectionError,
    chunk,
    last_chunk,
    read_response,
    request_bytes,
    stream_head,
)

_VERSION = "/2018-06-01/runtime"
_JSON = "application/json"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause"
_INVOCATION_ID = "Lambda-Runtime-Invocation-Id"
_MAX_XRAY_CAUSE = 1024 * 1024
MAX_STREAM_REPORT = 2800
"""Bytes of an error behind a stream: in Base64, and with the lines of the trailers around it, it stays below
the 4096 that servers written in Go read of trailers; the emulator that AWS publishes is one."""

_MAX_KIND = 200
_ACCEPTED, _CONTAINER_ERROR = 202, 500


class RuntimeApiError(Exception):
    """The Runtime API has refused a request.

    Attributes:
        status: of HTTP.
        is_fatal: the environment cannot be used any more, and the process should end.
    """

    def __init__(self, path: str, response: ApiResponse) -> None:
        self.status = response.status
        self.is_fatal = response.status >= _CONTAINER_ERROR
        text = response.body.decode(errors="replace")
        super().__init__(f"The Runtime API answers {path} with {response.status}: {text}")


class NextInvocation(NamedTuple):
    """An invocation that the Runtime API has handed over.

    Attributes:
        headers: what it says of the invocation, by names in lower case.
        body: the event.
    """

    headers: dict[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """Names the invocation in every call of the Runtime API about it."""
        return self.headers["lambda-runtime-aws-request-id"]


class RuntimeApiClient:
    """Calls the Runtime API of one execution environment, from one thread.

    Args:
        address: its host and port, from ``AWS_LAMBDA_RUNTIME_API``.
        user_agent: names this client.
    """

    def __init__(self, address: str, user_agent: str) -> None:
        self._address = address
        self._user_agent = user_agent
        self._connection: _ApiConnection | None = None

    def next_invocation(self) -> NextInvocation:
        """Wait for an invocation.

        Raises:
            RuntimeApiError: there is none to be had.
            OSError: the same.
        """
        response = self._call("GET", f"{_VERSION}/invocation/next", 200)
        return NextInvocation(response.headers, response.body)

    def respond(self, invocation: NextInvocation, body: bytes, content_type: str) -> None:
        """Send the whole response of an invocation.

        Raises:
            RuntimeApiError: it is not taken, as where it is too large.
            OSError: the Runtime API cannot be reached.
        """
        headers = {"Content-Type": content_type, **_names(invocation)}
        self._call("POST", f"{_VERSION}/invocation/{invocation.request_id}/response", 202, headers, body)

    def fail(self, invocation: NextInvocation, kind: str, report: bytes, xray_cause: str) -> None:
        """Tell that an invocation has failed, before any of its response is sent.

        Args:
            invocation: which one.
            kind: the type of the error.
            report: the error, as JSON.
            xray_cause: the error as X-Ray shows it, as JSON; left out where it is too long for a header.
        """
        headers = {"Content-Type": _JSON, ERROR_TYPE: kind, **_names(invocation)}
        if len(xray_cause.encode(errors="backslashreplace")) < _MAX_XRAY_CAUSE:
            headers[_XRAY_CAUSE] = xray_cause
        self._call("POST", f"{_VERSION}/invocation/{invocation.request_id}/error", 202, headers, report)

    def fail_init(self, kind: str, report: bytes) -> None:
        """Tell that the function could not be initialized; the process should end then."""
        self._call("POST", f"{_VERSION}/init/error", 202, {"Content-Type": _JSON, ERROR_TYPE: kind}, report)

    def wait_for_restore(self) -> None:
        """Wait until a copy of this process is started from its snapshot, where SnapStart is on."""
        self._call("GET", f"{_VERSION}/restore/next", 200)

    def fail_restore(self, kind: str, report: bytes) -> None:
        """Tell that what a start from a snapshot runs has failed; the process should end then."""
        self._call(
            "POST", f"{_VERSION}/restore/error", 202, {"Content-Type": _JSON, ERROR_TYPE: kind}, report
        )

    def open_stream(self, invocation: NextInvocation, content_type: str) -> ResponseStream:
        """Begin the response of an invocation, in parts."""
        path = f"{_VERSION}/invocation/{invocation.request_id}/response"
        head = stream_head(
            path,
            self._address,
            {
                "User-Agent": self._user_agent,
                "Content-Type": content_type,
                "Lambda-Runtime-Function-Response-Mode": "streaming",
                **_names(invocation),
            },
            trailers=(ERROR_TYPE, _ERROR_BODY),
        )
        return ResponseStream(self._address, path, head)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(
        self,
        method: str,
        path: str,
        expected: int,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> ApiResponse:
        headers = {"User-Agent": self._user_agent, **(headers or {})}
        response = self._exchange(request_bytes(method, path, self._address, headers, body))
        if response.status != expected:
            raise RuntimeApiError(path, response)
        return response

    def _exchange(self, request: bytes) -> ApiResponse:
        if self._connection is not None:
            try:
                return self._exchange_on(self._connection, request)
            except (SilentConnectionError, ConnectionResetError, BrokenPipeError):
                self.close()  # the other side has closed it since its last response
        self._connection = _ApiConnection(self._address)
        return self._exchange_on(self._connection, request)

    def _exchange_on(self, connection: _ApiConnection, request: bytes) -> ApiResponse:
        try:
            connection.send(request)
        except (ConnectionResetError, BrokenPipeError):
            # What refuses a body that is too large reads no more of it: its response is there already.
            response = read_response(connection.incoming)._replace(closes=True)
        else:
            response = read_response(connection.incoming)
        if response.closes:
            self.close()
        return response


class ResponseStream:
    """The response of an invocation, in parts: each is on its way when ``write`` returns.

    Where the Runtime API does not take any more, as it may when the client has gone or the response has grown
    too large, ``is_broken`` is true and the rest is dropped.

    Attributes:
        sent: bytes that were written.
    """

    def __init__(self, address: str, path: str, head: bytes) -> None:
        self._address = address
        self._path = path
        self._head = head
        self._connection: _ApiConnection | None = None
        self.is_broken = False
        self.is_ended = False
        self.sent = 0

    @property
    def is_begun(self) -> bool:
        """Something was sent, so ``/error`` cannot be called any more."""
        return self._connection is not None or self.is_broken or self.is_ended

    def write(self, data: bytes) -> bool:
        """Send a part; False where nobody takes it."""
        self.sent += len(data)
        return self._send(chunk(data))

    def end(self) -> None:
        """End the response.

        Raises:
            RuntimeApiError: it was not taken, or not all of it.
        """
        self._end(last_chunk())

    def fail(self, kind: str, report: bytes) -> None:
        """End the response with an error: what was sent stays sent, and Lambda tells its caller of the rest.

        Args:
            kind: the type of the error, such as ``Function.ValueError``.
            report: the error, as JSON of at most ``MAX_STREAM_REPORT`` bytes.

        Raises:
            RuntimeApiError: what was sent before was not taken.
        """
        body = binascii.b2a_base64(report, newline=False).decode()
        self._end(last_chunk({ERROR_TYPE: kind[:_MAX_KIND], _ERROR_BODY: body}))

    def _end(self, last: bytes) -> None:
        if self.is_ended:
            return
        self._send(last)
        self.is_ended = True
        if self._connection is None:
            return
        try:
            response = read_response(self._connection.incoming)  # it says why, where the stream was refused
        except OSError:
            self.is_broken = True
            return
        finally:
            self._connection.close()  # as the Runtime API wants it after a stream
        if response.status != _ACCEPTED:
            self.is_broken = True
            raise RuntimeApiError(self._path, response)

    def _send(self, data: bytes) -> bool:
        if self.is_broken or self.is_ended:
            return False
        try:
            if self._connection is None:
                self._connection = _ApiConnection(self._address)
                data = self._head + data  # in one segment
            self._connection.send(data)
        except OSError:
            self.is_broken = True
            return False
        except BaseException:  # of a signal, as at a time limit: how much of this was sent is not known
            self.is_broken = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise
        return True


class _ApiConnection:
    """A connection to the Runtime API."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host.strip("[]"), int(port)))
        # Parts of a stream are small: none may wait until the one before it is acknowledged.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming: BinaryIO = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self.incoming.close()
        self._socket.close()


def _names(invocation: NextInvocation) -> dict[str, str]:
    """What names the attempt at an invocation, where the Runtime API has told it."""
    number = invocation.headers.get(_INVOCATION_ID.lower())
    return {} if number is None else {_INVOCATION_ID: number}
