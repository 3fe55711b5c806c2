"""Ways to spoil a request: its message, its headers, the bytes of its body, its event, and its state.

Each mutation is a small function on a ``Draft``, registered under a name for one stage. Stages follow each
other, so that a message can be spoilt while its headers still tell the truth, and the other way round.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fuzz import oddities
from fuzz.corpus import EVERYTHING, answer
from fuzz.ledger import META_KEY
from fuzz.sent import PREFIX
from fuzz.states import Issued

LONG = 20_000
"""Characters of a long string: enough to show what is not linear, little enough for a million requests."""


_RAW = re.compile(r'"@raw:((?:[^"\\@]|\\.)*)@"')


@dataclass(slots=True)
class Draft:
    """A request in the making.

    Attributes:
        kind: of the event.
        message: the JSON-RPC message, until there is a body.
        headers: names and values, from their stage on.
        body: what goes over the wire.
        http_method: of the request.
        event: the finished event.
        applied: the names of the mutations so far.
    """

    kind: str
    message: Any
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | bytes = ""
    http_method: str = "POST"
    path: str = "/mcp"
    query: str = ""
    stage: str = "$default"
    event: dict[str, Any] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """Where mutations take chance, states and strings from.

    Attributes:
        random: chance.
        tokens: states that are around, recent ones only.
        states: what each of them holds.
        handles: of sessions.
    """

    random: Random
    tokens: Sequence[str]
    states: Mapping[str, Issued]
    handles: Sequence[str] = ()


Mutation = Callable[[Draft, Source], None]
MESSAGE: dict[str, Mutation] = {}
STATE: dict[str, Mutation] = {}
HEADER: dict[str, Mutation] = {}
BODY: dict[str, Mutation] = {}
EVENT: dict[str, Mutation] = {}
STAGES: dict[str, dict[str, Mutation]] = {
    "message": MESSAGE,
    "state": STATE,
    "header": HEADER,
    "body": BODY,
    "event": EVENT,
}
"""All mutations by stage and name."""


def clone(value: Any) -> Any:
    """A copy that shares nothing: what is spoilt once is not to be spoilt for good."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return [clone(item) for item in value] if isinstance(value, list) else value


def _in(stage: dict[str, Mutation], name: str) -> Callable[[Mutation], Mutation]:
    def register(mutation: Mutation) -> Mutation:
        stage[name] = mutation
        return mutation

    return register


# Messages


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


def _params(draft: Draft) -> dict[str, Any]:
    params = draft.message.get("params") if isinstance(draft.message, dict) else None
    return params if isinstance(params, dict) else {}


def _odd(random: Random) -> Any:
    return clone(random.choice(oddities.ODD))


@_in(MESSAGE, "delete")
def _delete(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        del container[key]


@_in(MESSAGE, "replace")
def _replace(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        container[key] = _odd(source.random)


@_in(MESSAGE, "insert")
def _insert(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict):
        container[source.random.choice(oddities.KEYS)] = _odd(source.random)
    elif isinstance(container, list):
        container.insert(key, _odd(source.random))


@_in(MESSAGE, "rename")
def _rename(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict):
        renamed = source.random.choice((key.upper(), key + " ", f"{PREFIX}{key}", *oddities.KEYS))
        container[renamed] = container.pop(key)


@_in(MESSAGE, "wrap")
def _wrap(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        value = container[key]
        container[key] = source.random.choice(([value], [value, clone(value)], {"a": value}, [[value]]))


@_in(MESSAGE, "move")
def _move(draft: Draft, source: Source) -> None:
    (one, here), (other, there) = _spot(draft, source.random), _spot(draft, source.random)
    if one is not None and other is not None:
        # Copied by value only where that cannot make a circle.
        value = one[here]
        other[there] = value if not isinstance(value, dict | list) else type(value)()


@_in(MESSAGE, "tweak")
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


@_in(MESSAGE, "grow")
def _grow(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None:
        count = source.random.choice((10, 100, 1000))
        shapes: tuple[Any, ...] = ("x" * count * 5, list(range(count)), {f"k{i}": "" for i in range(count)})
        container[key] = source.random.choice(shapes)


@_in(MESSAGE, "huge")
def _huge(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if container is not None and source.random.random() < 0.1:
        character = source.random.choice(("x", '"', "-", ",", "/", "é", "=", "%"))
        container[key] = character * LONG


@_in(MESSAGE, "duplicate key")
def _duplicate(draft: Draft, source: Source) -> None:
    container, key = _spot(draft, source.random)
    if isinstance(container, dict) and isinstance(key, str) and key.isprintable() and '"' not in key:
        marked = f'@raw:0,"{key}":{source.random.choice(("1", "null", "{}", "[]"))}@'
        container[f"{key}\x01"] = marked


@_in(MESSAGE, "method")
def _method(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message["method"] = source.random.choice(oddities.METHODS)


@_in(MESSAGE, "name")
def _name(draft: Draft, source: Source) -> None:
    params = _params(draft)
    if "name" in params:
        params["name"] = source.random.choice(oddities.NAMES)


@_in(MESSAGE, "uri")
def _uri(draft: Draft, source: Source) -> None:
    params = _params(draft)
    if "uri" in params:
        params["uri"] = source.random.choice(oddities.URIS)
    elif isinstance(params.get("ref"), dict):
        params["ref"] = {"type": "ref/resource", "uri": source.random.choice(oddities.URIS)}


@_in(MESSAGE, "cursor")
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
    _params(draft)["cursor"] = random.choice(choices)


@_in(MESSAGE, "notification")
def _notification(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("id", None)


@_in(MESSAGE, "id")
def _id(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message["id"] = _odd(source.random)


@_in(MESSAGE, "batch")
def _batch(draft: Draft, source: Source) -> None:
    draft.message = source.random.choice(
        ([draft.message], [draft.message, clone(draft.message)], [], {"a": draft.message})
    )


@_in(MESSAGE, "response")
def _response(draft: Draft, source: Source) -> None:
    if isinstance(draft.message, dict):
        draft.message.pop("method", None)
        draft.message[source.random.choice(("result", "error"))] = {}


@_in(MESSAGE, "capabilities")
def _capabilities(draft: Draft, source: Source) -> None:
    meta = _params(draft).get("_meta")
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


@_in(MESSAGE, "meta")
def _meta(draft: Draft, source: Source) -> None:
    meta = _params(draft).get("_meta")
    if isinstance(meta, dict):
        random = source.random
        meta.update(
            random.choice(
                (
                    {"progressToken": _odd(random)},
                    {f"{PREFIX}logLevel": random.choice(("debug", "emergency", "loud", None, 3))},
                    {f"{PREFIX}clientInfo": _odd(random)},
                    {"traceparent": _odd(random), "baggage": _odd(random)},
                    {f"{PREFIX}protocolVersion": random.choice(("2025-11-25", "2027-01-01", "", 1, None))},
                    {f"{PREFIX}subscriptionId": _odd(random), f"{PREFIX}serverInfo": {}},
                )
            )
        )


@_in(MESSAGE, "session")
def _session(draft: Draft, source: Source) -> None:
    arguments = _params(draft).get("arguments")
    if isinstance(arguments, dict) and "cart" in arguments and source.handles:
        arguments["cart"] = source.random.choice(source.handles)


@_in(MESSAGE, "idempotency key")
def _idempotency_key(draft: Draft, source: Source) -> None:
    params, random = _params(draft), source.random
    arguments, meta = params.get("arguments"), params.get("_meta")
    if isinstance(arguments, dict) and "order" in arguments and isinstance(meta, dict):
        if random.random() < 0.5:
            arguments["order"] = {"id": random.choice(("o1", "o2", _odd(random)))}
        else:
            meta[META_KEY] = random.choice(("k1", "k2", _odd(random)))


# States and answers


@_in(STATE, "flip a bit")
def _flip(draft: Draft, source: Source) -> None:
    token = _params(draft).get("requestState")
    if isinstance(token, str) and token:
        at = source.random.randrange(len(token))
        flipped = chr(ord(token[at]) ^ (1 << source.random.randrange(7)))
        _params(draft)["requestState"] = token[:at] + flipped + token[at + 1 :]


@_in(STATE, "truncate")
def _truncate(draft: Draft, source: Source) -> None:
    token = _params(draft).get("requestState")
    if isinstance(token, str) and token:
        at = source.random.randrange(len(token))
        _params(draft)["requestState"] = source.random.choice((token[:at], token[at:], token + token[:at]))


@_in(STATE, "splice")
def _splice(draft: Draft, source: Source) -> None:
    token = _params(draft).get("requestState")
    if isinstance(token, str) and source.tokens:
        other = source.random.choice(source.tokens)
        at = source.random.choice((1, 7, 23, source.random.randrange(1 + min(len(token), len(other)))))
        _params(draft)["requestState"] = token[:at] + other[at:]


@_in(STATE, "another state")
def _another(draft: Draft, source: Source) -> None:
    if source.tokens:
        _params(draft)["requestState"] = source.random.choice(source.tokens)


@_in(STATE, "state elsewhere")
def _elsewhere(draft: Draft, source: Source) -> None:
    """A real state, its own answers, on another target."""
    if source.tokens:
        token = source.random.choice(source.tokens)
        issued = source.states[token]
        answers = {key: clone(answer(question)) for key, question in issued.asked.items()}
        _params(draft).update(requestState=token, inputResponses=answers)


@_in(STATE, "spelling")
def _spelling(draft: Draft, source: Source) -> None:
    token = _params(draft).get("requestState")
    if isinstance(token, str):
        swapped = token.translate(str.maketrans("-_", "+/"))
        choices = (
            *(token + "=", token + "==", swapped, f" {token}", token + "\n", token + "\x00", token.lower()),
            *(token[:-1] + chr(ord(token[-1:] or "A") + 1), token + "A", "=" + token, "é" + token),
        )
        _params(draft)["requestState"] = source.random.choice(choices)


@_in(STATE, "forged")
def _forged(draft: Draft, source: Source) -> None:
    random = source.random
    raw = random.choice(
        (b"", b"\x01", b"\x02" + bytes(40), b"\x01" + random.randbytes(80), random.randbytes(60))
    )
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    _params(draft)["requestState"] = random.choice((token, "", "null", "a" * 33_000, token + "a" * 200, "{}"))


@_in(STATE, "no state")
def _no_state(draft: Draft, source: Source) -> None:
    _params(draft).pop("requestState", None)


@_in(STATE, "arguments")
def _arguments(draft: Draft, source: Source) -> None:
    """Other arguments than the state was made for, or the same ones spelt otherwise."""
    params, random = _params(draft), source.random
    arguments = params.get("arguments")
    if isinstance(arguments, dict):
        reordered = dict(reversed(arguments.items()))
        changed = {
            **arguments,
            random.choice(("item", "quantity", "note", "to", "amount", "topic")): _odd(random),
        }
        params["arguments"] = random.choice((reordered, changed, changed, {}))


@_in(STATE, "principal")
def _principal(draft: Draft, source: Source) -> None:
    draft.headers.append(("X-User", source.random.choice(("alice", "bob", "", "a" * 100))))


@_in(STATE, "answers")
def _answers(draft: Draft, source: Source) -> None:
    """Answers of any shape."""
    params, random = _params(draft), source.random
    answers = params.get("inputResponses")
    if not isinstance(answers, dict) or not answers or random.random() < 0.2:
        params["inputResponses"] = random.choice((None, [], "", {}, {"size": {}}, {"": None}, _odd(random)))
        return
    key = random.choice(list(answers))
    answers[key] = random.choice(
        (
            _odd(random),
            {"action": random.choice(("accept", "decline", "cancel", "maybe", None, 1))},
            {"action": "accept", "content": _odd(random)},
            {
                "action": "accept",
                "content": {"size": _odd(random), "agree": _odd(random), "city": _odd(random)},
            },
            {"action": "accept", "content": {"city": "x", "nights": _odd(random), "meals": _odd(random)}},
            {"role": "assistant", "model": "m", "content": _odd(random)},
            {"role": "assistant", "model": "m", "content": [{"type": "text", "text": _odd(random)}]},
            {"roots": _odd(random)},
            {"roots": [{"uri": _odd(random)}]},
        )
    )


@_in(STATE, "more answers")
def _more(draft: Draft, source: Source) -> None:
    answers = _params(draft).get("inputResponses")
    if isinstance(answers, dict):
        key = source.random.choice(
            ("size", "word", "url", "consent", "elicitation-1", "roots-2", "elicitation-3")
        )
        answers[key] = {"action": "accept", "content": {"size": "L", "agree": True}}


# Headers


def _change(draft: Draft, source: Source, change: Callable[[str, str], list[tuple[str, str]]]) -> None:
    if draft.headers:
        at = source.random.randrange(len(draft.headers))
        draft.headers[at : at + 1] = change(*draft.headers[at])


@_in(HEADER, "header missing")
def _missing(draft: Draft, source: Source) -> None:
    _change(draft, source, lambda name, value: [])


@_in(HEADER, "header repeated")
def _repeated(draft: Draft, source: Source) -> None:
    other = source.random.choice(oddities.VALUES)
    twice = source.random.random() < 0.5
    _change(draft, source, lambda name, value: [(name, value), (name, value if twice else other)])


@_in(HEADER, "header value")
def _value(draft: Draft, source: Source) -> None:
    other = source.random.choice(oddities.VALUES)
    _change(draft, source, lambda name, value: [(name, other)])


@_in(HEADER, "header added")
def _added(draft: Draft, source: Source) -> None:
    draft.headers.append((source.random.choice(oddities.HEADERS), source.random.choice(oddities.VALUES)))


@_in(HEADER, "header padded")
def _padded(draft: Draft, source: Source) -> None:
    left, right = source.random.choice(
        ((" ", ""), ("", "\t"), ("\t ", " "), ("\xa0", ""), ("", "\x0b"), ("'", "'"))
    )
    _change(draft, source, lambda name, value: [(name, f"{left}{value}{right}")])


@_in(HEADER, "header case")
def _case(draft: Draft, source: Source) -> None:
    style = source.random.choice((str.upper, str.lower, str.title, str.swapcase))
    _change(draft, source, lambda name, value: [(style(name), value)])


@_in(HEADER, "header sentinel")
def _sentinel(draft: Draft, source: Source) -> None:
    style = source.random.choice(
        ("=?base64?{}?=", "=?base64?{}", "{}?=", "=?Base64?{}?=", "=?base64?{}=?=", "{}")
    )
    _change(
        draft,
        source,
        lambda name, value: [(name, style.format(base64.b64encode(value.encode(errors="replace")).decode()))],
    )


@_in(HEADER, "header bytes")
def _header_bytes(draft: Draft, source: Source) -> None:
    junk = source.random.randbytes(source.random.choice((1, 3, 30))).decode("latin-1")
    _change(draft, source, lambda name, value: [(name, value + junk)])


@_in(HEADER, "headers swapped")
def _swapped(draft: Draft, source: Source) -> None:
    other = source.random.choice(draft.headers)[1] if draft.headers else ""
    _change(draft, source, lambda name, value: [(name, other)])


@_in(HEADER, "no headers")
def _no_headers(draft: Draft, source: Source) -> None:
    draft.headers.clear()


@_in(HEADER, "many headers")
def _many(draft: Draft, source: Source) -> None:
    draft.headers.extend((f"x-{number}", source.random.choice(oddities.VALUES)) for number in range(100))


@_in(HEADER, "http method")
def _http_method(draft: Draft, source: Source) -> None:
    draft.http_method = source.random.choice(oddities.HTTP_METHODS)
    if draft.http_method == "OPTIONS":
        draft.headers.append(("Origin", source.random.choice(oddities.VALUES)))
        draft.headers.append(("Access-Control-Request-Headers", source.random.choice(oddities.VALUES)))


@_in(HEADER, "path")
def _path(draft: Draft, source: Source) -> None:
    draft.path, draft.stage = source.random.choice(oddities.PATHS), source.random.choice(oddities.STAGES)
    draft.query = source.random.choice(("", "a=b", "%", "é", "a&a&=&&", "x" * 2000))


# Bodies


def write(draft: Draft) -> bytes:
    """Write the message as JSON, with what Python would not write put in."""
    text = json.dumps(draft.message)
    if "@raw:" in text:
        text = _RAW.sub(lambda match: match[1].replace('\\"', '"').replace("\\\\", "\\"), text)
    return text.encode()


def _splice_bytes(draft: Draft, start: int, end: int, middle: bytes) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    draft.body = body[:start] + middle + body[end:]


@_in(BODY, "byte flipped")
def _byte(draft: Draft, source: Source) -> None:
    if draft.body:
        at = source.random.randrange(len(draft.body))
        body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
        _splice_bytes(draft, at, at + 1, bytes([body[at] ^ (1 << source.random.randrange(8))]))


@_in(BODY, "bytes inserted")
def _bytes(draft: Draft, source: Source) -> None:
    at = source.random.randrange(len(draft.body) + 1)
    junk = source.random.choice((*oddities.JUNK, source.random.randbytes(5)))
    _splice_bytes(draft, at, at, junk)


@_in(BODY, "bytes cut")
def _cut(draft: Draft, source: Source) -> None:
    start, end = sorted(source.random.randrange(len(draft.body) + 1) for _ in range(2))
    _splice_bytes(draft, start, min(end, start + source.random.choice((1, 8, 4000))), b"")


@_in(BODY, "bytes repeated")
def _repeat(draft: Draft, source: Source) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    start, end = sorted(source.random.randrange(len(body) + 1) for _ in range(2))
    _splice_bytes(draft, end, end, body[start:end] * source.random.choice((1, 2, 5)))


@_in(BODY, "other body")
def _other_body(draft: Draft, source: Source) -> None:
    random = source.random
    choices = (*oddities.BODIES, random.randbytes(50))
    draft.body = random.choice(choices)


@_in(BODY, "encoding")
def _encoding(draft: Draft, source: Source) -> None:
    text = draft.body if isinstance(draft.body, str) else draft.body.decode(errors="replace")
    coding = source.random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7", "latin-1"))
    draft.body = text.encode(coding, errors="replace")


@_in(BODY, "white space")
def _white_space(draft: Draft, source: Source) -> None:
    space = source.random.choice((b" ", b"\n", b"\t\r\n", b"\x0b", b"\xc2\xa0", b"\x00"))
    _splice_bytes(draft, 0, 0, space)
    _splice_bytes(draft, len(draft.body), len(draft.body), space)


# Events


@_in(EVENT, "base64 flag")
def _flag(draft: Draft, source: Source) -> None:
    draft.event["isBase64Encoded"] = not draft.event.get("isBase64Encoded")


@_in(EVENT, "base64 spelling")
def _base64_spelling(draft: Draft, source: Source) -> None:
    body = draft.event.get("body")
    if isinstance(body, str) and body and draft.event.get("isBase64Encoded"):
        draft.event["body"] = source.random.choice(
            (body[:-1], body + "=", "\n" + body, body + "!", "é", "=" + body)
        )


@_in(EVENT, "null headers")
def _null_headers(draft: Draft, source: Source) -> None:
    # What a REST API's console sends, and a load balancer for a request without any.
    if draft.kind == "rest":
        draft.event["headers"] = draft.event["multiValueHeaders"] = None
    elif "headers" in draft.event:
        draft.event["headers"] = {}


@_in(EVENT, "one kind of headers")
def _one_kind(draft: Draft, source: Source) -> None:
    if draft.kind == "rest":
        draft.event[source.random.choice(("headers", "multiValueHeaders"))] = None


@_in(EVENT, "no body")
def _no_body(draft: Draft, source: Source) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event.pop("body", None)
    else:
        draft.event["body"] = None if draft.kind == "rest" else ""


@_in(EVENT, "optional keys")
def _optional(draft: Draft, source: Source) -> None:
    needed = {"requestContext", "headers", "multiValueHeaders", "httpMethod", "body", "isBase64Encoded"}
    for key in [key for key in draft.event if key not in needed and source.random.random() < 0.5]:
        del draft.event[key]


@_in(EVENT, "context keys")
def _context_keys(draft: Draft, source: Source) -> None:
    context = draft.event["requestContext"]
    for key in [key for key in context if key not in ("http", "elb") and source.random.random() < 0.5]:
        del context[key]


@_in(EVENT, "cookies")
def _cookies(draft: Draft, source: Source) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event["cookies"] = source.random.choice(([], ["a=b"], ["a=b", "c=d; e"], ["é"] * 50))


@_in(EVENT, "health check")
def _health(draft: Draft, source: Source) -> None:
    if draft.kind == "alb":
        draft.event.update(
            httpMethod="GET", path="/", body="", headers={"user-agent": "ELB-HealthChecker/2.0"}
        )


@_in(EVENT, "authorizer")
def _authorizer(draft: Draft, source: Source) -> None:
    if draft.kind != "alb":
        draft.event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "x"}, "scopes": None}}
