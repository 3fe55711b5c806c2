"""Drives examples in a process of their own: reads jobs, one JSON a line, and writes what it found.

``python -m tests.porting.drive.worker original`` or ``… ported``. A job of an original has ``file`` and
``path``; one of a ported example also has ``plan``, what the original was asked.
"""

import contextlib
import io
import json
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.porting.drive import stand_ins, targets
from tests.porting.drive.client import Client
from tests.porting.drive.hosting import Asgi, Lambda, TookTooLongError
from tests.porting.drive.requests import Listing, constants_of, requests_of

Json = dict[str, Any]
SECONDS = 60
STOOD_IN = ("asyncpg", "numpy", "openai", "pgvector", "pyautogui", "pydantic_ai")
"""Libraries of examples that have nothing to do with the protocol."""

ENVIRONMENT = {
    "LAMBENT_STATE_KEYS": targets.KEY,
    "SURGE_API_KEY": "key",
    "SURGE_ACCOUNT_ID": "account",
    "SURGE_MY_PHONE_NUMBER": "15550100",
    "SURGE_MY_FIRST_NAME": "Ada",
    "SURGE_MY_LAST_NAME": "L",
}


def main(side: str) -> None:
    """Do all jobs."""
    out, sys.stdout = sys.stdout, sys.stderr
    os.environ.update(ENVIRONMENT)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    stand_ins.without_network()
    sys.meta_path.append(stand_ins.Finder(STOOD_IN))
    for line in sys.stdin:
        job = json.loads(line)
        done = {"name": job["name"], **_done(job, side)}
        out.write(json.dumps(done) + "\n")
        out.flush()


def _done(job: Json, side: str) -> Json:
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        file = Path(job["file"])
        module = targets.load(file)
        if side == "ported":
            return {"targets": [_drive(module, one, file, side) for one in job["plan"]]}
        found: list[Json] = []
        for names in targets.groups_of(module):
            found = [_drive(module, {"target": name}, file, side) for name in names]
            if all("failure" not in one for one in found):
                break
        return {"targets": found}
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return _failure(error)
    finally:
        signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TookTooLongError(f"more than {SECONDS} seconds")


def _failure(error: BaseException) -> Json:
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-4:]]
    return {"failure": {"type": type(error).__name__, "message": str(error), "where": where}}


def _drive(module: Any, one: Json, file: Path, side: str) -> Json:
    """Make all requests of a target; the original also decides which ones."""
    try:
        found = targets.find(module, one["target"])
        with _hosted(found, side) as host:
            if side == "original":
                return {"target": one["target"], **_explore(found, host, file)}
            return {"target": one["target"], "steps": _replay(host, one)}
    except Exception as error:
        return {"target": one["target"], **_failure(error)}


@contextlib.contextmanager
def _hosted(found: Any, side: str) -> Iterator[Any]:
    if targets.is_app(found):
        host: Any = Asgi(found)
    elif side == "original":
        host = Asgi(found.streamable_http_app())
    else:
        host = Lambda(found.lambda_handler())
    try:
        yield host
    finally:
        host.close()


def _explore(found: Any, host: Any, file: Path) -> Json:
    constants = constants_of(file.read_text())
    pages = []
    paths = ["/mcp"]
    if targets.is_app(found):
        routes = targets.routes_of(found)
        pages = [
            {"http": "GET", "path": path} for path, methods in routes if "GET" in methods and "{" not in path
        ]
        paths = [
            path
            for path, methods in routes
            if path.rstrip("/").endswith("mcp") or not methods or "POST" in methods
        ]
    steps: list[Json] = []
    plan: Json = {"endpoints": [], "pages": pages}
    for page in pages:
        steps.append({"request": page, "rounds": [Client(host, "").get(page["path"], "GET")]})
    for path in dict.fromkeys(paths):
        client = Client(host, path or "/")
        first = client.exchange({"method": "server/discover", "params": {}})[-1]
        if first["status"] in (404, 405, 307):
            continue
        endpoint: Json = {"path": client.path, "requests": []}
        plan["endpoints"].append(endpoint)
        if first["status"] == 401:
            endpoint["requests"].append({"method": "server/discover", "params": {}, "anonymous": True})
            for token in constants:
                client.token = token
                if token.isascii() and token.isprintable() and _is_let_in(client):
                    endpoint["token"] = token
                    break
            else:
                client.token = None
        listing = Listing(client)
        client.capabilities["extensions"] |= {name: {} for name in listing.extensions}
        endpoint["extensions"] = client.capabilities["extensions"]
        endpoint["mirrored"] = client.mirrored
        for request in [*endpoint["requests"], *requests_of(listing, constants)]:
            if request not in endpoint["requests"]:
                endpoint["requests"].append(request)
            rounds = _step(client, request)
            steps.append({"request": request, "rounds": rounds})
            if "policy" not in request and not request.get("bare") and _asks(rounds):
                for policy in ("other", "decline", "cancel"):
                    again = {**request, "policy": policy}
                    endpoint["requests"].append(again)
                    steps.append({"request": again, "rounds": _step(client, again)})
    return {"plan": plan, "steps": steps}


def _is_let_in(client: Client) -> bool:
    return client.exchange({"method": "server/discover", "params": {}})[-1]["status"] not in (401, 403)


def _asks(rounds: list[Json]) -> bool:
    return any(one.get("result", {}).get("resultType") == "input_required" for one in rounds)


def _step(client: Client, request: Json) -> list[Json]:
    token = client.token
    if request.get("anonymous"):
        client.token = None
    try:
        return client.exchange(request)
    except TimeoutError as error:
        return [{"failure": f"TimeoutError: {error}"}]
    except Exception as error:
        return [{"failure": f"{type(error).__name__}: {error}"}]
    finally:
        client.token = token


def _replay(host: Any, one: Json) -> list[Json]:
    steps = [
        {"request": page, "rounds": [Client(host, "").get(page["path"], "GET")]} for page in one["pages"]
    ]
    for endpoint in one["endpoints"]:
        client = Client(host, endpoint["path"], endpoint["extensions"])
        client.token = endpoint.get("token")
        client.mirrored = endpoint["mirrored"]
        # As the original was explored: what lists and calls leave behind is the same.
        Listing(client)
        client.mirrored = endpoint["mirrored"]
        for request in endpoint["requests"]:
            steps.append({"request": request, "rounds": _step(client, request)})
    return steps


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()) if os.environ.get("QUIET") else contextlib.nullcontext():
        main(sys.argv[1])
