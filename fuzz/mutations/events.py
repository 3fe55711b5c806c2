"""Mutations of the Lambda event."""

from fuzz.mutations.request_draft import Mutation, MutationContext, RequestDraft


def _base64_flag(draft: RequestDraft, context: MutationContext) -> None:
    draft.event["isBase64Encoded"] = not draft.event.get("isBase64Encoded")


def _base64_spelling(draft: RequestDraft, context: MutationContext) -> None:
    body = draft.event.get("body")
    if isinstance(body, str) and body and draft.event.get("isBase64Encoded"):
        draft.event["body"] = context.random.choice(
            (body[:-1], body + "=", "\n" + body, body + "!", "é", "=" + body)
        )


def _null_headers(draft: RequestDraft, context: MutationContext) -> None:
    # What a REST API's console sends, and a load balancer for a request without any.
    if draft.kind == "rest":
        draft.event["headers"] = draft.event["multiValueHeaders"] = None
    elif "headers" in draft.event:
        draft.event["headers"] = {}


def _null_one_kind_of_headers(draft: RequestDraft, context: MutationContext) -> None:
    if draft.kind == "rest":
        draft.event[context.random.choice(("headers", "multiValueHeaders"))] = None


def _remove_event_body(draft: RequestDraft, context: MutationContext) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event.pop("body", None)
    else:
        draft.event["body"] = None if draft.kind == "rest" else ""


def _remove_event_members(draft: RequestDraft, context: MutationContext) -> None:
    needed = {"requestContext", "headers", "multiValueHeaders", "httpMethod", "body", "isBase64Encoded"}
    for key in [key for key in draft.event if key not in needed and context.random.random() < 0.5]:
        del draft.event[key]


def _remove_context_members(draft: RequestDraft, context: MutationContext) -> None:
    members = draft.event["requestContext"]
    for key in [key for key in members if key not in ("http", "elb") and context.random.random() < 0.5]:
        del members[key]


def _cookies(draft: RequestDraft, context: MutationContext) -> None:
    if draft.kind in ("http api", "function url"):
        draft.event["cookies"] = context.random.choice(([], ["a=b"], ["a=b", "c=d; e"], ["é"] * 50))


def _health_check(draft: RequestDraft, context: MutationContext) -> None:
    if draft.kind == "alb":
        draft.event.update(
            httpMethod="GET", path="/", body="", headers={"user-agent": "ELB-HealthChecker/2.0"}
        )


def _authorizer(draft: RequestDraft, context: MutationContext) -> None:
    if draft.kind != "alb":
        draft.event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "x"}, "scopes": None}}


EVENT: tuple[Mutation, ...] = (
    _base64_flag,
    _base64_spelling,
    _null_headers,
    _null_one_kind_of_headers,
    _remove_event_body,
    _remove_event_members,
    _remove_context_members,
    _cookies,
    _health_check,
    _authorizer,
)
