"""Endpoints on this machine that stand for those of others, and a network in which they are found."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambent.execution.events.ports import CallbackResponse
from lambent.stores.callbacks import HttpsCallbacks

HOST = "hook.example"
PUBLIC = "93.184.215.14"


def make_certificate(path: Path, host: str = HOST) -> None:
    """Write a certificate of a host, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Receiver:
    """An endpoint on this machine: keeps the request, and does something with the connection."""

    def __init__(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.names: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.requests: list[bytes] = []
        self.answer: Callable[[ssl.SSLSocket], None] = answering(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.early: Callable[[ssl.SSLSocket], None] | None = None
        """What is done in place of reading the request."""
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._socket.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(raw, server_side=True) as connection:
                    if self.early is not None:
                        self.early(connection)
                        continue
                    self.requests.append(read_request(connection))
                    self.answer(connection)
            except OSError:
                raw.close()

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads[0].join(10)


def read_request(connection: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length: "):
            while len(body) < int(line.split(b" ")[1]):
                body += _receive(connection)
    return head + b"\r\n\r\n" + body


def _receive(connection: ssl.SSLSocket) -> bytes:
    if not (piece := connection.recv(4096)):
        raise ConnectionError("the client has closed the connection in the middle of a request")
    return piece


def answering(data: bytes) -> Callable[[ssl.SSLSocket], None]:
    return lambda connection: connection.sendall(data)


class Network:
    """A network in which a name has the addresses that a test says; all connections get to the receiver."""

    def __init__(self, receiver: Receiver, certificate: Path) -> None:
        self.answers: list[list[str]] = [[PUBLIC]]
        self.asked: list[tuple[str, int]] = []
        self.connected: list[tuple[str, int]] = []
        self.broken: set[str] = set()
        self._receiver = receiver
        self.callbacks = HttpsCallbacks(
            context=ssl.create_default_context(cafile=str(certificate)),
            resolve=self.resolve,
            connect=self.connect,
        )

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append((address, port))
        if address in self.broken:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self._receiver.port), seconds)

    def post(self, url: str = f"https://{HOST}/hooks?a=1", **options: Any) -> CallbackResponse:
        return self.callbacks.send("POST", url, {"x-a": "1"}, b"{}", **{"seconds": 5.0, **options})
