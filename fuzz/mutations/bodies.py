"""Ways to spoil the bytes of a body."""

import json
import re

from fuzz import oddities
from fuzz.mutations.draft import Draft, Mutation, Source, into

BODY: dict[str, Mutation] = {}

_RAW = re.compile(r'"@raw:((?:[^"\\@]|\\.)*)@"')


def write(draft: Draft) -> bytes:
    """Write the message as JSON, with what Python would not write put in."""
    text = json.dumps(draft.message)
    if "@raw:" in text:
        text = _RAW.sub(lambda match: match[1].replace('\\"', '"').replace("\\\\", "\\"), text)
    return text.encode()


def _splice_bytes(draft: Draft, start: int, end: int, middle: bytes) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    draft.body = body[:start] + middle + body[end:]


@into(BODY, "byte flipped")
def _byte(draft: Draft, source: Source) -> None:
    if draft.body:
        at = source.random.randrange(len(draft.body))
        body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
        _splice_bytes(draft, at, at + 1, bytes([body[at] ^ (1 << source.random.randrange(8))]))


@into(BODY, "bytes inserted")
def _bytes(draft: Draft, source: Source) -> None:
    at = source.random.randrange(len(draft.body) + 1)
    junk = source.random.choice((*oddities.JUNK, source.random.randbytes(5)))
    _splice_bytes(draft, at, at, junk)


@into(BODY, "bytes cut")
def _cut(draft: Draft, source: Source) -> None:
    start, end = sorted(source.random.randrange(len(draft.body) + 1) for _ in range(2))
    _splice_bytes(draft, start, min(end, start + source.random.choice((1, 8, 4000))), b"")


@into(BODY, "bytes repeated")
def _repeat(draft: Draft, source: Source) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    start, end = sorted(source.random.randrange(len(body) + 1) for _ in range(2))
    _splice_bytes(draft, end, end, body[start:end] * source.random.choice((1, 2, 5)))


@into(BODY, "other body")
def _other_body(draft: Draft, source: Source) -> None:
    random = source.random
    choices = (*oddities.BODIES, random.randbytes(50))
    draft.body = random.choice(choices)


@into(BODY, "encoding")
def _encoding(draft: Draft, source: Source) -> None:
    text = draft.body if isinstance(draft.body, str) else draft.body.decode(errors="replace")
    coding = source.random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7", "latin-1"))
    draft.body = text.encode(coding, errors="replace")


@into(BODY, "white space")
def _white_space(draft: Draft, source: Source) -> None:
    space = source.random.choice((b" ", b"\n", b"\t\r\n", b"\x0b", b"\xc2\xa0", b"\x00"))
    _splice_bytes(draft, 0, 0, space)
    _splice_bytes(draft, len(draft.body), len(draft.body), space)
