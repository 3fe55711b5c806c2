"""Transports for clients of the official SDK: how to reach servers that have no URL.

For programs that call servers. Nothing here is imported by a server.
"""

from lambent.clients.aws_lambda import LambdaTransport

__all__ = ["LambdaTransport"]
