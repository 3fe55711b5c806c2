"""Whatever goes wrong, in any order: each occurrence is taken, refused, or told of as a gap."""

import json
import random
from typing import Any

import pytest
from tests.execution.events.test_crashes import Killed, Watched
from tests.execution.events.test_subscriptions import secret

from lambent import StoreError
from lambent.execution.durable import records
from lambent.execution.events.ports import CallbackFailed, CallbackResponse

SWEEP_SECONDS = 300.0


class Chaos(Watched):
    """A post with bad luck: workers are killed, messages get lost, come twice, or late, clocks differ."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.odds = self.chance.choice([0.02, 0.1, 0.3])
        self.refused: set[int] = set()
        self.is_calm = True
        self.key = self.begin()
        store, queue = self.shop.store, self.shop.queue
        for owner, names in ((store, ("insert", "replace", "remove", "read")), (queue, ("send", "send_all"))):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name)))
        self.is_calm = False

    def around(self, function: Any) -> Any:
        def act(*args: Any, **options: Any) -> Any:
            if self.is_unlucky(0.05):
                raise self.chance.choice([Killed, StoreError])
            answer = function(*args, **options)
            if self.is_unlucky(0.05):
                raise self.chance.choice([Killed, StoreError])
            return answer

        return act

    def is_unlucky(self, factor: float = 1.0) -> bool:
        return not self.is_calm and self.chance.random() < self.odds * factor

    def answer(self, body: bytes) -> CallbackResponse:
        told = json.loads(body)
        if told.get("type") == "verification" or not self.is_unlucky(2):
            return super().answer(body)
        fault = self.chance.choice([500, 404, 429, 410, "timeout", "lost"])
        if fault == "lost":  # it was taken, and nobody knows
            super().answer(body)
            raise CallbackFailed("timeout")
        if fault == "timeout":
            raise CallbackFailed("timeout")
        if fault == 410 and "eventId" in told:
            self.refused.add(int(told["eventId"][1:]))
        return CallbackResponse(int(fault))

    def check(self, cursor: str) -> None:
        """No cursor passes what nobody has got, unless its gap is known."""
        number, was_calm = int(cursor.partition(".")[2]), self.is_calm
        self.is_calm = True
        record = self.held(self.key)
        self.is_calm = was_calm
        if not self.gaps and record.gap is None:
            assert self.accepted | self.refused >= set(range(1, number + 1)), cursor

    def step(self) -> bool:
        """Bring a message: mostly the one that is due first, to a worker whose clock may be wrong."""
        messages = self.shop.queue.messages
        if not messages:
            return False
        messages.sort(key=lambda one: one[1])
        position = 0 if not self.is_unlucky() else self.chance.randrange(len(messages))
        message, delay = messages.pop(position)
        if self.is_unlucky() and message != "sweep":
            return True  # it is lost
        if self.is_unlucky():
            messages.append((message, delay + self.chance.random() * 10))
        self.shop.now += delay
        messages[:] = [(one, max(0.0, due - delay)) for one, due in messages]
        skew = self.chance.uniform(-2, 2) if self.is_unlucky() else 0.0
        self.shop.now += skew
        try:
            self.deliveries.run(message)
        except (Killed, StoreError):
            messages.append((message, 30.0))
        finally:
            self.shop.now -= skew
        return True

    def act(self, number: int) -> None:
        """What servers and clients do meanwhile."""
        try:
            self.shop.emit(f"e{number}")
        except (Killed, StoreError):
            self.act(number)
        if self.is_unlucky():
            params = {"secret": secret(self.chance.choice([1, 2]))}
            self.is_calm = True
            found = self.shop.subscribe(params)
            self.is_calm = False
            if found["truncated"]:
                self.gaps.append(0)
            self.check(found["cursor"])


def run(seed: int) -> Chaos:
    post = Chaos(seed)
    for number in range(1, 41):
        post.act(number)
        for _ in range(post.chance.randrange(8)):
            post.step()
    post.shop.queue.messages += [("sweep", SWEEP_SECONDS * number) for number in range(1, 9)]
    for _ in range(post.chance.randrange(300)):
        post.step()
    post.is_calm = True
    post.shop.queue.messages += [("sweep", SWEEP_SECONDS * number) for number in range(1, 200)]
    while post.step():
        if post.shop.now > post.shop.events.clock() + 80_000:
            break
    return post


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_nothing_is_lost_without_a_word(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_PAUSE_SECONDS", 0.0)
    told = 0
    for seed in range(first, first + 15):
        post = run(seed)
        if not post.held(post.key).active:  # it has failed too often
            post.shop.subscribe()
            while post.step():
                pass
        record = post.held(post.key)
        assert (record.unacked, record.number, record.end) == ({}, 40, None), seed
        assert record.gap is None or record.gap.attempts.are_spent, seed
        missing = set(range(1, 41)) - post.accepted - post.refused
        assert not missing or post.gaps or record.gap is not None, (seed, missing)
        told += bool(missing)
    assert told < 15
