"""Snapshots under Lambda's own client, which calls the hooks: primed before, separate after."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.artifact.runtime_api import REGION, ExecutionEnvironment
from tests.support import EVERYTHING, SECRET, Client, accept

SERVER = """
import random, sys

from lambent import Context, MCPServer

random.seed(1)
mcp = MCPServer("snap")


@mcp.tool()
async def ask(ctx: Context) -> str:
    return (await ctx.elicit("Sure?", {"type": "object", "properties": {}})).action


answer = mcp.lambda_handler()


def handler(event, context):
    if "loaded" in event:
        return {"loaded": sorted(sys.modules), "random": random.random()}
    return answer(event, context)
"""

DEAR = {"asyncio", "boto3", "cryptography.hazmat.primitives.ciphers.aead"}


@pytest.mark.parametrize("kind", ["snap-start", "on-demand"])
def test_what_first_requests_need_is_in_the_snapshot(
    lambda_python: Path, artifact: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    (tmp_path / "app.py").write_text(SERVER)
    variables = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
        "LAMBENT_STATE_KEYS": SECRET,
        "LAMBENT_TABLE": "table",
    }
    layers = [artifact("runtime")]
    drawn = set()
    for _ in range(2):
        with ExecutionEnvironment(lambda_python, tmp_path, layers=layers, variables=variables) as environment:
            probe = environment.invoke({"loaded": True}).value
            drawn.add(probe["random"])
            assert (set(probe["loaded"]) & DEAR) == (DEAR if kind == "snap-start" else set())
            client = Client(lambda event, _, environment=environment: environment.invoke(event).value)
            assert (
                client.answered("ask", {"elicitation-1": accept()}, capabilities=EVERYTHING).text == "accept"
            )
    assert len(drawn) == (2 if kind == "snap-start" else 1)
