"""Loaded once by the process that workers are forked from: what takes long is done before they begin."""

from tests.chaos.cloud import client_of
from tests.chaos.events import worker

for _service in ("dynamodb", "sqs"):
    client_of("http://127.0.0.1:1", _service).close()  # reads the descriptions of the services

__all__ = ["worker"]
