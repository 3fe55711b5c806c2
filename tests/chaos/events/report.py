"""What came of a run."""

import msgspec


class Report(msgspec.Struct):
    """What came of a run.

    Attributes:
        seconds: how long it took.
        seed: of everything random.
        emitted: occurrences that ``emit`` has returned for.
        endpoints: how many were subscribed.
        accepted: deliveries that an endpoint accepted, or refused for good: each counts once.
        repeated: deliveries of what had been accepted before.
        attempts: requests that workers have sent.
        killed: processes that were killed, each with some environments.
        suspended: refreshes that found deliveries suspended.
        purged: occurrences that were purged before anybody could deliver them.
        gaps: control envelopes of gaps that were accepted.
        faults: what else went wrong, by kind.
        wrong: what must never happen.
    """

    seconds: float
    seed: int
    emitted: int
    endpoints: int
    accepted: int
    repeated: int
    attempts: int
    killed: int
    suspended: int
    purged: int
    gaps: int
    faults: dict[str, int]
    wrong: list[str]

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        return "\n".join(
            [
                f"{self.emitted} occurrences for {self.endpoints} endpoints in {self.seconds:.1f} s",
                f"seed {self.seed}",
                f"{self.attempts} requests: {self.accepted} deliveries done, {self.repeated} accepted again",
                f"{self.killed} processes killed; faults: {faults}",
                f"{self.suspended} suspensions found, {self.purged} purged, {self.gaps} gaps told",
                f"violations: {len(self.wrong)}",
                *(f"  {each}" for each in self.wrong[:20]),
            ]
        )
