"""An ASGI application behind Mangum, its lifespan entered once, for all invocations."""

import asyncio

from mangum import Mangum


def serve(app, lifespan):
    """Enter the lifespan and make the handler.

    Args:
        app: the ASGI application.
        lifespan: its lifespan, an asynchronous context manager.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(lifespan.__aenter__())
    handler = Mangum(app, lifespan="off")

    def handle(event, context):
        return handler(event, context)

    handle.lifespan = lifespan  # an abandoned generator would be closed by the garbage collector
    return handle
