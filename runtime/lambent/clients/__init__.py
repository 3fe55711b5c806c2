"""Transports for clients of the official SDK: how to reach servers that have no URL.

For programs that call servers. Nothing here is imported by a server.
"""

try:
    from lambent.clients.aws_lambda import LambdaTransport
except ModuleNotFoundError as error:
    missing = f"lambent.clients needs {error.name}: pip install mcp boto3"
    raise ModuleNotFoundError(missing, name=error.name) from error

__all__ = ["LambdaTransport"]
