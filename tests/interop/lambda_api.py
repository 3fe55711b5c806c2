"""`lambda:InvokeFunction` on this machine: Lambda's HTTP API, and its runtime client's ways around a handler.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from awslambdaric.lambda_context import LambdaContext
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

CLIENT_CONTEXT = "X-Amz-Client-Context"


@contextmanager
def lambda_api(functions: dict[str, Callable[[Any, Any], Any]]) -> Iterator[str]:
    """Serve functions by their names; the address.

    There is one environment: an invocation waits for the one before it.
    """
    one = threading.Lock()
    marshaller = LambdaMarshaller()

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            name = self.path.split("/")[3]
            told = self.headers.get(CLIENT_CONTEXT)
            context = LambdaContext("id", told and json.loads(base64.b64decode(told)), None, 2**53)
            answer: Any
            failed = False
            try:
                with one:
                    answer = functions[name](marshaller.unmarshal_request(data), context)
            except Exception as error:
                answer, failed = {"errorType": type(error).__name__, "errorMessage": str(error)}, True
            body = marshaller.marshal_response(answer)[0].encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if failed:
                self.send_header("X-Amz-Function-Error", "Unhandled")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
