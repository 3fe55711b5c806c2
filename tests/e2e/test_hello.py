"""The smallest stack: one function behind its own URL, which brings the library along."""

import json
from collections.abc import Callable

from tests.e2e.client import Client
from tests.e2e.cloud import ROOT
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack


def test_it_is_deployed_alone_and_greets(deploy: Callable[..., Stack]) -> None:
    stack = deploy("hello", ROOT / "functions" / "hello" / "template.yaml", parameters=ANONYMOUS)
    assert {name for name in stack.resources if "Function" not in name} == set()
    client = Client(stack.cloud, stack.url("Url"))
    assert client.call("hello", {"name": "Mia"})["content"][0]["text"] == "Hello, Mia!"
    card = stack.cloud.send(f"{client.url}/server-card")
    assert card.status == 200, card
    assert json.loads(card.body)["name"].endswith("/hello")
