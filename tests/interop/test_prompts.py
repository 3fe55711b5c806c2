"""A client gets prompts, and has arguments completed."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interop.talks import Talk

LETTER = {"type": "ref/prompt", "name": "letter"}
PERSON = {"type": "ref/resource", "uri": "interop://cities/{city}/people/{number}"}


def test_a_prompt(talk: "Talk") -> None:
    prompt = talk.value("prompt", name="letter", arguments={"name": "Zoë", "tone": "courteous"})
    assert prompt["description"] == "Have a letter written."
    assert prompt["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "Write a courteous letter to Zoë."}},
        {"role": "user", "content": {"type": "text", "text": "Keep it short."}},
    ]


@pytest.mark.parametrize(
    ("ref", "argument", "settled", "values"),
    [
        pytest.param(LETTER, {"name": "tone", "value": "co"}, None, ["cold", "courteous"], id="prompt"),
        pytest.param(LETTER, {"name": "tone", "value": ""}, {"name": "Graz"}, ["homely"], id="context"),
        pytest.param(PERSON, {"name": "city", "value": "zü"}, None, ["zürich"], id="template"),
    ],
)
def test_a_completion(talk: "Talk", ref: Any, argument: Any, settled: Any, values: list[str]) -> None:
    task = {"do": "complete", "ref": ref, "argument": argument, "settled": settled}
    if talk.client == "inspector":
        message = talk.error(**task)["message"]
        assert message.startswith("Unsupported method: prompts/complete. Supported --cli methods: ")
        talk.skip("has no method prompts/complete")
    assert talk.value(**task) == {"values": values, "total": len(values), "hasMore": False}
