"""Fleets in a simulation: environments of Lambda, and processes behind a load balancer."""

import heapq
import math
import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

TIMEOUT = 29.0
"""Seconds after which a client of a process has given up."""
TARGET = 0.6
"""Of processors, what is used: more processes are started above it."""
LOOK = 60.0
"""Seconds between two looks of what starts processes."""
STARTING = 60.0
"""Seconds until a process that is started takes requests: placing it, loading its image, importing."""
FEWEST = 2
"""Processes there are at least, so that one may end."""


class Found(NamedTuple):
    """What became of the calls.

    Attributes:
        calls: how many came.
        refused: throttled, or given up by the client.
        cold: those that waited for an environment.
        latencies: seconds, of those that were answered; ascending.
        most: environments or processes at once.
        reasons: refused calls by the quota that was met.
    """

    calls: int
    refused: int
    cold: int
    latencies: list[float]
    most: int
    reasons: Mapping[str, int]

    def percentile(self, share: float) -> float:
        """Milliseconds within which a share of the answered calls is answered."""
        if not self.latencies:
            return math.nan
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))] * 1000


class Bucket:
    """Tokens that come back at a rate, up to as many as it holds."""

    def __init__(self, rate: float, holds: float) -> None:
        self._rate, self._holds = rate, holds
        self._tokens, self._at = holds, 0.0

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self._tokens = min(self._holds, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def waiting(mean: float, chance: random.Random) -> float:
    """Seconds that a tool waits: most about the mean, few much longer (log-normal, sigma 0.6)."""
    sigma = 0.6
    return chance.lognormvariate(math.log(mean) - sigma**2 / 2, sigma) if mean else 0.0


class Service(NamedTuple):
    """What a call takes, in seconds.

    Attributes:
        processor: of a whole processor, or of the share that a function has.
        tool: what the tool waits for, in the mean.
        start: until an environment or process has started.
    """

    processor: float
    tool: float
    start: float


def on_lambda(
    times: Iterable[float],
    service: Service,
    quotas: Mapping[str, float],
    chance: random.Random,
    warm: int = 0,
) -> Found:
    """Each call has an environment of its own.

    Args:
        times: when calls come, ascending.
        service: what they take.
        quotas: by their names in quotas.json.
        chance: the same seed gives the same result.
        warm: environments that are there already.
    """
    api = Bucket(quotas["api_requests"], quotas["api_burst"])
    most_rate = quotas["lambda_concurrency"] * quotas["lambda_requests_by_concurrency"]
    rate = Bucket(most_rate, most_rate)
    scaling = Bucket(quotas["lambda_scaling"] / 10, quotas["lambda_scaling"])
    ends: list[float] = []
    idle = environments = min(warm, int(quotas["lambda_concurrency"]))
    latencies: list[float] = []
    reasons: dict[str, int] = {}
    calls = cold = 0

    for now in times:
        calls += 1
        while ends and ends[0] <= now:
            heapq.heappop(ends)
            idle += 1
        reason = ""
        start = 0.0
        if not api.take(now):
            reason = "api_requests"
        elif not rate.take(now):
            reason = "lambda_requests_by_concurrency"
        elif idle:
            idle -= 1
        elif environments >= quotas["lambda_concurrency"]:
            reason = "lambda_concurrency"
        elif not scaling.take(now):
            reason = "lambda_scaling"
        else:
            environments += 1
            cold += 1
            start = service.start
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
            continue
        taken = start + service.processor + waiting(service.tool, chance)
        heapq.heappush(ends, now + taken)
        latencies.append(taken)
    return Found(calls, sum(reasons.values()), cold, sorted(latencies), environments, reasons)


def on_processes(times: Iterable[float], service: Service, chance: random.Random, rate: float) -> Found:
    """Processes behind a load balancer that gives calls to them in turn; each has one processor.

    What a tool waits for holds nobody up. The fleet is as large as a rate needs when it begins, and then
    follows what comes.

    Args:
        times: when calls come, ascending.
        service: what they take.
        chance: the same seed gives the same result.
        rate: calls a second before.
    """
    free = [0.0] * needed(rate, service)
    coming: list[tuple[float, int]] = []
    latencies: list[float] = []
    calls = refused = turn = since = 0
    look = LOOK
    for now in times:
        while now >= look:
            wanted = needed(since / LOOK, service) - len(free) - sum(count for _, count in coming)
            if wanted > 0:
                coming.append((look + STARTING, wanted))
            since, look = 0, look + LOOK
        while coming and coming[0][0] <= now:
            begun, count = coming.pop(0)
            free += [begun] * count
        calls += 1
        since += 1
        turn = (turn + 1) % len(free)
        begin = max(now, free[turn])
        if begin - now > TIMEOUT:
            refused += 1
            continue
        free[turn] = begin + service.processor
        latencies.append(free[turn] - now + waiting(service.tool, chance))
    reasons = {"timeout": refused} if refused else {}
    return Found(calls, refused, 0, sorted(latencies), len(free), reasons)


def needed(rate: float, service: Service) -> int:
    """Processes for a rate of calls."""
    return max(FEWEST, math.ceil(rate * service.processor / TARGET))
