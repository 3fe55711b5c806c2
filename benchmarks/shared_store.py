"""What a Redis or Valkey of this machine takes: ``python -m benchmarks.shared_store``.

Starts a server of Debian's packages, and prints the times in milliseconds: the median, and the time that
99 of 100 calls stay below.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable

from tests.hosts.test_task_threads import client_of, end_of
from tests.redis_server import RedisProcess
from tests.support import SECRET, make_server

from lambent import Context, Session, Settings
from lambent.execution.ports import Item
from lambent.hosts.asgi_workers import WorkingApp
from lambent.stores.redis import close_clients
from lambent.stores.redis_store import RedisStore

CALLS = 500
FAR = 2_000_000_000


def measure(name: str, work: Callable[[], object], calls: int = CALLS) -> None:
    """Do something some times, and print what it took."""
    work()
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    print(f"{name:42} {statistics.median(times):8.2f} {times[int(calls * 0.99)]:8.2f}")


def main() -> None:
    """Measure the store, sessions and tasks."""
    server = RedisProcess("--appendonly", "yes")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    url = server.url()
    mcp = make_server()

    @mcp.tool()
    def create(ctx: Context) -> str:
        return ctx.sessions.create({"n": 1})

    @mcp.tool()
    def count(session: Session[dict[str, int]]) -> str:
        session["n"] += 1
        return str(session["n"])

    @mcp.tool(task=True)
    def work() -> str:
        return "done"

    app = mcp.asgi(Settings(redis=url, state_keys=(SECRET,)))
    assert isinstance(app, WorkingApp)
    client = client_of(mcp, loop, app._endpoint)
    store = RedisStore(url)
    store.insert(Item("bench", 1, b"x" * 1000, FAR))
    handle = client.call("create").text
    print(f"{'milliseconds':42} {'median':>8} {'99 %':>8}")
    measure("read an item", lambda: store.read("bench"))
    numbers = iter(range(10**6))
    measure("insert an item", lambda: store.insert(Item(f"bench {next(numbers)}", 1, b"x" * 1000, FAR)))
    measure("a call that changes a session", lambda: client.call("count", {"session": handle}))
    measure("a task, from its call to its result", lambda: end_of(client, client.start("work")), 100)
    for queue in app._queues:
        queue.close(5)
    close_clients()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()


if __name__ == "__main__":
    main()
