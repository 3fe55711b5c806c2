"""Creates what a template describes, with the AWS API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from lambent.cli.local_aws.stack import BUCKET, QUEUE, TABLE, Resource, Stack
from lambent.cli.local_aws.template import Reference, TemplateError

_DEFAULT_REGION: Final = "us-east-1"
_QUEUE_ARN: Final = "QueueArn"


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of the services that resources are created with.

    Attributes:
        dynamodb: A boto3 client.
        sqs: A boto3 client.
        s3: A boto3 client.
        region: The region of all three.
    """

    dynamodb: Any
    sqs: Any
    s3: Any
    region: str

    def close(self) -> None:
        """Close their connections."""
        for client in (self.dynamodb, self.sqs, self.s3):
            client.close()


@dataclass(frozen=True, slots=True)
class Created:
    """What there is now.

    Attributes:
        refs: The value of `Ref` for each resource, by its logical id: the URL of a queue, a name elsewhere.
        arns: The ARN of each queue, by its logical id.
    """

    refs: dict[str, str] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)

    def variables(self, stack: Stack) -> dict[str, str]:
        """The environment variables that tell a function of its resources.

        Args:
            stack: Names them.
        """
        return {variable: self.refs[resource] for variable, resource in stack.variables.items()}


def create(stack: Stack, clients: Clients) -> Created:
    """Create the resources of a stack.

    Args:
        stack: The resources, those first that others need.
        clients: Where to create them.

    Returns:
        What was created.

    Raises:
        TemplateError: A resource needs one that is not among them.
        botocore.exceptions.BotoCoreError: There is nothing at the clients' endpoint.
        botocore.exceptions.ClientError: A resource was refused.
    """
    created = Created()
    for resource in stack.resources:
        _CREATORS[resource.type](resource, clients, created)
    return created


def _create_table(resource: Resource, clients: Clients, created: Created) -> None:
    properties = dict(resource.properties)
    ttl = properties.pop("TimeToLiveSpecification", None)
    clients.dynamodb.create_table(TableName=resource.name, **properties)
    if ttl is not None:
        clients.dynamodb.update_time_to_live(TableName=resource.name, TimeToLiveSpecification=ttl)
    created.refs[resource.id] = resource.name


def _create_queue(resource: Resource, clients: Clients, created: Created) -> None:
    attributes = {name: _attribute(_resolved(value, created)) for name, value in resource.properties.items()}
    url = clients.sqs.create_queue(QueueName=resource.name, Attributes=attributes)["QueueUrl"]
    shown = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_QUEUE_ARN])["Attributes"]
    created.refs[resource.id] = url
    created.arns[resource.id] = shown[_QUEUE_ARN]


def _create_bucket(resource: Resource, clients: Clients, created: Created) -> None:
    # The default region must not be named.
    place = {} if clients.region == _DEFAULT_REGION else {"LocationConstraint": clients.region}
    clients.s3.create_bucket(Bucket=resource.name, **({"CreateBucketConfiguration": place} if place else {}))
    created.refs[resource.id] = resource.name


_CREATORS: Final[Mapping[str, Callable[[Resource, Clients, Created], None]]] = MappingProxyType(
    {TABLE: _create_table, QUEUE: _create_queue, BUCKET: _create_bucket}
)


def _resolved(value: Any, created: Created) -> Any:
    if isinstance(value, Reference):
        known = created.arns if value.attribute == "Arn" else created.refs
        if value.resource not in known:
            raise TemplateError(f"{value.resource} is not known on this machine")
        return known[value.resource]
    if isinstance(value, Mapping):
        return {key: _resolved(item, created) for key, item in value.items()}
    return value


def _attribute(value: Any) -> str:
    """An attribute of a queue: its API knows texts only."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, Mapping) else str(value)


def make_clients(endpoint: str, region: str) -> Clients:
    """Make clients of a local endpoint: they know no real credentials.

    Args:
        endpoint: The URL of the endpoint.
        region: The region that it stands in for.

    Returns:
        The clients; threads may share them.

    Raises:
        ImportError: boto3 is not installed.
    """
    import botocore.session
    from botocore.config import Config

    nowhere = (None, None, os.devnull, None)
    # What the developer's shell says of profiles is of no concern here, and may even be wrong.
    session = botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
    # What fails here fails because the other end is gone: nothing is tried again.
    config = Config(
        connect_timeout=10,
        read_timeout=40,
        max_pool_connections=20,
        proxies={},
        retries={"total_max_attempts": 1},
    )

    def client(service: str) -> Any:
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )

    return Clients(client("dynamodb"), client("sqs"), client("s3"), region)


CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
)
"""Credentials that no real endpoint takes."""
