"""The table of what may become of a task, and its record."""

import msgspec
import pytest
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Lease, is_leased
from lambent.execution.durable.tasks.record import NULL, TRANSITIONS, OpenQuestion, TaskRecord
from lambent.execution.rounds.sealing import State

STATUSES = ("working", "input_required", "completed", "failed", "cancelled")


def record(**fields: object) -> TaskRecord:
    given = {"id": "t", "tool": "tool", "params": Raw(b"{}"), "created": 1.0, "updated": 1.0}
    given |= {"expires": 9.0, "ttl_ms": 8000, "poll_ms": 1000}
    return TaskRecord(**{**given, **fields})  # type: ignore[arg-type]


def test_the_table_of_transitions() -> None:
    assert {status: set(after) for status, after in TRANSITIONS.items()} == {
        "working": {"working", "input_required", "completed", "failed", "cancelled"},
        "input_required": {"input_required", "working", "cancelled"},
        "completed": set(),
        "failed": set(),
        "cancelled": set(),
    }


def test_nothing_can_be_added_to_the_table() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS["done"] = frozenset()  # type: ignore[index]


@pytest.mark.parametrize("status", STATUSES)
def test_terminal_is_what_nothing_follows(status: str) -> None:
    assert record(status=status).is_terminal == (status in ("completed", "failed", "cancelled"))


@pytest.mark.parametrize(("now", "leased"), [(9.99, True), (10.0, False), (10.01, False)])
def test_a_lease_ends_with_its_deadline(now: float, leased: bool) -> None:
    assert is_leased(Lease("me", 10.0), now) is leased


def test_what_nobody_has_taken_is_not_leased() -> None:
    assert not is_leased(record().lease, 0.0)


def test_a_record_is_read_as_it_was_written() -> None:
    full = record(
        params=NULL,
        params_blob="arguments/t",
        principal=Principal("ada", "https://id.example", frozenset({"a", "b"}), client_id="app"),
        status="input_required",
        message="half",
        attempt=2,
        lease=Lease("me", 10.5),
        due=3.5,
        cancel=True,
        state=State({"q": ("mark", Raw(b'{"action":"decline"}'))}, {"s": Raw(b"[1]")}, {"q2": "mark2"}),
        questions={"q2.3": OpenQuestion("q2", "mark2", Raw(b'{"method":"roots/list","params":{}}'))},
        used_keys={"q": "mark", "q2.3": "mark2"},
        result=Raw(b'{"content":[]}'),
        result_blob="results/t",
        error={"code": -32603, "message": "no", "data": [1]},
    )
    assert msgspec.json.decode(msgspec.json.encode(full), type=TaskRecord) == full


def test_what_is_as_usual_is_not_written() -> None:
    assert set(msgspec.json.decode(msgspec.json.encode(record()))) == {
        *("id", "tool", "params", "created", "updated", "expires", "ttl_ms", "poll_ms")
    }
