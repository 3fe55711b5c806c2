"""Content blocks and contents of resources from decoded JSON."""

import msgspec
import pytest

from lambent.wire.content import data_of, read_block, read_contents, read_message
from lambent.wire.values import (
    Annotations,
    BlobResourceContents,
    EmbeddedResource,
    PromptMessage,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

TEXT = {"uri": "note://one", "text": "é", "mimeType": "text/plain"}
BLOB = {"uri": "note://two", "blob": "AAE="}


def test_a_block_is_of_its_type() -> None:
    assert read_block({"type": "text", "text": "hi"}) == TextContent(text="hi")
    link = {"type": "resource_link", "uri": "note://one", "name": "one"}
    assert read_block(link) == ResourceLink(uri="note://one", name="one")


def test_an_embedded_resource_keeps_its_annotations_and_meta_and_the_json_stays() -> None:
    members = {"type": "resource", "resource": TEXT, "annotations": {"priority": 1}, "_meta": {"a": 1}}
    before = msgspec.json.encode(members)
    resource = TextResourceContents(uri="note://one", text="é", mime_type="text/plain")
    assert read_block(members) == EmbeddedResource(
        resource=resource, annotations=Annotations(priority=1), meta={"a": 1}
    )
    assert msgspec.json.encode(members) == before


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_block({"type": "nothing"})
    with pytest.raises(KeyError):
        read_block({"type": "resource"})


def test_contents_are_text_or_bytes() -> None:
    text, blob = read_contents(TEXT), read_contents(BLOB)
    assert (text, blob) == (
        TextResourceContents(uri="note://one", text="é", mime_type="text/plain"),
        BlobResourceContents(uri="note://two", blob="AAE="),
    )
    assert (data_of(text), data_of(blob)) == ("é", b"\0\1")


def test_a_message_has_a_role_and_a_block() -> None:
    message = read_message({"role": "user", "content": {"type": "text", "text": "hi"}})
    assert message == PromptMessage(role="user", content=TextContent(text="hi"))
