"""Ways to spoil headers, and what stands beside them."""

import base64
from collections.abc import Callable

from fuzz import oddities
from fuzz.mutations.draft import Draft, Mutation, Source, into

HEADER: dict[str, Mutation] = {}


def _change(draft: Draft, source: Source, change: Callable[[str, str], list[tuple[str, str]]]) -> None:
    if draft.headers:
        at = source.random.randrange(len(draft.headers))
        draft.headers[at : at + 1] = change(*draft.headers[at])


@into(HEADER, "header missing")
def _missing(draft: Draft, source: Source) -> None:
    _change(draft, source, lambda name, value: [])


@into(HEADER, "header repeated")
def _repeated(draft: Draft, source: Source) -> None:
    other = source.random.choice(oddities.VALUES)
    twice = source.random.random() < 0.5
    _change(draft, source, lambda name, value: [(name, value), (name, value if twice else other)])


@into(HEADER, "header value")
def _value(draft: Draft, source: Source) -> None:
    other = source.random.choice(oddities.VALUES)
    _change(draft, source, lambda name, value: [(name, other)])


@into(HEADER, "header added")
def _added(draft: Draft, source: Source) -> None:
    draft.headers.append((source.random.choice(oddities.HEADERS), source.random.choice(oddities.VALUES)))


@into(HEADER, "header padded")
def _padded(draft: Draft, source: Source) -> None:
    left, right = source.random.choice(
        ((" ", ""), ("", "\t"), ("\t ", " "), ("\xa0", ""), ("", "\x0b"), ("'", "'"))
    )
    _change(draft, source, lambda name, value: [(name, f"{left}{value}{right}")])


@into(HEADER, "header case")
def _case(draft: Draft, source: Source) -> None:
    style = source.random.choice((str.upper, str.lower, str.title, str.swapcase))
    _change(draft, source, lambda name, value: [(style(name), value)])


@into(HEADER, "header sentinel")
def _sentinel(draft: Draft, source: Source) -> None:
    style = source.random.choice(
        ("=?base64?{}?=", "=?base64?{}", "{}?=", "=?Base64?{}?=", "=?base64?{}=?=", "{}")
    )
    _change(
        draft,
        source,
        lambda name, value: [(name, style.format(base64.b64encode(value.encode(errors="replace")).decode()))],
    )


@into(HEADER, "header bytes")
def _header_bytes(draft: Draft, source: Source) -> None:
    junk = source.random.randbytes(source.random.choice((1, 3, 30))).decode("latin-1")
    _change(draft, source, lambda name, value: [(name, value + junk)])


@into(HEADER, "headers swapped")
def _swapped(draft: Draft, source: Source) -> None:
    other = source.random.choice(draft.headers)[1] if draft.headers else ""
    _change(draft, source, lambda name, value: [(name, other)])


@into(HEADER, "no headers")
def _no_headers(draft: Draft, source: Source) -> None:
    draft.headers.clear()


@into(HEADER, "many headers")
def _many(draft: Draft, source: Source) -> None:
    draft.headers.extend((f"x-{number}", source.random.choice(oddities.VALUES)) for number in range(100))


@into(HEADER, "http method")
def _http_method(draft: Draft, source: Source) -> None:
    draft.http_method = source.random.choice(oddities.HTTP_METHODS)
    if draft.http_method == "OPTIONS":
        draft.headers.append(("Origin", source.random.choice(oddities.VALUES)))
        draft.headers.append(("Access-Control-Request-Headers", source.random.choice(oddities.VALUES)))


@into(HEADER, "path")
def _path(draft: Draft, source: Source) -> None:
    draft.path, draft.stage = source.random.choice(oddities.PATHS), source.random.choice(oddities.STAGES)
    draft.query = source.random.choice(("", "a=b", "%", "é", "a&a&=&&", "x" * 2000))
