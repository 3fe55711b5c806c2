"""The endpoints of a run: each on a port of its own, each with a way to fail, all in one thread."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
from tests.chaos.events.history import Kind, Receipt

HOST = "127.0.0.1"

BEHAVIORS = {
    "healthy": "accepts everything",
    "slow": "the same, after a while",
    "leaving": "the same, and is unsubscribed halfway",
    "returning": "the same, is unsubscribed, and subscribed again from its last cursor",
    "expiring": "the same, and is never refreshed",
    "flaky": "fails now and then, by an error or by closing the connection",
    "failing": "answers 500",
    "hanging": "never answers",
    "redirecting": "redirects to an endpoint that nobody has subscribed",
    "gone": "answers 410",
    "large": "answers 413",
    "closing": "closes the connection early",
    "recovering": "does not answer, until it is healed",
    "unverified": "does not repeat the challenge",
    "trap": "nobody subscribes it",
}


class Receivers:
    """Endpoints, which keep what they get.

    Args:
        behaviors: by name of the endpoint; see ``BEHAVIORS``.
        dice: decides what flaky ones do.
        trap: the endpoint that others redirect to.

    Attributes:
        receipts: what they got.
        secrets: those that may have signed it, by endpoint.
        healed: those that recover do so when this is set.
    """

    def __init__(self, behaviors: Mapping[str, str], dice: random.Random, trap: str) -> None:
        self.receipts: list[Receipt] = []
        self.secrets: dict[str, list[bytes]] = {name: [] for name in behaviors}
        self.healed = threading.Event()
        self._dice = dice
        self._behaviors = behaviors
        self._trap = trap
        self._ports: dict[str, int] = {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(30)

    def url(self, name: str) -> str:
        """Where an endpoint is."""
        return f"http://{HOST}:{self._ports[name]}/hook"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        servers = []
        for name in self._behaviors:

            async def take(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name
            ) -> None:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await self._take(name, reader, writer)
                writer.close()

            server = await asyncio.start_server(take, HOST, 0)
            self._ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        self._ready.set()
        await self._over.wait()
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _take(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behavior = self._behaviors[name]
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        begun = time.monotonic_ns()
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
        if not head[0].startswith("POST "):
            await self._answer(writer, 404)
            return
        body = await reader.readexactly(int(headers["content-length"]))
        receipt = self._receipt(name, begun, headers, body)
        if receipt.kind == "verification":
            challenge = json.loads(body)["challenge"]
            echoed = "wrong" if behavior == "unverified" else challenge
            await self._answer(writer, 200, body=json.dumps({"challenge": echoed}).encode())
            self.receipts.append(receipt)
            return
        status = await self._decide(behavior, reader)
        # Noted before the other side can have the answer, and act on it.
        ended = time.monotonic_ns() if status else 0
        self.receipts.append(msgspec.structs.replace(receipt, status=status, ended=ended))
        if status:
            await self._answer(writer, status, self.url(self._trap) if status == 302 else "")

    async def _decide(self, behavior: str, reader: asyncio.StreamReader) -> int:
        """The status that an endpoint answers with; 0 where it does not answer."""
        if behavior == "hanging" or (behavior == "recovering" and not self.healed.is_set()):
            await reader.read()  # until the other side gives up
            return 0
        if behavior == "slow":
            await asyncio.sleep(self._dice.uniform(0.05, 0.3))
        if behavior == "flaky" and (chance := self._dice.random()) < 0.4:
            return 503 if chance < 0.25 else 0
        return {"failing": 500, "redirecting": 302, "gone": 410, "large": 413, "closing": 0}.get(
            behavior, 204
        )

    async def _answer(
        self, writer: asyncio.StreamWriter, status: int, location: str = "", body: bytes = b""
    ) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}", "connection: close"]
        lines += [f"location: {location}"] if location else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    def _receipt(self, name: str, begun: int, headers: Mapping[str, str], body: bytes) -> Receipt:
        found: dict[str, Any] = json.loads(body)
        message = headers["webhook-id"]
        signed = f"{message}.{headers['webhook-timestamp']}.".encode() + body
        known = {
            "v1," + b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
            for secret in self.secrets[name]
        }
        kind: Kind = "occurrence"
        if "type" in found:
            kind = found["type"] if found["type"] in ("gap", "terminated", "verification") else "other"
        return Receipt(
            name,
            kind,
            begun,
            message=message,
            order=found["data"]["order"] if kind == "occurrence" else -1,
            cursor=found.get("cursor"),
            signed=bool(known & set(headers["webhook-signature"].split())),
        )
