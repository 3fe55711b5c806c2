"""The layer for functions that stream, as Lambda's Python starts it: by the wrapper, from bytecode."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.artifact.runtime_api import RuntimeApi
from tests.support import SECRET, dumps, headers_of, http_api, message

SERVER = """
from lambent import Context, MCPServer

mcp = MCPServer("shop")

@mcp.tool()
def count(ctx: Context) -> int:
    ctx.report_progress(1)
    return 1

handler = mcp.lambda_handler()
"""


def test_a_function_streams(lambda_python: Path, artifact: Callable[..., Path], tmp_path: Path) -> None:
    layer = artifact("streaming")
    assert not list(layer.rglob("lambent/**/*.py")), "the library is there as bytecode alone"
    (tmp_path / "app.py").write_text(SERVER)
    api = RuntimeApi()
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(layer / "python"),  # in the place of /opt/python
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "shop",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "LAMBENT_STATE_KEYS": SECRET,
        "LAMBENT_RESPONSE_MODE": "stream",
        "_HANDLER": "app.handler",
    }
    command = [layer / "lambent-runtime", lambda_python, "-s", "/var/runtime/bootstrap.py"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path)
    try:
        call = message("tools/call", {"name": "count", "arguments": {}}, progressToken="t")
        event = http_api(dumps(call), headers_of(call), domain="abc.lambda-url.eu-west-1.on.aws")
        api.offer("1", event, "arn", 20)
        first, last = api.parts.get(timeout=60), api.parts.get(timeout=60)
        head, _, progress = first.partition(bytes(8))
        assert json.loads(head)["statusCode"] == 200
        assert b"notifications/progress" in progress
        assert b'"structuredContent":{"result":1}' in last
    finally:
        process.kill()
        process.wait()
        api.close()
