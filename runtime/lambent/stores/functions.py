"""Functions of Lambda, which one function invokes and waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.errors import StoreError
from lambent.stores.aws import AwsResource


class LambdaFunctions:
    """The functions of the account; see ``lambent.hosts.aws_lambda.router.Functions``."""

    def __init__(self, client: Any = None) -> None:
        self._client = client

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """See ``Functions.invoke``."""
        function = AwsResource("lambda", name, self._client)
        with function.calling("InvokeFunction") as lambda_:
            answer = lambda_.invoke(FunctionName=name, Payload=msgspec.json.encode(event))
            payload: bytes = answer["Payload"].read()
        if "FunctionError" in answer:
            raise StoreError(f"lambda: {name!r} raised an error: its own log has it")
        try:
            return msgspec.json.decode(payload)
        except msgspec.DecodeError as error:
            raise StoreError(f"lambda: {name!r} returned no JSON") from error
