"""Models that extensions derive their own from."""

from collections.abc import Callable, Sequence
from typing import Any

import pydantic
import pytest
from tests.support import Client, success

from lambent.compat import Extension, MCPServer, MethodBinding, ServerRequestContext
from lambent.compat.models import (
    CallToolRequestParams,
    GetPromptRequestParams,
    ReadResourceRequestParams,
    RequestParams,
    Result,
    SubscriptionsListenRequestParams,
)

Serve = Callable[..., Client]


class JobParams(RequestParams):
    job_id: str


class JobStatus(Result):
    job_status: str


async def job_status(ctx: ServerRequestContext[Any, Any], params: JobParams) -> JobStatus:
    assert params.meta is not None
    return JobStatus(job_status=f"{params.job_id} runs", meta={"com.example/a": params.meta["com.example/a"]})


class Jobs(Extension):
    identifier = "com.example/jobs"

    def methods(self) -> Sequence[MethodBinding]:
        return [MethodBinding("com.example/jobs.status", JobParams, job_status)]


def test_members_have_the_names_of_the_wire(serve: Serve) -> None:
    client = serve(MCPServer("shop", version="1.2.3", extensions=[Jobs()]))
    reply = client.request("com.example/jobs.status", {"jobId": "job-7"}, **{"com.example/a": 1})
    assert reply.body == success('"jobStatus":"job-7 runs"', meta='"com.example/a":1')
    assert client.request("com.example/jobs.status", {}).error["code"] == -32602


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (CallToolRequestParams, {"name": "a", "arguments": {"b": 1}, "requestState": "s"}),
        (ReadResourceRequestParams, {"uri": "a:b", "inputResponses": {"a": {}}}),
        (GetPromptRequestParams, {"name": "a", "arguments": {"b": "c"}}),
        (
            SubscriptionsListenRequestParams,
            {"notifications": {"resourceSubscriptions": ["a:b"], "taskIds": ["t"]}, "_meta": {"a": 1}},
        ),
    ],
)
def test_parameters_are_read_and_written_as_they_are(
    model: type[pydantic.BaseModel], params: dict[str, Any]
) -> None:
    assert model.model_validate(params).model_dump(by_alias=True, exclude_none=True) == params
