"""From measured invocations to dollars."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.cost.prices import Deployment, Prices

# Assumptions; docs/cost.md names them.
COLD_SHARE = 0.01
"""Of all invocations, those that start an environment. Lambda bills their initialization."""
MISS_SHARE = 0.01
"""Of all reads through CloudFront, those that the bucket has to answer."""
GETS = 3
"""How often a client asks for a task."""
ENDPOINTS = 10
"""To how many an event is delivered."""
FULL_PROCESSOR_MB = 1769
"""With less memory a function has less than one processor, in proportion."""
POLLER_REQUESTS = 2
"""What Lambda asks SQS for a message: it receives it and deletes it."""
Measured = Mapping[str, Any]


class Part(NamedTuple):
    """Invocations of one kind.

    Attributes:
        invocation: what was measured.
        times: how many there are.
        queued: whether a queue brings them, not the API.
    """

    invocation: str
    times: int = 1
    queued: bool = False


class Row(NamedTuple):
    """Something that a client does.

    Attributes:
        what: in words.
        parts: the invocations that it takes.
        cached: the invocation whose answer CloudFront gives instead.
    """

    what: str
    parts: tuple[Part, ...] = ()
    cached: str | None = None


ROWS = (
    Row("a plain tool", (Part("plain"),)),
    Row("a tool that asks: two rounds", (Part("question"), Part("answer"))),
    Row("a session tool, read and written", (Part("session"),)),
    Row("a task: create", (Part("create"),)),
    Row("a task: worker, three steps", (Part("worker", queued=True),)),
    Row("a task: one `tasks/get`", (Part("get"),)),
    Row(
        f"a whole task, with {GETS} of these",
        (Part("create"), Part("worker", queued=True), Part("get", GETS)),
    ),
    Row("a tool that emits an event", (Part("emit"),)),
    Row("an event: finding its subscriptions, up to ten", (Part("wake", queued=True),)),
    Row("an event: one delivery", (Part("delivery", queued=True),)),
    Row(
        f"an event, emitted and delivered to {ENDPOINTS} endpoints",
        (Part("emit"), Part("wake", queued=True), Part("delivery", ENDPOINTS, queued=True)),
    ),
    Row("an `events/poll` that finds nothing", (Part("poll"),)),
    Row("a card, from the function", (Part("card"),)),
    Row("a card, from the bucket through CloudFront", cached="card"),
)
FRONT_REQUESTS = {"HTTP API": "http_api_request", "CloudFront": "cloudfront_request", "function URL": ""}
"""What a request is billed as besides Lambda's own; nothing for a function URL."""
COLUMNS = ("Lambda", "API Gateway", "DynamoDB", "SQS", "S3, CloudFront", "logs", "transfer")


def billed(one: Measured, memory: int, kind: str) -> int:
    """Milliseconds that an invocation is billed.

    Args:
        one: what was measured of it.
        memory: MB of the function.
        kind: ``warm`` or ``cold``; the latter with its initialization.
    """
    slower = max(1.0, FULL_PROCESSOR_MB / memory)
    return math.ceil(one[f"{kind}_processor_ms"] * slower + one[f"{kind}_waiting_ms"])


def mean_billed(one: Measured, memory: int) -> float:
    """Milliseconds that an invocation is billed in the mean, some being cold."""
    return (1 - COLD_SHARE) * billed(one, memory, "warm") + COLD_SHARE * billed(one, memory, "cold")


def dollars(row: Row, measured: Measured, prices: Prices, deployed: Deployment) -> dict[str, float]:
    """Dollars that something costs once, by column."""
    found = dict.fromkeys(COLUMNS, 0.0)
    for part in row.parts:
        one = measured["invocations"][part.invocation]
        for column, value in _of_invocation(one, part, prices, deployed).items():
            found[column] += value * part.times
    if row.cached:
        one = measured["invocations"][row.cached]
        found["S3, CloudFront"] += prices["cloudfront_request"] + MISS_SHARE * prices["s3_read"]
        found["transfer"] += one["bytes_out"] / 1e9 * prices["cloudfront_gb"]
    return found


def _of_invocation(one: Measured, part: Part, prices: Prices, deployed: Deployment) -> dict[str, float]:
    memory = deployed.memory[one["function"]]
    gb_seconds = mean_billed(one, memory) / 1000 * memory / 1024
    requests = Counter(one["requests"])
    log_bytes = one["log_bytes"] + deployed.platform_log_bytes
    if part.queued:
        requests["sqs_request"] += POLLER_REQUESTS
    else:
        log_bytes += deployed.access_log_bytes
        requests[FRONT_REQUESTS[deployed.front]] += 1
    # What Lambda sends to CloudFront is free.
    gb = prices["cloudfront_gb" if deployed.front == "CloudFront" else "transfer_gb"]

    def of(prefix: str) -> float:
        return sum(
            count * prices[name] for name, count in requests.items() if name and name.startswith(prefix)
        )

    return {
        "Lambda": prices["lambda_request"] + gb_seconds * prices[f"lambda_gb_second_{deployed.architecture}"],
        "API Gateway": of("http_api_"),
        "DynamoDB": of("dynamodb_"),
        "SQS": of("sqs_"),
        "S3, CloudFront": of("s3_") + of("cloudfront_"),
        "logs": log_bytes / 1e9 * prices["log_gb"],
        "transfer": (0 if part.queued else one["bytes_out"]) / 1e9 * gb
        + one.get("bytes_sent", 0) / 1e9 * prices["transfer_gb"],
    }
