"""Wire values: names in camelCase, defaults left out, and what is refused."""

import json
from typing import Any

import msgspec
import pytest

from lambent import (
    Annotations,
    AssistantMessage,
    AudioContent,
    BlobResourceContents,
    CacheHint,
    Completion,
    CompletionArgument,
    EmbeddedResource,
    Icon,
    ImageContent,
    PromptMessage,
    PromptReference,
    ResourceLink,
    ResourceTemplateReference,
    Root,
    SamplingMessage,
    SamplingResult,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    UserMessage,
)
from lambent.wire.values import LOG_LEVELS, Implementation, ToolResultContent, ToolUseContent

HINTS = Annotations(audience=["user"], priority=0.5, last_modified="2026-01-02T03:04:05Z")
HINTS_JSON = '"annotations":{"audience":["user"],"priority":0.5,"lastModified":"2026-01-02T03:04:05Z"}'
META: dict[str, Any] = {"com.example/k": [1]}
META_JSON = '"_meta":{"com.example/k":[1]}'
ICON = Icon(src="data:,", mime_type="image/png", sizes=["any"], theme="light")
ICON_JSON = '{"src":"data:,","mimeType":"image/png","sizes":["any"],"theme":"light"}'

VALUES: list[tuple[Any, str]] = [
    (TextContent(text="x"), '{"type":"text","text":"x"}'),
    (TextContent(text=""), '{"type":"text","text":""}'),
    (
        TextContent(text="x", annotations=HINTS, meta=META),
        f'{{"type":"text","text":"x",{HINTS_JSON},{META_JSON}}}',
    ),
    (
        ImageContent(data="eA==", mime_type="image/png"),
        '{"type":"image","data":"eA==","mimeType":"image/png"}',
    ),
    (
        ImageContent(data="eA==", mime_type="image/png", annotations=HINTS, meta=META),
        f'{{"type":"image","data":"eA==","mimeType":"image/png",{HINTS_JSON},{META_JSON}}}',
    ),
    (
        AudioContent(data="eA==", mime_type="audio/wav", annotations=HINTS, meta=META),
        f'{{"type":"audio","data":"eA==","mimeType":"audio/wav",{HINTS_JSON},{META_JSON}}}',
    ),
    (ResourceLink(uri="a:b", name="n"), '{"type":"resource_link","uri":"a:b","name":"n"}'),
    (
        ResourceLink(
            uri="a:b",
            name="n",
            title="t",
            description="d",
            mime_type="text/plain",
            size=0,
            icons=[ICON],
            annotations=HINTS,
            meta=META,
        ),
        (
            '{"type":"resource_link","uri":"a:b","name":"n","title":"t","description":"d",'
            f'"mimeType":"text/plain","size":0,"icons":[{ICON_JSON}],{HINTS_JSON},{META_JSON}}}'
        ),
    ),
    (
        EmbeddedResource(resource=TextResourceContents(uri="a:b", text="x")),
        '{"type":"resource","resource":{"uri":"a:b","text":"x"}}',
    ),
    (
        EmbeddedResource(
            resource=BlobResourceContents(uri="a:b", blob="eA==", mime_type="image/png", meta=META),
            annotations=HINTS,
            meta=META,
        ),
        (
            f'{{"type":"resource","resource":{{"uri":"a:b","blob":"eA==","mimeType":"image/png",{META_JSON}}},'
            f"{HINTS_JSON},{META_JSON}}}"
        ),
    ),
    (
        TextResourceContents(uri="a:b", text="x", mime_type="text/plain", meta=META),
        f'{{"uri":"a:b","text":"x","mimeType":"text/plain",{META_JSON}}}',
    ),
    (Icon(src="https://a/b.png"), '{"src":"https://a/b.png"}'),
    (Implementation(name="n", version="1"), '{"name":"n","version":"1"}'),
    (Annotations(), "{}"),
    (Annotations(priority=0.0), '{"priority":0.0}'),
    (
        ToolAnnotations(
            title="t",
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
        (
            '{"title":"t","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,'
            '"openWorldHint":false}'
        ),
    ),
    (UserMessage("x"), '{"role":"user","content":{"type":"text","text":"x"}}'),
    (AssistantMessage(TextContent(text="x")), '{"role":"assistant","content":{"type":"text","text":"x"}}'),
    (PromptMessage(role="user", content="x"), '{"role":"user","content":{"type":"text","text":"x"}}'),
    (Completion(values=[]), '{"values":[]}'),
    (Completion(values=["a"], total=0, has_more=False), '{"values":["a"],"total":0,"hasMore":false}'),
    (PromptReference(name="p"), '{"type":"ref/prompt","name":"p"}'),
    (ResourceTemplateReference(uri="a://{b}"), '{"type":"ref/resource","uri":"a://{b}"}'),
    (CompletionArgument(name="a", value=""), '{"name":"a","value":""}'),
    (Root(uri="file:///a"), '{"uri":"file:///a"}'),
    (
        SamplingMessage(role="user", content=[TextContent(text="x")], meta=META),
        f'{{"role":"user","content":[{{"type":"text","text":"x"}}],{META_JSON}}}',
    ),
    (
        ToolUseContent(id="1", name="n", input={"a": 1}),
        '{"type":"tool_use","id":"1","name":"n","input":{"a":1}}',
    ),
    (
        ToolResultContent(tool_use_id="1", content=[TextContent(text="x")], structured_content=None),
        (
            '{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"x"}],'
            '"structuredContent":null}'
        ),
    ),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: type(value).__name__)
def test_values_byte_for_byte(value: Any, expected: str) -> None:
    assert msgspec.json.encode(value) == expected.encode()


RECEIVED = (CompletionArgument, PromptReference, ResourceTemplateReference, Root, ToolUseContent)


@pytest.mark.parametrize(("value", "received"), [row for row in VALUES if isinstance(row[0], RECEIVED)])
def test_values_that_clients_send_are_read_back(value: Any, received: str) -> None:
    assert msgspec.json.decode(received, type=type(value)) == value


@pytest.mark.parametrize(("value", "_expected"), VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen(value: Any, _expected: str) -> None:
    with pytest.raises(AttributeError):
        value.role = value.uri = value.text = value.name = "changed"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ttl_ms": -1}, "ttl_ms must be 0 or more, not -1"),
        ({"scope": "shared"}, "scope must be 'public' or 'private', not 'shared'"),
    ],
)
def test_cache_hints_that_the_specification_forbids(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        CacheHint(**arguments)


def test_the_least_cache_hint_is_not_to_keep_anything() -> None:
    assert (CacheHint().ttl_ms, CacheHint().scope) == (0, "private")


def test_log_levels_rise_in_the_order_of_syslog() -> None:
    names = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
    assert sorted(LOG_LEVELS, key=LOG_LEVELS.__getitem__) == names


def sampled(content: Any) -> SamplingResult:
    answer = {"role": "assistant", "content": content, "model": "m", "stopReason": "endTurn"}
    return msgspec.json.decode(json.dumps(answer), type=SamplingResult)


TEXT = {"type": "text", "text": "a"}
USE = {"type": "tool_use", "id": "1", "name": "n", "input": {}}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TEXT, "a"),
        ([TEXT, {**TEXT, "text": "b"}], "ab"),
        ([TEXT, USE], "a"),
        (USE, ""),
        ([], ""),
        ({"type": "image", "data": "", "mimeType": "image/png"}, ""),
    ],
)
def test_the_text_of_a_sampled_answer(content: Any, text: str) -> None:
    result = sampled(content)
    assert (result.text, result.model, result.role, result.stop_reason) == (text, "m", "assistant", "endTurn")


@pytest.mark.parametrize("content", ["a", None, {"type": "other"}, {"type": "resource_link"}, [[]]])
def test_sampled_answers_of_other_shapes_are_refused(content: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        sampled(content)
