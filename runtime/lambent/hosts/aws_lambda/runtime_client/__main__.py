"""What ``bootstrap`` and ``lambent-runtime`` start."""

from __future__ import annotations

import os
import sys

from lambent.hosts.aws_lambda.runtime_client.client import RuntimeApiClient
from lambent.hosts.aws_lambda.runtime_client.logs import FunctionLog, Unbuffered, output_of
from lambent.hosts.aws_lambda.runtime_client.loop import FunctionProcess


def main() -> None:
    """Serve the function that the environment names, until Lambda ends the process."""
    handler_name = sys.argv[1] if len(sys.argv) > 1 else os.environ["_HANDLER"]
    if count := os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY"):
        from lambent.hosts.aws_lambda.runtime_client.workers import run_workers  # loaded where there are some

        path = os.environ.get("_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET")
        sys.exit(run_workers(int(count), lambda: _serve(handler_name, is_worker=True), path))
    _serve(handler_name)


def _serve(handler_name: str, *, is_worker: bool = False) -> None:
    sys.stdout, sys.stderr = Unbuffered(sys.stdout), Unbuffered(sys.stderr)
    log = FunctionLog(os.environ, output_of(os.environ))
    log.install()
    api = RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"], _user_agent())
    process = FunctionProcess(api, log, is_worker=is_worker)
    process.run(handler_name, has_snapshot=os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start")


def _user_agent() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    return f"lambent-runtime-client Python/{version}"


if __name__ == "__main__":
    main()
