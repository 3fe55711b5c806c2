"""JSON that is wrong everywhere, and the memory that it takes to say so.

``python -m tests.features.codecs.refused SHAPE SIZE …`` prints for each size by how many bytes the memory of
the process has grown at its peak; sizes must increase.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pydantic

from lambent.features.codecs import ValidationError
from lambent.features.codecs._pydantic import PydanticCodec


class Node(pydantic.BaseModel):
    nodes: "list[Node]" = []
    n: int


class Tree(pydantic.BaseModel):
    left: "Tree | None" = None
    right: "Tree | None" = None
    n: int = 0


@dataclass
class Chain:
    n: int
    after: "Chain | None" = None
    others: "dict[str, Chain]" = field(default_factory=dict)


class Closed(pydantic.BaseModel, extra="forbid"):
    n: int = 0


Wide: Any = pydantic.create_model("Wide", **{f"f{at}": (int, ...) for at in range(300)})
Wider: Any = pydantic.create_model("Wider", **{f"w{at}": (Wide, ...) for at in range(20)})


def members(size: int, value: bytes) -> bytes:
    """An object with as many different keys as there is room for."""
    written = bytearray(b"{")
    for number in range(size // (11 + len(value))):
        written += b'"k%07d":%b,' % (number, value)
    written[-1:] = b"}"
    return bytes(written)


def items(size: int, value: bytes) -> bytes:
    """A list of the same value as often as there is room for."""
    return b"[" + (value + b",") * (size // (len(value) + 1)) + value + b"]"


def tree(size: int) -> bytes:
    written = b'{"n":"x"}'
    while len(written) < size:
        written = b'{"left":%b,"right":%b,"n":"x"}' % (written, written)
    return written


SHAPES: dict[str, tuple[Any, Callable[[int], bytes]]] = {
    "list": (list[int], lambda size: items(size, b'"x"')),
    "lists": (list[list[int]], lambda size: items(size, b'["x"]')),
    "set": (set[int], lambda size: items(size, b'"x"')),
    "tuple": (tuple[int, ...], lambda size: items(size, b'"x"')),
    "union": (list[int | list[int]], lambda size: items(size, b'"x"')),
    "dict": (dict[str, int], lambda size: members(size, b'"x"')),
    "keys": (dict[int, int], lambda size: members(size, b"1")),
    "records": (list[Node], lambda size: items(size, b'{"n":"x"}')),
    "recursive": (Node, lambda size: b'{"nodes":%b,"n":"x"}' % items(size, b'{"n":"x"}')),
    "recursive dataclass": (
        Chain,
        lambda size: b'{"others":%b,"n":"x"}' % members(size, b'{"n":"x","after":{"n":"x"}}'),
    ),
    "tree": (Tree, tree),
    "wide": (Wide, lambda size: b'{"f0":"%b"}' % (b"x" * size)),
    "wide records": (list[Wide], lambda size: items(size, b"{}")),
    "wide in wide": (
        Wider,
        lambda size: b"{%b}" % b",".join(b'"w%d":{"x":"%b"}' % (at, b"x" * (size // 20)) for at in range(20)),
    ),
    "unknown members": (Closed, lambda size: members(size, b"1")),
    "unknown members of many": (list[Closed], lambda size: items(size, b'{"x":1,"y":2}')),
}


def peak() -> int:
    """Bytes of memory that this process has had at most; that of ``getrusage`` counts its parent's."""
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]  # noqa: SIM115
    return int(line.split()[1]) * 1024


def main(shape: str, sizes: list[int]) -> None:
    hint, make = SHAPES[shape]
    codec = PydanticCodec(hint)
    bodies = [make(100), *map(make, sizes)]  # the first one makes the validators
    before = 0
    for body in bodies:
        try:
            codec.decode(body)
        except ValidationError:
            grown = peak() - before
        else:
            raise AssertionError(f"{shape} is taken")
        if body is bodies[0]:
            before = peak()
        else:
            print(grown)  # noqa: T201 - the measurement


if __name__ == "__main__":
    main(sys.argv[1], [int(size) for size in sys.argv[2:]])
