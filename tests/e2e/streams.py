"""A front end that streams, for a deployed function: MiniStack has none.

MiniStack starts functions under a client of its own, without what ``AWS_LAMBDA_EXEC_WRAPPER`` names, and its
front ends have a response when it is whole. Here the files that were deployed are started as Lambda does it:
by the wrapper, with the variables that the stack gave the function, and with credentials of its role. They
get requests from a front end that passes on the parts of responses as they come. Table, secret and role are
those of the stack.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.artifact.function_url import EventOf, FunctionUrl
from tests.artifact.runtime_api import ExecutionEnvironment, Said
from tests.e2e.cloud import MINISTACK, REGION, Cloud
from tests.e2e.stacks import Stack
from tests.hosts.aws_lambda.events import Sent, rest_api


class Streams(NamedTuple):
    """A function behind a front end that streams.

    Attributes:
        url: of the front end, without a path.
        environments: those that run the function.
    """

    url: str
    environments: list[ExecutionEnvironment]

    def responses(self) -> list[Said]:
        """What the function has sent as responses since the last time, in no order."""
        said = []
        for environment in self.environments:
            while not environment.api.said.empty():
                said.append(environment.api.said.get())
        return [one for one in said if one.path.endswith("/response")]


@contextmanager
def streaming(
    stack: Stack,
    function: str,
    variables: Mapping[str, str] | None = None,
    *,
    make_event: EventOf | None = None,
) -> Iterator[Streams]:
    """Run three environments of a function.

    Args:
        stack: has the function.
        function: its logical id.
        variables: besides those that it was deployed with.
        make_event: as for ``FunctionUrl``.
    """
    cloud = stack.cloud
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=stack.resources[function])
    told = configuration["Environment"]["Variables"]
    built = stack.built.parent
    with _credentials(cloud, configuration["Role"]) as credentials, contextlib.ExitStack() as running:
        given = {
            **told,
            **credentials,
            "AWS_CA_BUNDLE": str(cloud.certificate),
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_REGION": REGION,
            "NO_PROXY": "127.0.0.1",
            **(variables or {}),
        }
        environments = [
            running.enter_context(
                ExecutionEnvironment(
                    MINISTACK / "bin" / "python",
                    built / function,
                    layers=[built / layer["Ref"] for layer in stack.template.properties(function)["Layers"]],
                    handler=configuration["Handler"],
                    variables=given,
                    memory=configuration["MemorySize"],
                    timeout=configuration["Timeout"],
                    wrapper=Path(told["AWS_LAMBDA_EXEC_WRAPPER"]),
                )
            )
            for _ in range(3)
        ]
        front = running.enter_context(FunctionUrl(environments, make_event))
        yield Streams(front.address, environments)


def rest_event(method: str, target: str, headers: Any, body: bytes) -> dict[str, Any]:
    """A request as a REST API tells it."""
    named = tuple((name.lower(), value) for name, value in headers)
    return rest_api(Sent(method=method, path=target.partition("?")[0], headers=named, body=body.decode()))


@contextmanager
def _credentials(cloud: Cloud, role: str) -> Iterator[dict[str, str]]:
    """Those that Lambda gives a function: of a session of its role.

    Only Lambda may assume the role. MiniStack's Lambda has no part in this, so until the end of the context
    the account may do so as well.
    """
    iam, name = cloud.client("iam"), role.rpartition("/")[2]
    trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    account = {"Effect": "Allow", "Principal": {"AWS": role.split(":")[4]}, "Action": "sts:AssumeRole"}
    opened = {**trusted, "Statement": [*trusted["Statement"], account]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
    try:
        found = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="streams")["Credentials"]
        yield {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))
