"""Ways to spoil the event that Lambda hands over."""

from fuzz.mutations.draft import Draft, Mutation, Source, into

EVENT: dict[str, Mutation] = {}


@into(EVENT, "base64 flag")
def _flag(draft: Draft, source: Source) -> None:
    draft.event["isBase64Encoded"] = not draft.event.get("isBase64Encoded")


@into(EVENT, "base64 spelling")
def _base64_spelling(draft: Draft, source: Source) -> None:
    body = draft.event.get("body")
    if isinstance(body, str) and body and draft.event.get("isBase64Encoded"):
        draft.event["body"] = source.random.choice(
            (body[:-1], body + "=", "\n" + body, body + "!", "é", "=" + body)
        )


@into(EVENT, "null headers")
def _null_headers(draft: Draft, source: Source) -> None:
    # What a REST API's console sends, and a load balancer for a request without any.
    if draft.kind == "rest":
        draft.event["headers"] = draft.event["multiValueHeaders"] = None
    elif "headers" in draft.event:
        draft.event["headers"] = {}


@into(EVENT, "one kind of headers")
def _one_kind(draft: Draft, source: Source) -> None:
    if draft.kind == "rest":
        draft.event[source.random.choice(("headers", "multiValueHeaders"))] = None


@into(EVENT, "no body")
def _no_body(draft: Draft, source: Source) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event.pop("body", None)
    else:
        draft.event["body"] = None if draft.kind == "rest" else ""


@into(EVENT, "optional keys")
def _optional(draft: Draft, source: Source) -> None:
    needed = {"requestContext", "headers", "multiValueHeaders", "httpMethod", "body", "isBase64Encoded"}
    for key in [key for key in draft.event if key not in needed and source.random.random() < 0.5]:
        del draft.event[key]


@into(EVENT, "context keys")
def _context_keys(draft: Draft, source: Source) -> None:
    context = draft.event["requestContext"]
    for key in [key for key in context if key not in ("http", "elb") and source.random.random() < 0.5]:
        del context[key]


@into(EVENT, "cookies")
def _cookies(draft: Draft, source: Source) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event["cookies"] = source.random.choice(([], ["a=b"], ["a=b", "c=d; e"], ["é"] * 50))


@into(EVENT, "health check")
def _health(draft: Draft, source: Source) -> None:
    if draft.kind == "alb":
        draft.event.update(
            httpMethod="GET", path="/", body="", headers={"user-agent": "ELB-HealthChecker/2.0"}
        )


@into(EVENT, "authorizer")
def _authorizer(draft: Draft, source: Source) -> None:
    if draft.kind != "alb":
        draft.event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "x"}, "scopes": None}}
