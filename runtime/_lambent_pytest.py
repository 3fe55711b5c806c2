"""The pytest plugin of Lambent: fixtures with the AWS resources of a server, on moto.

It is beside the package and imports nothing of it, because pytest loads it whether a test uses it or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lambent.testing.aws import LambentAws


@pytest.fixture
def _lambent_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambentAws]:
    """What the fixtures of a test share."""
    from lambent.testing.aws import local_aws  # loaded by tests that use it

    with local_aws(monkeypatch) as aws:
        yield aws


@pytest.fixture
def lambent_aws(_lambent_moto: LambentAws) -> LambentAws:
    """All of them: a table, two queues, a bucket and a secret; with ``client(service)`` for more."""
    _lambent_moto.make_table()
    _lambent_moto.make_queue()
    _lambent_moto.make_deliveries()
    _lambent_moto.make_bucket()
    _lambent_moto.make_secret()
    return _lambent_moto


@pytest.fixture
def lambent_table(_lambent_moto: LambentAws) -> str:
    """The name of a DynamoDB table for tasks, sessions and idempotent calls; ``LAMBENT_TABLE`` has it."""
    return _lambent_moto.make_table()


@pytest.fixture
def lambent_queue(_lambent_moto: LambentAws) -> str:
    """The URL of an SQS queue for tasks; ``LAMBENT_TASK_QUEUE_URL`` has it."""
    return _lambent_moto.make_queue()


@pytest.fixture
def lambent_deliveries(_lambent_moto: LambentAws) -> str:
    """The URL of an SQS queue for deliveries of events; ``LAMBENT_EVENTS_QUEUE_URL`` has it."""
    return _lambent_moto.make_deliveries()


@pytest.fixture
def lambent_bucket(_lambent_moto: LambentAws) -> str:
    """The name of an S3 bucket for large arguments and results; ``LAMBENT_BUCKET`` has it."""
    return _lambent_moto.make_bucket()


@pytest.fixture
def lambent_secret(_lambent_moto: LambentAws) -> str:
    """The name of a secret that seals request states; ``LAMBENT_STATE_SECRET`` has it."""
    return _lambent_moto.make_secret()
