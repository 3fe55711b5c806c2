"""Counts what a function asks AWS for, as it is billed: a proxy between the function and a local AWS."""

import base64
import contextlib
import http.client
import json
import math
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

READ_UNIT, WRITE_UNIT, SQS_CHUNK = 4096, 1024, 65536
"""Bytes that one unit, or one request, is good for."""


class CountingProxy:
    """Passes requests on to an endpoint, and counts them by what is billed for.

    Attributes:
        endpoint: its own URL.
        counted: units and requests by their price: ``dynamodb_read_unit``, ``dynamodb_write_unit``,
            ``sqs_request``, ``s3_read``, ``s3_write``.
    """

    def __init__(self, endpoint: str) -> None:
        self.counted: Counter[str] = Counter()
        host = endpoint.removeprefix("http://")
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one segment: else the second waits 40 ms for the first to be acknowledged.
            wbufsize = -1

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                onward = http.client.HTTPConnection(host, timeout=40)
                onward.request(self.command, self.path, body, dict(self.headers))
                answer = onward.getresponse()
                said = answer.read()
                onward.close()
                proxy.counted.update(billed(self.command, self.headers.get("x-amz-target"), body, said))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"connection", "content-length", "transfer-encoding"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - names that it looks up

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def take(self) -> dict[str, int]:
        """What was counted since the last time."""
        counted = dict(sorted(self.counted.items()))
        self.counted.clear()
        return counted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def billed(method: str, target: str | None, body: bytes, answer: bytes) -> dict[str, int]:
    """What a request is billed as.

    Args:
        method: of HTTP.
        target: the ``X-Amz-Target`` header of DynamoDB and SQS; S3 has none.
        body: of the request.
        answer: of the response.

    Raises:
        ValueError: it is an operation that nobody has said how to bill.
    """
    service, _, operation = (target or "S3.").partition(".")
    if service.startswith("DynamoDB"):
        said = json.loads(answer)
        if operation == "GetItem":
            return {"dynamodb_read_unit": max(1, math.ceil(item_size(said.get("Item", {})) / READ_UNIT))}
        if operation == "BatchGetItem":
            found = [item for items in said.get("Responses", {}).values() for item in items]
            asked = sum(len(table["Keys"]) for table in json.loads(body)["RequestItems"].values())
            units = sum(math.ceil(item_size(item) / READ_UNIT) for item in found)
            return {"dynamodb_read_unit": units + asked - len(found)}
        if operation == "Query":  # of an index, so not consistent: half a unit, which is rounded up
            size = sum(item_size(item) for item in said["Items"])
            return {"dynamodb_read_unit": max(1, math.ceil(size / READ_UNIT / 2))}
        if operation == "UpdateItem":  # what the library updates is small
            return {"dynamodb_write_unit": 1}
        if operation == "TransactWriteItems":
            items = [next(iter(each.values()))["Item"] for each in json.loads(body)["TransactItems"]]
            return {"dynamodb_write_unit": sum(2 * math.ceil(item_size(item) / WRITE_UNIT) for item in items)}
        if operation == "PutItem":
            return {"dynamodb_write_unit": math.ceil(item_size(json.loads(body)["Item"]) / WRITE_UNIT)}
        if operation == "DeleteItem":
            return {"dynamodb_write_unit": 1}
    elif service == "AmazonSQS":
        return {"sqs_request": max(1, math.ceil(len(body) / SQS_CHUNK))}
    elif service == "S3":
        return {"s3_read" if method in {"GET", "HEAD"} else "s3_write": 1}
    raise ValueError(f"{target} is not billed here")


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item as DynamoDB counts them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html

    Args:
        item: values by name, as they go over the wire.
    """
    return sum(len(name.encode()) + _value_size(*next(iter(value.items()))) for name, value in item.items())


def _value_size(kind: str, value: Any) -> int:
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        return math.ceil(len(value.strip("-0").replace(".", "")) / 2) + 1
    if kind == "B":
        return len(base64.b64decode(value))
    raise ValueError(f"a value of type {kind} is none of the library's")
