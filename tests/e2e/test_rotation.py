"""The secret that seals questions is rotated while somebody thinks about one."""

from tests.e2e.client import ASKING, Client
from tests.e2e.rotation import rotate_secret
from tests.e2e.stacks import Stack
from tests.support import accept


def test_a_question_outlives_a_rotation(shop: Stack) -> None:
    orders = Client(shop.cloud, shop.url("OrdersUrl"))
    arguments = {"order_id": "ORD-1012"}
    # One that has seen an earlier rotation pass would seal with a secret that is the previous one already.
    shop.renew("OrdersFunction")
    asked = orders.call("refund_order", arguments, capabilities=ASKING)
    rotate_secret(shop.cloud, shop.resources["StateSecret"], shop.resources["RotationFunction"])
    answers = {"confirmation": accept(confirm=True, reason="broken on arrival")}
    retry = {"inputResponses": answers, "requestState": asked["requestState"]}
    shop.renew("OrdersFunction")
    told = orders.call("refund_order", arguments, retry, capabilities=ASKING)
    assert told["resultType"] == "complete", told
    # Two rotations are one too many.
    rotate_secret(shop.cloud, shop.resources["StateSecret"], shop.resources["RotationFunction"])
    shop.renew("OrdersFunction")
    reply = orders.post(
        "tools/call", {"name": "refund_order", "arguments": arguments, **retry}, capabilities=ASKING
    )
    assert b'"code":-32602' in reply.body, reply
