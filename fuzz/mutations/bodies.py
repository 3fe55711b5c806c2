"""Mutations of the bytes of the body."""

import json
import re

from fuzz import values
from fuzz.mutations.request_draft import Mutation, MutationContext, RequestDraft

_RAW = re.compile(r'"@raw:((?:[^"\\@]|\\.)*)@"')


def write(draft: RequestDraft) -> bytes:
    """Write the message as JSON, with what Python would not write put in."""
    text = json.dumps(draft.message)
    if "@raw:" in text:
        text = _RAW.sub(lambda match: match[1].replace('\\"', '"').replace("\\\\", "\\"), text)
    return text.encode()


def _splice_bytes(draft: RequestDraft, start: int, end: int, middle: bytes) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    draft.body = body[:start] + middle + body[end:]


def _flip_body_bit(draft: RequestDraft, context: MutationContext) -> None:
    if draft.body:
        at = context.random.randrange(len(draft.body))
        body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
        _splice_bytes(draft, at, at + 1, bytes([body[at] ^ (1 << context.random.randrange(8))]))


def _insert_bytes(draft: RequestDraft, context: MutationContext) -> None:
    at = context.random.randrange(len(draft.body) + 1)
    inserted = context.random.choice((*values.BYTE_SEQUENCES, context.random.randbytes(5)))
    _splice_bytes(draft, at, at, inserted)


def _cut_bytes(draft: RequestDraft, context: MutationContext) -> None:
    start, end = sorted(context.random.randrange(len(draft.body) + 1) for _ in range(2))
    _splice_bytes(draft, start, min(end, start + context.random.choice((1, 8, 4000))), b"")


def _repeat_bytes(draft: RequestDraft, context: MutationContext) -> None:
    body = draft.body if isinstance(draft.body, bytes) else draft.body.encode()
    start, end = sorted(context.random.randrange(len(body) + 1) for _ in range(2))
    _splice_bytes(draft, end, end, body[start:end] * context.random.choice((1, 2, 5)))


def _replace_body(draft: RequestDraft, context: MutationContext) -> None:
    random = context.random
    choices = (*values.BODIES, random.randbytes(50))
    draft.body = random.choice(choices)


def _body_encoding(draft: RequestDraft, context: MutationContext) -> None:
    text = draft.body if isinstance(draft.body, str) else draft.body.decode(errors="replace")
    coding = context.random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7", "latin-1"))
    draft.body = text.encode(coding, errors="replace")


def _white_space(draft: RequestDraft, context: MutationContext) -> None:
    space = context.random.choice((b" ", b"\n", b"\t\r\n", b"\x0b", b"\xc2\xa0", b"\x00"))
    _splice_bytes(draft, 0, 0, space)
    _splice_bytes(draft, len(draft.body), len(draft.body), space)


BODY: tuple[Mutation, ...] = (
    _flip_body_bit,
    _insert_bytes,
    _cut_bytes,
    _repeat_bytes,
    _replace_body,
    _body_encoding,
    _white_space,
)
