"""AWS through boto3, whose errors are mapped here only: clients made on first use; SQS and S3."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from lambent.errors import ConfigurationError, LambentError, StoreError

MAX_DELAY_SECONDS = 900
"""The longest delay of SQS."""

_BATCH = 10
"""Messages that SQS takes with a request."""

_HOW = "install the extra lambent[aws]"

_REGION = "Set AWS_DEFAULT_REGION: boto3 takes none from AWS_REGION."
"""Lambda sets both; containers often have the latter alone."""

_making = threading.Lock()
_clients: dict[str, Any] = {}


class AwsResource:
    """One resource of an AWS service: a table, a queue, a bucket or a secret.

    Args:
        service: as boto3 names it, such as ``dynamodb``.
        name: the resource's name, ARN or URL.
        given: a boto3 client; default: one from the environment, made at first use.

    Raises:
        ConfigurationError: boto3 is not installed.
    """

    def __init__(self, service: str, name: str, given: Any = None) -> None:
        if given is None:
            require_boto3(f"The {service} resource {name!r}")
        self.service = service
        self.name = name
        self._given = given

    @contextlib.contextmanager
    def calling(self, action: str) -> Iterator[Any]:
        """Map what boto3 raises inside the ``with`` block, which gets the client.

        The action is the operation as IAM policies name it, such as ``PutItem``.

        Raises:
            StoreError: from what boto3 raised; it names service, action and resource.
        """
        try:
            yield client(self.service) if self._given is None else self._given
        except LambentError:
            raise
        except Exception as error:
            from botocore.exceptions import BotoCoreError, ClientError, NoRegionError  # loaded already

            if not isinstance(error, ClientError | BotoCoreError | OSError):
                raise
            said = f"{error} {_REGION}" if isinstance(error, NoRegionError) else error
            raise StoreError(f"{self.service}: {action} of {self.name!r} failed: {said}") from error


class SqsQueue:
    """Sends task ids to the queue with a URL, which brings them to the worker function; see ``Resource``."""

    def __init__(self, url: str, sqs: Any = None) -> None:
        self._queue = AwsResource("sqs", url, sqs)

    def send(self, task_id: str, delay: float = 0.0) -> None:
        """See ``Queue.send``; the delay is rounded up to whole seconds."""
        seconds = min(math.ceil(max(0.0, delay)), MAX_DELAY_SECONDS)
        with self._queue.calling("SendMessage") as sqs:
            sqs.send_message(QueueUrl=self._queue.name, MessageBody=task_id, DelaySeconds=seconds)

    def send_all(self, messages: Sequence[str]) -> None:
        """See ``MessageQueue.send_all``: a request for ten."""
        for at in range(0, len(messages), _BATCH):
            entries = [
                {"Id": str(number), "MessageBody": one}
                for number, one in enumerate(messages[at : at + _BATCH])
            ]
            with self._queue.calling("SendMessage") as sqs:
                answer = sqs.send_message_batch(QueueUrl=self._queue.name, Entries=entries)
            if refused := answer.get("Failed"):
                code = refused[0]["Code"]
                raise StoreError(
                    f"sqs: SendMessage of {self._queue.name!r} failed for {len(refused)}: {code}"
                )


class S3Blobs:
    """Keeps blobs in a bucket, which removes them by a lifecycle rule; see ``Resource``."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = AwsResource("s3", bucket, s3)

    def put(self, name: str, data: bytes, purge_at: float = math.inf) -> None:
        """See ``Blobs.put``; the lifecycle rule decides."""
        with self._bucket.calling("PutObject") as s3:
            s3.put_object(Bucket=self._bucket.name, Key=name, Body=data, ContentType="application/json")

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        with self._bucket.calling("GetObject") as s3:
            try:
                data: bytes = s3.get_object(Bucket=self._bucket.name, Key=name)["Body"].read()
            except s3.exceptions.NoSuchKey:
                return None
        return data


def require_boto3(what: str) -> None:
    """Check that boto3 can be imported, without importing it, so that a host tells it when it is made.

    Raises:
        ConfigurationError: it is not installed; the message says what needs it.
    """
    from importlib.util import find_spec  # loaded where AWS is used

    if find_spec("boto3") is None:
        raise ConfigurationError(f"{what} needs boto3: {_HOW}")


def client(service: str) -> Any:
    """The client of a service, from the environment's credentials, region and endpoint; one for all threads.

    The import of boto3 takes 165 ms, so it waits until a call needs it.

    Raises:
        ConfigurationError: boto3 is not installed.
    """
    with _making:  # boto3's default session is not safe for threads that make clients at the same time
        if service not in _clients:
            try:
                import boto3
                from botocore.config import Config
            except ImportError as error:
                raise ConfigurationError(f"AWS needs boto3: {_HOW}") from error

            # A caller is waiting, so few retries and a short connect timeout; callers handle conflicts.
            # A function that is invoked has effects, so once, and takes its time.
            attempts, seconds = (1, 900) if service == "lambda" else (4, 10)
            retries = {"mode": "standard", "total_max_attempts": attempts}
            config = Config(connect_timeout=2, read_timeout=seconds, retries=retries)
            _clients[service] = boto3.client(service, config=config)
        return _clients[service]


def close_connections() -> None:
    """Close the connections of all clients; they open new ones when they need them.

    For a process that was restored from a snapshot: the connections of the snapshot no longer exist.
    """
    with _making:
        for made in _clients.values():
            made.close()


def forget_clients() -> None:
    """Close all clients, and make new ones where there is need: the environment is another one now."""
    close_connections()
    with _making:
        _clients.clear()
