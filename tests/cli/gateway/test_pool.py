import asyncio

import pytest

from lambent.cli.gateway.environment import Returned
from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.pool import Pool, PoolClosedError

ARRIVAL = Arrival("77375676-abcd-4b79-853a-f982474efe18", 0, "Root=1")


class FakeEnvironment:
    """Returns when it is told to."""

    def __init__(self, number):
        self.number = number
        self.started = 0
        self.reloads = 0
        self.closed = False
        self.may_return = asyncio.Event()
        self.may_return.set()
        self.running = 0

    def start(self):
        self.started += 1

    def reload(self):
        self.reloads += 1

    async def invoke(self, event, arrival, on_part=None):
        self.running += 1
        assert self.running == 1, "an environment serves one invocation at a time"
        await self.may_return.wait()
        self.running -= 1
        return Returned(event + str(self.number).encode())

    async def close(self):
        self.closed = True
        self.may_return.set()


async def serve(pool, event=b""):
    environment = await pool.acquire()
    invocation = pool.invoke(environment, event, ARRIVAL)
    await asyncio.wait([invocation])
    return int(invocation.result().payload)


async def settle():
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_requests_in_a_row_go_round():
    async def check():
        pool = Pool(FakeEnvironment, 3)
        return [await serve(pool) for _ in range(7)]

    assert asyncio.run(check()) == [1, 2, 3, 1, 2, 3, 1]


def test_a_single_environment_serves_all():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        return [await serve(pool) for _ in range(3)]

    assert asyncio.run(check()) == [1, 1, 1]


def test_busy_environments_are_skipped():
    async def check():
        pool = Pool(FakeEnvironment, 3)
        second = pool.environments[1]
        second.may_return.clear()
        numbers = [await serve(pool)]
        slow = asyncio.create_task(serve(pool))
        await settle()
        numbers += [await serve(pool) for _ in range(4)]
        second.may_return.set()
        numbers.append(await slow)
        numbers += [await serve(pool) for _ in range(3)]
        return numbers

    # 2 is taken meanwhile; then it goes on after the last one handed out.
    assert asyncio.run(check()) == [1, 3, 1, 3, 1, 2, 2, 3, 1]


def test_the_only_free_environment_serves_twice_in_a_row():
    async def check():
        pool = Pool(FakeEnvironment, 2)
        pool.environments[0].may_return.clear()
        slow = asyncio.create_task(serve(pool))
        await settle()
        numbers = [await serve(pool), await serve(pool)]
        pool.environments[0].may_return.set()
        return [*numbers, await slow]

    assert asyncio.run(check()) == [2, 2, 1]


def test_requests_wait_in_their_order():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        (environment,) = pool.environments
        environment.may_return.clear()
        order = []

        async def note(name):
            await serve(pool)
            order.append(name)

        tasks = [asyncio.create_task(note(name)) for name in "abcd"]
        await settle()
        assert order == []
        tasks[2].cancel()
        environment.may_return.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    assert asyncio.run(check()) == ["a", "b", "d"]


def test_a_waiter_cancelled_with_its_environment_in_hand_gives_it_back():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        held = await pool.acquire()
        waiter = asyncio.create_task(pool.acquire())
        await settle()
        invocation = pool.invoke(held, b"", ARRIVAL)
        # Comes after the pool's own callback: the environment is the waiter's, which has not run yet.
        invocation.add_done_callback(lambda _: waiter.cancel())
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        return await serve(pool)

    assert asyncio.run(asyncio.wait_for(check(), 10)) == 1


def test_an_invocation_goes_on_without_whoever_waited():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        pool.environments[0].may_return.clear()
        gone = asyncio.create_task(serve(pool))
        await settle()
        gone.cancel()
        await settle()
        assert pool.environments[0].running == 1
        pool.environments[0].may_return.set()
        return await serve(pool)

    assert asyncio.run(check()) == 1


def test_start_and_reload_reach_all():
    async def check():
        pool = Pool(FakeEnvironment, 2)
        pool.start()
        pool.reload()
        return [(one.started, one.reloads) for one in pool.environments]

    assert asyncio.run(check()) == [(1, 1), (1, 1)]


def test_closing_lets_running_invocations_end_and_refuses_the_others():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        (environment,) = pool.environments
        environment.may_return.clear()
        running = asyncio.create_task(serve(pool))
        waiting = asyncio.create_task(serve(pool))
        await settle()
        closing = asyncio.create_task(pool.close(60))
        await settle()
        with pytest.raises(PoolClosedError):
            await waiting
        with pytest.raises(PoolClosedError):
            await pool.acquire()
        assert not environment.closed
        environment.may_return.set()
        await closing
        assert environment.closed
        return await running

    assert asyncio.run(check()) == 1


def test_closing_does_not_wait_for_longer_than_the_grace():
    async def check():
        pool = Pool(FakeEnvironment, 1)
        (environment,) = pool.environments
        environment.may_return.clear()
        running = asyncio.create_task(serve(pool))
        await settle()
        await pool.close(0.01)
        assert environment.closed
        return await running

    assert asyncio.run(check()) == 1
