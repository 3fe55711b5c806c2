"""Ways to spoil a message."""

import base64
from random import Random
from typing import Any

from fuzz import oddities
from fuzz.corpus import EVERYTHING
from fuzz.ledger import META_KEY
from fuzz.mutations.draft import Draft, Mutation, Source, clone, into, odd_value, params_of
from fuzz.sent import PREFIX

LONG = 20_000
"""Characters of a long string: enough to show what is not linear, little enough for a million requests."""

MESSAGE: dict[str, Mutation] = {}


def _spot(draft: Draft, random: Random) -> tuple[Any, Any]:
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


@into(MESSAGE, "delete")
def _delete(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        del container[key]


@into(MESSAGE, "replace")
def _replace(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        container[key] = odd_value(source.random)


@into(MESSAGE, "insert")
def _insert(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict):
        container[source.random.choice(oddities.KEYS)] = odd_value(source.random)
    elif isinstance(container, list):
        container.insert(key, odd_value(source.random))


@into(MESSAGE, "rename")
def _rename(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict):
        renamed = source.random.choice((key.upper(), key + " ", f"{PREFIX}{key}", *oddities.KEYS))
        container[renamed] = container.pop(key)


@into(MESSAGE, "wrap")
def _wrap(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        value = container[key]
        container[key] = source.random.choice(([value], [value, clone(value)], {"a": value}, [[value]]))


@into(MESSAGE, "move")
def _move(draft: Draft, source: Source) -> None:
    (one, here), (other, there) = _spot(draft, source.random), _spot(draft, source.random)
    if one is not None and other is not None:
        # Copied by value only where that cannot make a circle.
        value = one[here]
        other[there] = value if not isinstance(value, dict | list) else type(value)()


@into(MESSAGE, "tweak")
def _tweak(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    value = container[key] if container is not None else None
    random = source.random
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


@into(MESSAGE, "grow")
def _grow(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        count = source.random.choice((10, 100, 1000))
        shapes: tuple[Any, ...] = ("x" * count * 5, list(range(count)), {f"k{i}": "" for i in range(count)})
        container[key] = source.random.choice(shapes)


@into(MESSAGE, "huge")
def _huge(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None and source.random.random() < 0.1:
        character = source.random.choice(("x", '"', "-", ",", "/", "é", "=", "%"))
        container[key] = character * LONG


@into(MESSAGE, "duplicate key")
def _duplicate(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict) and isinstance(key, str) and key.isprintable() and '"' not in key:
        marked = f'@raw:0,"{key}":{source.random.choice(("1", "null", "{}", "[]"))}@'
        container[f"{key}\x01"] = marked


@into(MESSAGE, "method")
def _method(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message["method"] = source.random.choice(oddities.METHODS)


@into(MESSAGE, "name")
def _name(draft: Draft, source: Source) -> None:
    params = params_of(draft)
    if "name" in params:
        params["name"] = source.random.choice(oddities.NAMES)


@into(MESSAGE, "uri")
def _uri(draft: Draft, source: Source) -> None:
    params = params_of(draft)
    if "uri" in params:
        params["uri"] = source.random.choice(oddities.URIS)
    elif isinstance(params.get("ref"), dict):
        params["ref"] = {"type": "ref/resource", "uri": source.random.choice(oddities.URIS)}


@into(MESSAGE, "cursor")
def _cursor(draft: Draft, source: Source) -> None:
    random = source.random
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


@into(MESSAGE, "notification")
def _notification(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("id", None)


@into(MESSAGE, "id")
def _id(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message["id"] = odd_value(source.random)


@into(MESSAGE, "batch")
def _batch(draft: Draft, source: Source) -> None:
    draft.message = source.random.choice(
        ([draft.message], [draft.message, clone(draft.message)], [], {"a": draft.message})
    )


@into(MESSAGE, "response")
def _response(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("method", None)
        draft.message[source.random.choice(("result", "error"))] = {}


@into(MESSAGE, "capabilities")
def _capabilities(draft: Draft, source: Source) -> None:
    meta = params_of(draft).get("_meta")
    if isinstance(meta, dict):
        kept = {name: value for name, value in clone(EVERYTHING).items() if source.random.random() < 0.5}
        odd = (
            {"elicitation": {}},
            {"elicitation": {"url": {}}},
            {"sampling": None},
            {"roots": []},
            kept,
            kept,
        )
        meta[f"{PREFIX}clientCapabilities"] = source.random.choice(odd)


@into(MESSAGE, "meta")
def _meta(draft: Draft, source: Source) -> None:
    meta = params_of(draft).get("_meta")
    if isinstance(meta, dict):
        random = source.random
        meta.update(
            random.choice(
                (
                    {"progressToken": odd_value(random)},
                    {f"{PREFIX}logLevel": random.choice(("debug", "emergency", "loud", None, 3))},
                    {f"{PREFIX}clientInfo": odd_value(random)},
                    {"traceparent": odd_value(random), "baggage": odd_value(random)},
                    {f"{PREFIX}protocolVersion": random.choice(("2025-11-25", "2027-01-01", "", 1, None))},
                    {f"{PREFIX}subscriptionId": odd_value(random), f"{PREFIX}serverInfo": {}},
                )
            )
        )


@into(MESSAGE, "session")
def _session(draft: Draft, source: Source) -> None:
    arguments = params_of(draft).get("arguments")
    if isinstance(arguments, dict) and "cart" in arguments and source.handles:
        arguments["cart"] = source.random.choice(source.handles)


@into(MESSAGE, "idempotency key")
def _idempotency_key(draft: Draft, source: Source) -> None:
    params, random = params_of(draft), source.random
    arguments, meta = params.get("arguments"), params.get("_meta")
    if isinstance(arguments, dict) and "order" in arguments and isinstance(meta, dict):
        if random.random() < 0.5:
            arguments["order"] = {"id": random.choice(("o1", "o2", odd_value(random)))}
        else:
            meta[META_KEY] = random.choice(("k1", "k2", odd_value(random)))
