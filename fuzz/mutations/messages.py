"""Mutations of the JSON-RPC message."""

import base64
from random import Random
from typing import Any

from fuzz import values
from fuzz.corpus import ALL_CAPABILITIES, legacy_message, message
from fuzz.mutations.request_draft import (
    Mutation,
    MutationContext,
    RequestDraft,
    clone,
    hostile_value,
    params_of,
)
from fuzz.recorder import IDEMPOTENCY_META_KEY
from fuzz.request_model import BATCHED, PREFIX
from fuzz.values import VERSION_VALUES

LONG = 20_000
"""Characters of a long string: enough to show what is not linear, little enough for a million requests."""


def _spot(draft: RequestDraft, random: Random) -> tuple[Any, Any]:
    """A container of the message and a key or position in it, found by a walk from the top."""
    container, key = None, None
    current = draft.message
    while isinstance(current, dict | list) and current:
        container = current
        keys = list(current) if isinstance(current, dict) else range(len(current))
        key = random.choice(keys)
        current = current[key]
        if random.random() < 0.25:
            break
    return container, key


def _delete_member(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if container is not None:
        del container[key]


def _replace_member(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if container is not None:
        container[key] = hostile_value(context.random)


def _insert_member(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if isinstance(container, dict):
        container[context.random.choice(values.MEMBER_NAMES)] = hostile_value(context.random)
    elif isinstance(container, list):
        container.insert(key, hostile_value(context.random))


def _rename_member(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if isinstance(container, dict):
        renamed = context.random.choice((key.upper(), key + " ", f"{PREFIX}{key}", *values.MEMBER_NAMES))
        container[renamed] = container.pop(key)


def _wrap_value(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if container is not None:
        value = container[key]
        container[key] = context.random.choice(([value], [value, clone(value)], {"a": value}, [[value]]))


def _move_value(draft: RequestDraft, context: MutationContext) -> None:
    (one, here), (other, there) = _spot(draft, context.random), _spot(draft, context.random)
    if one is not None and other is not None:
        # Copied by value only where that cannot make a circle.
        value = one[here]
        other[there] = value if not isinstance(value, dict | list) else type(value)()


def _change_value(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    value = container[key] if container is not None else None
    random = context.random
    if isinstance(value, str) and value:
        at = random.randrange(len(value))
        container[key] = random.choice(
            (
                value[:at],
                value[at:],
                value[:at] + "\x00" + value[at:],
                value + value,
                value.upper(),
                value[::-1],
            )
        )
    elif isinstance(value, int | float):
        container[key] = random.choice((-value, value + 1, str(value), [value], value // 3, bool(value)))


def _grow_value(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if container is not None:
        count = context.random.choice((10, 100, 1000))
        shapes: tuple[Any, ...] = ("x" * count * 5, list(range(count)), {f"k{i}": "" for i in range(count)})
        container[key] = context.random.choice(shapes)


def _long_string(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if container is not None and context.random.random() < 0.1:
        character = context.random.choice(("x", '"', "-", ",", "/", "é", "=", "%"))
        container[key] = character * LONG


def _duplicate_member(draft: RequestDraft, context: MutationContext) -> None:
    container, key = _spot(draft, context.random)
    if isinstance(container, dict) and isinstance(key, str) and key.isprintable() and '"' not in key:
        marked = f'@raw:0,"{key}":{context.random.choice(("1", "null", "{}", "[]"))}@'
        container[f"{key}\x01"] = marked


def _rpc_method(draft: RequestDraft, context: MutationContext) -> None:
    if isinstance(draft.message, dict):
        draft.message["method"] = context.random.choice(values.METHODS)


def _target_name(draft: RequestDraft, context: MutationContext) -> None:
    params = params_of(draft)
    if "name" in params:
        params["name"] = context.random.choice(values.NAMES)


def _target_uri(draft: RequestDraft, context: MutationContext) -> None:
    params = params_of(draft)
    if "uri" in params:
        params["uri"] = context.random.choice(values.URIS)
    elif isinstance(params.get("ref"), dict):
        params["ref"] = {"type": "ref/resource", "uri": context.random.choice(values.URIS)}


def _cursor(draft: RequestDraft, context: MutationContext) -> None:
    random = context.random
    inner = random.choice(
        ("tools/list add", "tools/list", "prompts/list greet", "resources/list x", " ", "\x00")
    )
    encoded = base64.urlsafe_b64encode(inner.encode()).decode()
    choices = (
        encoded,
        encoded.rstrip("="),
        encoded + "=",
        encoded[:-2],
        "",
        "é",
        "====",
        "a" * 3001,
        encoded * 2,
    )
    params_of(draft)["cursor"] = random.choice(choices)


def _remove_id(draft: RequestDraft, context: MutationContext) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("id", None)


def _replace_id(draft: RequestDraft, context: MutationContext) -> None:
    if isinstance(draft.message, dict):
        draft.message["id"] = hostile_value(context.random)


def _batch(draft: RequestDraft, context: MutationContext) -> None:
    draft.message = context.random.choice(
        ([draft.message], [draft.message, clone(draft.message)], [], {"a": draft.message})
    )


def _mixed_batch(draft: RequestDraft, context: MutationContext) -> None:
    """A batch of messages of all kinds."""
    random = context.random
    others = (
        legacy_message("ping", {}, "p"),
        legacy_message("no/such", {}, 2),
        legacy_message("notifications/cancelled", {"requestId": 1}),
        legacy_message("initialize", {"protocolVersion": BATCHED}, 3),
        message("tools/list", {}, 4),
        {"jsonrpc": "2.0", "id": "q", "result": {}},
        {"jsonrpc": "2.0", "error": {"code": 1, "message": "x"}},
        hostile_value(random),
    )
    count = random.choice((1, 2, 3, 5, 100, 101))
    draft.message = [clone(random.choice((draft.message, *others))) for _ in range(count)]


def _era(draft: RequestDraft, context: MutationContext) -> None:
    """Take from a message what tells its era, or make it one of the other era."""
    params = params_of(draft)
    full = message("", {})["params"]["_meta"]
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        params["_meta"] = full
        return
    key = f"{PREFIX}protocolVersion"
    change = context.random.choice(("drop", "name", "full", "clear"))
    if change == "drop":
        meta.pop(key, None)
    elif change == "clear":
        params["_meta"] = {}
    elif change == "full":
        meta.update(full)
    else:
        meta[key] = context.random.choice((*VERSION_VALUES, None, 1))


def _make_response(draft: RequestDraft, context: MutationContext) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("method", None)
        draft.message[context.random.choice(("result", "error"))] = {}


def _capabilities(draft: RequestDraft, context: MutationContext) -> None:
    meta = params_of(draft).get("_meta")
    if isinstance(meta, dict):
        kept = {
            name: value for name, value in clone(ALL_CAPABILITIES).items() if context.random.random() < 0.5
        }
        choices: tuple[Any, ...] = (
            {"elicitation": {}},
            {"elicitation": {"url": {}}},
            {"sampling": None},
            {"roots": []},
            kept,
            kept,
        )
        meta[f"{PREFIX}clientCapabilities"] = context.random.choice(choices)


def _request_meta(draft: RequestDraft, context: MutationContext) -> None:
    meta = params_of(draft).get("_meta")
    if isinstance(meta, dict):
        random = context.random
        meta.update(
            random.choice(
                (
                    {"progressToken": hostile_value(random)},
                    {f"{PREFIX}logLevel": random.choice(("debug", "emergency", "loud", None, 3))},
                    {f"{PREFIX}clientInfo": hostile_value(random)},
                    {"traceparent": hostile_value(random), "baggage": hostile_value(random)},
                    {f"{PREFIX}protocolVersion": random.choice(("2025-11-25", "2027-01-01", "", 1, None))},
                    {f"{PREFIX}subscriptionId": hostile_value(random), f"{PREFIX}serverInfo": {}},
                )
            )
        )


def _session_handle(draft: RequestDraft, context: MutationContext) -> None:
    arguments = params_of(draft).get("arguments")
    if isinstance(arguments, dict) and "cart" in arguments and context.handles:
        arguments["cart"] = context.random.choice(context.handles)


def _idempotency_key(draft: RequestDraft, context: MutationContext) -> None:
    params, random = params_of(draft), context.random
    arguments, meta = params.get("arguments"), params.get("_meta")
    if isinstance(arguments, dict) and "order" in arguments and isinstance(meta, dict):
        if random.random() < 0.5:
            arguments["order"] = {"id": random.choice(("o1", "o2", hostile_value(random)))}
        else:
            meta[IDEMPOTENCY_META_KEY] = random.choice(("k1", "k2", hostile_value(random)))


MESSAGE: tuple[Mutation, ...] = (
    _delete_member,
    _replace_member,
    _insert_member,
    _rename_member,
    _wrap_value,
    _move_value,
    _change_value,
    _grow_value,
    _long_string,
    _duplicate_member,
    _rpc_method,
    _target_name,
    _target_uri,
    _cursor,
    _remove_id,
    _replace_id,
    _batch,
    _mixed_batch,
    _era,
    _make_response,
    _capabilities,
    _request_meta,
    _session_handle,
    _idempotency_key,
)
