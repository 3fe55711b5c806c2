"""An AWS that enforces its roles, in a child process on one loopback port: MiniStack, and what is in it."""

import functools
import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import msgspec
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.installed import alone

from lambent.cli.local_aws import emulator_main
from lambent.cli.local_aws.emulator import Emulator
from lambent.cli.local_aws.interpreter import machine_architecture

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam"
MINISTACK = ROOT / ".venv-ministack"
REGION = "eu-west-1"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""MiniStack's own, those of the account's root: what sam and the tests do is not what is tested."""

SECONDS = 120

Inventory = Mapping[str, frozenset[str]]


def require_tools() -> None:
    """Make the environments of sam and of MiniStack, unless they are as their lock files have them."""
    stamps = [(SAM, ROOT / "requirements-sam.txt"), (MINISTACK, ROOT / "requirements-ministack.txt")]
    with alone(ROOT / "requirements-sam.txt"):
        if any(_older(folder / ".installed", lock) for folder, lock in stamps):
            subprocess.run(["make", "--silent", "tools"], cwd=ROOT, check=True, timeout=300)
    if not (MINISTACK / "bin" / "python3.13").exists():
        pytest.skip("Lambda's Python, 3.13, was not on this machine when .venv-ministack was made")


def _older(stamp: Path, source: Path) -> bool:
    return not stamp.exists() or stamp.stat().st_mtime < source.stat().st_mtime


class Reply(msgspec.Struct, frozen=True):
    """An HTTP response.

    Attributes:
        headers: their names are lower-case.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Cloud:
    """MiniStack, from entering to closing.

    Args:
        folder: for its log and for the code of deployed functions.

    Attributes:
        endpoint: its URL.
        certificate: what it proves itself with: the transport is encrypted, as policies want it.
        key: of the certificate, as a file.
        log: what it prints.
        environment: the variables with which sam finds it.
    """

    def __init__(self, folder: Path) -> None:
        require_tools()
        temporary = folder / "tmp"
        temporary.mkdir(parents=True)
        self.log = folder / "ministack.log"
        # What the shell adds to Python's path, or a home has for AWS, would be there for functions as well.
        base = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        base |= {"HOME": str(temporary), "TMPDIR": str(temporary)}
        path = f"{SAM / 'bin'}:{os.environ['PATH']}"
        packages = next((SAM / "lib").glob("python*")) / "site-packages"
        python, script = MINISTACK / "bin" / "python", Path(__file__).with_name("serve_aws.py")
        self._plain = folder / "address"
        self.certificate, self.key = make_certificate(folder)
        tls = {
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.certificate),
            "MINISTACK_SSL_KEY": str(self.key),
        }
        with self.log.open("wb") as output:
            self._emulator = Emulator(
                REGION,
                {**base, "PATH": path},
                output.fileno(),
                command=[
                    *(str(python), "-P", str(script), str(packages), str(self.certificate), str(self.key)),
                    *(str(self._plain), emulator_main.__file__),
                ],
                settings={"AUTH": "true", "LOG_LEVEL": "WARNING", **tls},
            )
        self.endpoint = self._emulator.endpoint.replace("http:", "https:")
        shell = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
        direct = ",".join(filter(None, ("127.0.0.1", os.environ.get("NO_PROXY", os.environ.get("no_proxy")))))
        self.environment = {
            **shell,
            "ARCHITECTURE": machine_architecture(),
            "PATH": path,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": direct,
            "no_proxy": direct,
            "SAM_CLI_TELEMETRY": "0",
            # Where sam notes that it was run.
            "__SAM_CLI_APP_DIR": str(temporary),
            **{name.upper(): value for name, value in CREDENTIALS.items()},
        }
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.certificate))),
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client."""
        if service not in self._clients:
            self._clients[service] = self.make_client(service)
        return self._clients[service]

    def make_client(self, service: str, **options: Any) -> Any:
        """Another boto3 client, which its maker has to close."""
        config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 2}, proxies={})
        defaults = {"endpoint_url": self.endpoint, "region_name": REGION, "config": config, **CREDENTIALS}
        # Whatever the shell says of real ones.
        shell = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with mock.patch.dict(os.environ, {**shell, "AWS_CONFIG_FILE": os.devnull}, clear=True):
            return boto3.session.Session().client(
                service, verify=str(self.certificate), **{**defaults, **options}
            )

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function; what it returns.

        Raises:
            AssertionError: it failed.
        """
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        told = answer["Payload"].read()
        assert "FunctionError" not in answer, told.decode()
        return json.loads(told)

    def send(
        self,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Reply:
        """Send an HTTP request; any status is an answer."""
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)
        try:
            response = self._opener.open(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, names, response.read())

    def in_the_clear(self, url: str) -> str:
        """The same address without encryption."""
        return url.replace(self.endpoint, self._plain.read_text())

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """Let other clients trust the certificate, and come without a detour."""
        variables = {"SSL_CERT_FILE": str(self.certificate), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        with mock.patch.dict(os.environ, variables):
            yield

    def inventory(self) -> Inventory:
        """Everything there is of the kinds of resources that the stacks have, by kind."""
        return {kind: frozenset(found(self.client(service))) for kind, (service, found) in _KINDS.items()}

    @functools.cached_property
    def managed_bucket(self) -> str:
        """The bucket in which sam keeps what it uploads."""
        name = "aws-sam-cli-managed-default"
        (stack,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        values = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return str(values["SourceBucket"])

    def complaints(self) -> list[str]:
        """What MiniStack warned of last."""
        lines = self.log.read_text(errors="replace").splitlines()
        # Clients that hang up without a word are none of its own doing.
        told = [
            line for line in lines if re.match(r"\S+ \S+ (WARNING|ERROR) \[(?!asyncio|samtranslator)", line)
        ]
        return ["--- MiniStack", *told[-20:]]

    def close(self) -> None:
        """End it."""
        for client in self._clients.values():
            client.close()
        self._emulator.close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine's own address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local AWS")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def _names(operation: str, members: str, name: str) -> Callable[[Any], list[str]]:
    def found(client: Any) -> list[str]:
        if client.can_paginate(operation):
            pages = list(client.get_paginator(operation).paginate())
        else:
            pages = [getattr(client, operation)()]
        return [item if name == "" else item[name] for page in pages for item in page.get(members, ())]

    return found


_KINDS: dict[str, tuple[str, Callable[[Any], list[str]]]] = {
    "alarms": ("cloudwatch", _names("describe_alarms", "MetricAlarms", "AlarmName")),
    "APIs": ("apigatewayv2", _names("get_apis", "Items", "ApiId")),
    "configurations": ("appconfig", _names("list_applications", "Items", "Id")),
    "buckets": ("s3", _names("list_buckets", "Buckets", "Name")),
    "distributions": ("cloudfront", lambda client: [
        item["Id"] for item in client.list_distributions()["DistributionList"].get("Items", ())
    ]),
    "event buses": ("events", _names("list_event_buses", "EventBuses", "Name")),
    "event rules": ("events", lambda client: [
        rule["Arn"]
        for bus in _names("list_event_buses", "EventBuses", "Name")(client)
        for rule in client.list_rules(EventBusName=bus)["Rules"]
    ]),
    "event source mappings": ("lambda", _names("list_event_source_mappings", "EventSourceMappings", "UUID")),
    "functions": ("lambda", _names("list_functions", "Functions", "FunctionName")),
    # Stacks share the names of layers, and not their versions.
    "layers": ("lambda", lambda client: [
        version["LayerVersionArn"]
        for layer in _names("list_layers", "Layers", "LayerName")(client)
        for version in client.list_layer_versions(LayerName=layer)["LayerVersions"]
    ]),
    "log groups": ("logs", _names("describe_log_groups", "logGroups", "logGroupName")),
    "queues": ("sqs", _names("list_queues", "QueueUrls", "")),
    "roles": ("iam", _names("list_roles", "Roles", "RoleName")),
    "secrets": ("secretsmanager", _names("list_secrets", "SecretList", "Name")),
    "stacks": ("cloudformation", lambda client: [
        stack["StackName"] for stack in client.describe_stacks()["Stacks"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    ]),
    "tables": ("dynamodb", _names("list_tables", "TableNames", "")),
}  # fmt: skip
