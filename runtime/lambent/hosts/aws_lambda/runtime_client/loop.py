"""The life of one process: load the handler, then take one invocation after the other."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from lambent.hosts.aws_lambda.runtime_client.client import (
    MAX_STREAM_REPORT,
    NextInvocation,
    ResponseStream,
    RuntimeApiClient,
    RuntimeApiError,
)
from lambent.hosts.aws_lambda.runtime_client.context import InvocationContext
from lambent.hosts.aws_lambda.runtime_client.failures import RuntimeFaultError, failure_of, shortened
from lambent.hosts.aws_lambda.runtime_client.logs import FunctionLog
from lambent.wire.payloads import is_escaped

LambdaFunction = Callable[[Any, Any], Any]

_FIRST_PAUSE = 0.1
_ATTEMPTS = 5
_SNAPSHOT_FAILED, _RESTORE_FAILED = 64, 65
"""Exit codes, as the managed runtime has them."""

_log = logging.getLogger("lambent.runtime_client")


class FunctionProcess:
    """Runs a function: see ``run``.

    Args:
        api: the Runtime API.
        log: where errors are written.
        is_worker: the process is one of several for one environment, each with one invocation at a time; one
            request of the Runtime API that fails ends none of them.
    """

    def __init__(self, api: RuntimeApiClient, log: FunctionLog, *, is_worker: bool = False) -> None:
        self._api = api
        self._log = log
        self._is_worker = is_worker
        self._encode = json.JSONEncoder(ensure_ascii=is_escaped(os.environ.get("AWS_EXECUTION_ENV"))).encode

    def run(self, handler_name: str, *, has_snapshot: bool = False) -> None:
        """Load the handler and serve, for ever.

        Args:
            handler_name: the module and the name in it, such as ``app.handler``.
            has_snapshot: Lambda takes a snapshot of the process once it is initialized.

        Raises:
            SystemExit: the function cannot be initialized, which the Runtime API has been told.
            RuntimeApiError: the environment cannot be used any more.
            OSError: the Runtime API cannot be reached.
        """
        try:
            function = load(handler_name)
        except Exception as error:
            self._fail_init(error)
            sys.exit(1)
        if has_snapshot:
            self._pass_snapshot()
        while True:
            self.serve(function, self._next())

    def serve(self, function: LambdaFunction, invocation: NextInvocation) -> None:
        """Run one invocation, and send what comes of it.

        Raises:
            RuntimeApiError: the environment cannot be used any more.
            OSError: the Runtime API cannot be reached.
        """
        self._log.request_id = invocation.request_id
        self._log.tenant_id = invocation.headers.get("lambda-runtime-aws-tenant-id")
        _trace(invocation.headers.get("lambda-runtime-trace-id"))
        context: InvocationContext | None = None

        def open_stream(content_type: str) -> ResponseStream:
            return self._api.open_stream(invocation, content_type)

        try:
            context = InvocationContext(invocation, open_stream, self._log.write)
            result = function(_event_of(invocation), context)
            stream = context.response_stream
            if stream is None:
                body, content_type = self._encoded(result)
        except Exception as error:
            self._fail(invocation, error, None if context is None else context.response_stream)
            return
        if stream is not None:
            self._end_stream(stream.end)
        else:
            self._tell(lambda: self._api.respond(invocation, body, content_type))

    def _fail(self, invocation: NextInvocation, error: Exception, stream: ResponseStream | None) -> None:
        failure = failure_of(error, invocation.request_id)
        self._log.write_failure(failure.report)
        if stream is not None and stream.is_begun:
            report = shortened(failure.report, self._bytes_of, MAX_STREAM_REPORT)
            self._end_stream(lambda: stream.fail(f"Function.{failure.kind}", report))
            return
        report = self._bytes_of(failure.report)
        # In a header, where the one control character that JSON may have as it is must not be.
        xray = self._encode(failure.xray).replace("\x7f", r"\u007f")
        self._tell(lambda: self._api.fail(invocation, failure.kind, report, xray))

    def _bytes_of(self, report: dict[str, Any]) -> bytes:
        return self._encode(report).encode(errors="backslashreplace")

    def _encoded(self, result: Any) -> tuple[bytes, str]:
        if isinstance(result, bytes):
            return result, "application/unknown"
        try:
            try:
                text = self._encode(result)
            except TypeError:
                from lambent.hosts.aws_lambda.runtime_client.results import encode_result  # rarely

                text = encode_result(result, self._encode)
            return text.encode(), "application/json"
        except Exception as error:
            raise RuntimeFaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except (RuntimeApiError, OSError) as error:
            if not self._is_worker and (isinstance(error, OSError) or error.is_fatal):
                raise
            _log.warning("%s", error)

    def _end_stream(self, end: Callable[[], None]) -> None:
        # Whatever the status, one client may have gone: the next invocation shows whether there are others.
        try:
            end()
        except RuntimeApiError as error:
            _log.warning("%s", error)

    def _next(self) -> NextInvocation:
        if not self._is_worker:
            return self._api.next_invocation()
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._api.next_invocation()
            except (RuntimeApiError, OSError) as error:
                _log.warning("Attempt %s to get an invocation failed: %s", attempt, error)
            time.sleep(pause)
            pause *= 2
        return self._api.next_invocation()

    def _fail_init(self, error: Exception) -> None:
        failure = failure_of(error)
        self._log.write_failure(failure.report)
        try:
            self._api.fail_init(failure.kind, self._bytes_of(failure.report))
        except RuntimeApiError as refusal:
            if not self._is_worker or refusal.status != 403:  # else another worker has told it
                raise

    def _pass_snapshot(self) -> None:
        from snapshot_restore_py import get_after_restore, get_before_snapshot  # beside the managed client

        try:
            before = get_before_snapshot()
            while before:
                function, given, named = before.pop()  # the last one that was registered first
                function(*given, **named)
            self._api.wait_for_restore()
        except BaseException as error:
            self._end(_SNAPSHOT_FAILED, error, self._api.fail_init)
        try:
            for function, given, named in get_after_restore():
                function(*given, **named)
        except BaseException as error:
            self._end(_RESTORE_FAILED, error, self._api.fail_restore)

    def _end(self, code: int, error: BaseException, tell: Callable[[str, bytes], None]) -> None:
        failure = failure_of(error)
        self._log.write_failure(failure.report)
        kind = "Runtime.BeforeSnapshotError" if code == _SNAPSHOT_FAILED else "Runtime.AfterRestoreError"
        tell(kind, self._bytes_of(failure.report))
        sys.exit(code)


def load(handler_name: str) -> LambdaFunction:
    """The handler with a name such as ``app.handler`` or ``package/app.handler``.

    Raises:
        RuntimeFaultError: there is none; the kinds are those of the managed runtime.
        Exception: what its module has raised.
    """
    module_name, dot, name = handler_name.rpartition(".")
    if not dot:
        raise RuntimeFaultError(
            "Runtime.MalformedHandlerName", f"Bad handler '{handler_name}': no module in it"
        )
    if module_name.partition(".")[0] in sys.builtin_module_names:
        text = f"Cannot use built-in module {module_name} as a handler module"
        raise RuntimeFaultError("Runtime.BuiltInModuleConflict", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFaultError("Runtime.ImportModuleError", text) from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFaultError("Runtime.UserCodeSyntaxError", text, trace) from None
    if not hasattr(module, name):
        text = f"Handler '{name}' missing on module '{module_name}'"
        raise RuntimeFaultError("Runtime.HandlerNotFound", text)
    found: LambdaFunction = getattr(module, name)
    return found


def _event_of(invocation: NextInvocation) -> Any:
    if invocation.headers.get("content-type", "application/json") != "application/json":
        return invocation.body
    try:
        return json.loads(invocation.body)
    except ValueError as error:
        raise RuntimeFaultError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _trace(trace_id: str | None) -> None:
    """Tell the SDK of X-Ray, and what it starts, to which trace this invocation belongs."""
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
