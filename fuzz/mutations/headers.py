"""Mutations of the headers, the HTTP method and the path."""

import base64
from collections.abc import Callable

from fuzz import values
from fuzz.mutations.request_draft import Mutation, MutationContext, RequestDraft


def _change(
    draft: RequestDraft, context: MutationContext, change: Callable[[str, str], list[tuple[str, str]]]
) -> None:
    if draft.headers:
        at = context.random.randrange(len(draft.headers))
        draft.headers[at : at + 1] = change(*draft.headers[at])


def _remove_header(draft: RequestDraft, context: MutationContext) -> None:
    _change(draft, context, lambda name, value: [])


def _repeat_header(draft: RequestDraft, context: MutationContext) -> None:
    other = context.random.choice(values.HEADER_VALUES)
    twice = context.random.random() < 0.5
    _change(draft, context, lambda name, value: [(name, value), (name, value if twice else other)])


def _replace_header(draft: RequestDraft, context: MutationContext) -> None:
    other = context.random.choice(values.HEADER_VALUES)
    _change(draft, context, lambda name, value: [(name, other)])


def _add_header(draft: RequestDraft, context: MutationContext) -> None:
    draft.headers.append(
        (context.random.choice(values.HEADER_NAMES), context.random.choice(values.HEADER_VALUES))
    )


def _pad_header(draft: RequestDraft, context: MutationContext) -> None:
    left, right = context.random.choice(
        ((" ", ""), ("", "\t"), ("\t ", " "), ("\xa0", ""), ("", "\x0b"), ("'", "'"))
    )
    _change(draft, context, lambda name, value: [(name, f"{left}{value}{right}")])


def _header_case(draft: RequestDraft, context: MutationContext) -> None:
    style = context.random.choice((str.upper, str.lower, str.title, str.swapcase))
    _change(draft, context, lambda name, value: [(style(name), value)])


def _header_sentinel(draft: RequestDraft, context: MutationContext) -> None:
    style = context.random.choice(
        ("=?base64?{}?=", "=?base64?{}", "{}?=", "=?Base64?{}?=", "=?base64?{}=?=", "{}")
    )
    _change(
        draft,
        context,
        lambda name, value: [(name, style.format(base64.b64encode(value.encode(errors="replace")).decode()))],
    )


def _header_bytes(draft: RequestDraft, context: MutationContext) -> None:
    inserted = context.random.randbytes(context.random.choice((1, 3, 30))).decode("latin-1")
    _change(draft, context, lambda name, value: [(name, value + inserted)])


def _swap_headers(draft: RequestDraft, context: MutationContext) -> None:
    other = context.random.choice(draft.headers)[1] if draft.headers else ""
    _change(draft, context, lambda name, value: [(name, other)])


def _remove_all_headers(draft: RequestDraft, context: MutationContext) -> None:
    draft.headers.clear()


def _many_headers(draft: RequestDraft, context: MutationContext) -> None:
    draft.headers.extend(
        (f"x-{number}", context.random.choice(values.HEADER_VALUES)) for number in range(100)
    )


def _without(draft: RequestDraft, *names: str) -> None:
    draft.headers = [header for header in draft.headers if header[0].lower() not in names]


def _version_header(draft: RequestDraft, context: MutationContext) -> None:
    _without(draft, "mcp-protocol-version")
    version = context.random.choice((None, *values.VERSION_VALUES))
    if version is not None:
        padded = context.random.choice((version, version, f" {version}\t"))
        draft.headers.append(("MCP-Protocol-Version", padded))


def _no_modern_headers(draft: RequestDraft, context: MutationContext) -> None:
    _without(draft, "mcp-protocol-version", "mcp-method", "mcp-name")


def _session_header(draft: RequestDraft, context: MutationContext) -> None:
    _without(draft, "mcp-session-id")
    random = context.random
    session = random.choice(context.sessions) if context.sessions else "lb1.x.y"
    at = random.randrange(len(session))
    changed = session[:at] + random.choice("aZ0-_.= ") + session[at + 1 :]
    chosen = random.choice((session, session, changed, session[:at], session + "=", "", "x", "lb1.e30.AAAA"))
    draft.headers.append(("Mcp-Session-Id", chosen))


def _end_session(draft: RequestDraft, context: MutationContext) -> None:
    draft.http_method = context.random.choice(("DELETE", "GET"))


def _http_method(draft: RequestDraft, context: MutationContext) -> None:
    draft.http_method = context.random.choice(values.HTTP_METHODS)
    if draft.http_method == "OPTIONS":
        draft.headers.append(("Origin", context.random.choice(values.HEADER_VALUES)))
        draft.headers.append(("Access-Control-Request-Headers", context.random.choice(values.HEADER_VALUES)))


def _path(draft: RequestDraft, context: MutationContext) -> None:
    draft.path, draft.stage = context.random.choice(values.PATHS), context.random.choice(values.STAGES)
    draft.query = context.random.choice(("", "a=b", "%", "é", "a&a&=&&", "x" * 2000))


HEADER: tuple[Mutation, ...] = (
    _remove_header,
    _repeat_header,
    _replace_header,
    _add_header,
    _pad_header,
    _header_case,
    _header_sentinel,
    _header_bytes,
    _swap_headers,
    _remove_all_headers,
    _many_headers,
    _version_header,
    _no_modern_headers,
    _session_header,
    _end_session,
    _http_method,
    _path,
)
