"""The guarded server behind every front end, each with an issuer of its own."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.interop import hosts
from tests.interop.authorization.front import Front, front_end
from tests.issuer.issuer import Issuer
from tests.issuer.metadata import DOCUMENTS
from tests.issuer.server import Received

from lambent.cli.gateway.background import Gateway

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Host:
    """How the guarded server is served.

    Attributes:
        kind: of the gateway; empty for uvicorn.
        app: what uvicorn serves.
        stage: the first part of the path.
        is_told: the server is told its public URL, which the front end does not tell.
        restores: challenges keep their name, though the kind renames them.
    """

    kind: str = ""
    app: str = ""
    stage: str = ""
    is_told: bool = False
    restores: bool = False


HOSTS: Mapping[str, Host] = {
    "alb": Host("alb", is_told=True),
    "stage": Host("http-api", stage="prod", restores=True),
    "asgi": Host(app="guarded:asgi", is_told=True),
    "fastapi": Host(app="guarded_fastapi:app", is_told=True),
    "http-api": Host("http-api"),
    "function-url": Host("function-url"),
    "rest": Host("rest", is_told=True),  # at a domain of its own: its stage is no part of the URL
    "renamed-stage": Host("http-api", stage="prod"),
}
INTACT = ("alb", "stage", "asgi", "fastapi")
"""Hosts behind which clients see challenges."""

RENAMED = ("http-api", "function-url", "rest")
"""Those behind which they do not."""


_BACKGROUND = ("POST /mcp 202", "GET /mcp 405", "DELETE /mcp 200")


@dataclass(frozen=True)
class Guarded:
    """A server and its issuer."""

    front: Front
    issuer: Issuer

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.front.url

    @property
    def metadata_url(self) -> str:
        """Where the metadata is."""
        return f"{self.front.base}/.well-known/oauth-protected-resource/mcp"

    @property
    def log(self) -> list[str]:
        """What the server was asked and answered, paths below the stage, in the order of the answers.

        Left out is what clients of the legacy era do in the background: their stream and their session's end.
        """
        found = [line.replace(f" {self.front.stage}/", " /", 1) for line in self.front.log]
        return [line for line in found if line not in _BACKGROUND]

    @property
    def client_requests(self) -> list[Received]:
        """What the issuer was asked by clients."""
        return [one for one in self.issuer.received if not _is_of_server(one)]

    @property
    def server_requests(self) -> list[str]:
        """What the issuer was asked by the server."""
        return [_line(one) for one in self.issuer.received if _is_of_server(one)]

    @property
    def issuer_log(self) -> list[str]:
        """What the issuer was asked by clients, one line each."""
        return [_line(one) for one in self.client_requests]

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The parameters of all requests for a path of the issuer, `scope` as a list in order."""
        found = []
        for one in self.client_requests:
            if one.path == self.issuer.path + path:
                given = one.query if one.method == "GET" else one.form
                parameters: dict[str, Any] = {name: values[0] for name, values in given.items()}
                if "scope" in parameters:
                    parameters["scope"] = sorted(parameters["scope"].split())
                found.append(parameters)
        return found

    def forget(self) -> None:
        """Begin anew."""
        self.front.exchanged.clear()
        self.issuer.received.clear()


def _is_of_server(request: Received) -> bool:
    return request.headers.get("accept-encoding") == "identity"  # as ``http.client`` says by itself


def _line(request: Received) -> str:
    return f"{request.method} {request.path}"


@contextmanager
def guarded_host(name: str, oauth: Mapping[str, Any], folder: Path) -> Iterator[Guarded]:
    """Serve the guarded server.

    Args:
        name: of the host.
        oauth: members of ``OAuth``, without the issuer; and `documents`, the metadata that the issuer serves.
        folder: for logs.
    """
    host, oauth = HOSTS[name], dict(oauth)
    with ExitStack() as stack:
        documents = oauth.pop("documents", DOCUMENTS)
        issuer = stack.enter_context(Issuer("/tenant", audience=None, documents=documents))
        stage = f"/{host.stage}" if host.stage else ""
        front = stack.enter_context(front_end(stage, restores=host.restores))
        members = {"issuer": issuer.url, **oauth}
        if "introspection" in members:
            members["introspection"] = {"url": f"{issuer.url}/introspect", **members["introspection"]}
        variables = {"INTEROP_OAUTH": json.dumps(members)}
        if host.is_told:
            variables["LAMBENT_PUBLIC_URL"] = front.base
        log = folder / f"guarded-{name}-{front.origin.rpartition(':')[2]}.log"
        start = _gateway if host.kind else _uvicorn
        front.target = stack.enter_context(start(host, variables, log))
        yield Guarded(front, issuer)


@contextmanager
def _gateway(host: Host, variables: dict[str, str], log: Path) -> Iterator[str]:
    app = HERE / "guarded.py"
    with Gateway(app, kind=host.kind, stage=host.stage or None, env=variables, log=log) as gateway:
        yield f"127.0.0.1:{gateway.port}"


@contextmanager
def _uvicorn(host: Host, variables: dict[str, str], log: Path) -> Iterator[str]:
    with hosts.asgi(log, f"tests.interop.authorization.{host.app}", variables=variables) as address:
        yield urlsplit(address).netloc


StartGuarded = Callable[..., Guarded]
