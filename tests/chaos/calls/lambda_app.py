"""What ``lambent dev`` serves."""

from tests.chaos.calls.served import make

handler = make().lambda_handler()
