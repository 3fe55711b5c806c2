import asyncio

from tests.cli.local_aws.test_poller import FakeSqs, Stage, message

from lambent.cli.gateway.environment import Returned
from lambent.cli.local_aws.sweeper import sweep


def test_what_was_left_behind_is_looked_for_once_something_was_delivered():
    async def main():
        sqs = FakeSqs()
        stage = Stage(sqs, Returned(b'{"batchItemFailures": []}'))
        sweeping = asyncio.create_task(sweep([stage.poller], stage.pool, 0.001))
        polling = asyncio.create_task(stage.poller.run())
        (worker,) = stage.workers
        await asyncio.sleep(0.02)
        assert worker.events == []
        sqs._batches.put([message("a")])
        # It may begin before the message has come to the worker.
        while not ({"lambent": "sweep"} in worker.events and any("Records" in one for one in worker.events)):
            await asyncio.sleep(0.001)
        await stage.pool.close(1)
        await sweeping  # it ends with the workers
        sqs.close()
        polling.cancel()
        await asyncio.wait([polling])
        stage.threads.shutdown()

    asyncio.run(main())
