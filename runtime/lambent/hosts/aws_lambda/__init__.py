"""AWS Lambda: events in, responses out."""

from __future__ import annotations

from lambent.hosts.aws_lambda.handler import LambdaHandler

__all__ = ["LambdaHandler"]
