"""A client of Lambda's Runtime API whose handlers may stream.

``python -m lambent.hosts.aws_lambda.runtime_client`` stands in for ``awslambdaric``, the client of the
managed runtime, which sends a response when it is whole.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""
