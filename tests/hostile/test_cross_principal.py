"""What belongs to another principal is to everybody else as if there were no such thing.

Status, headers and body are the same to the byte, and so is the work: which operations of the store are done,
in which order, whether they find anything, and whether keys are read again. Nothing here measures time.
"""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.hostile.belongings import AGREED, MODERN_KINDS, server_of, spoilt
from tests.hostile.legacy_belongings import LEGACY_KINDS, initialize, initialized, legacy_tool, rpc
from tests.hostile.principals import (
    HOSTS,
    ISSUER,
    OTHERS,
    SAME,
    WAYS,
    Http,
    User,
    World,
    modern,
    tool,
    world_of,
)
from tests.hosts.asgi.driving import on_loop, unframe
from tests.legacy import read_stream

from lambent import Principal
from lambent.execution.invocation import Invocation
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.memory import MemoryStore

KINDS = {**MODERN_KINDS, **LEGACY_KINDS}
ADA, EVE = OTHERS["two subjects"]


def cases() -> Iterator[object]:
    for name, kind in KINDS.items():
        for host in HOSTS:
            for way in WAYS:
                if host in kind.hosts and way in kind.ways:
                    yield pytest.param(name, host, way, id=f"{name}-{host}-{way}")


every_case = pytest.mark.parametrize(("name", "host", "way"), list(cases()))
every_kind = pytest.mark.parametrize("name", KINDS)


def compare(world: World, name: str, pair: tuple[User, User], *, is_expired: bool = False) -> None:
    """Use what another one has, and what never was; the answers and the work for them are the same."""
    kind, (owner, other) = KINDS[name], pair
    made, owned = world.keys_of(lambda: kind.make(world, owner))
    if is_expired:
        world.now += kind.lifetime
    mark, unknown_name = len(world.effects), kind.unknown(made)
    foreign = world.observe(lambda: world.send(kind.use(world, made, other), other))
    unknown = world.observe(lambda: world.send(kind.use(world, unknown_name, other), other))
    assert foreign.answer == unknown.answer
    assert (foreign.done, foreign.key_reads) == (unknown.done, unknown.key_reads)
    assert not foreign.touched & owned
    if not is_expired:
        del world.effects[mark:]
        kind.check(world, made, owner)


@every_case
@pytest.mark.parametrize("pair", ["two subjects", "nobody", "of nobody"])
def test_anothers_is_as_unknown(name: str, host: str, way: str, pair: str) -> None:
    with world_of(server_of, host, way) as world:
        compare(world, name, OTHERS[pair])


@every_kind
@pytest.mark.parametrize("pair", OTHERS)
def test_whoever_is_not_the_same_is_another_one(name: str, pair: str) -> None:
    with world_of(server_of, "lambda", "authenticator") as world:
        compare(world, name, OTHERS[pair])


@every_case
def test_anothers_is_as_unknown_when_it_has_expired(name: str, host: str, way: str) -> None:
    with world_of(server_of, host, way) as world:
        compare(world, name, (ADA, EVE), is_expired=True)


@every_case
def test_applications_and_tokens_of_one_subject_share_it(name: str, host: str, way: str) -> None:
    for owner, same in SAME.values():
        with world_of(server_of, host, way) as world:
            KINDS[name].check(world, KINDS[name].make(world, owner), same)


@pytest.fixture(scope="module")
def table() -> Iterator[DynamoStore]:
    """A table of DynamoDB."""
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        create_table(client, "lambent")
        yield DynamoStore("lambent", client)
        client.close()


@every_kind
def test_anothers_is_as_unknown_in_dynamodb(name: str, table: DynamoStore) -> None:
    with world_of(server_of, "lambda", "authenticator", store=table) as world:
        compare(world, name, (ADA, EVE))


class Detailed(Principal, frozen=True):
    """A principal of an authenticator that keeps its token."""

    token: str = ""


@every_kind
def test_nothing_of_a_token_reaches_an_item_or_a_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But scopes and client, for the attempts at tasks."""
    store = MemoryStore()
    ada = Detailed(
        "subject-of-it", ISSUER, frozenset({"a"}), {"email": "of-the-token"}, "app", token="of-the-token"
    )
    monkeypatch.setattr("tests.hostile.principals.user_of", lambda headers: ada)
    with world_of(server_of, "lambda", "authenticator", store=store) as world:
        KINDS[name].check(world, KINDS[name].make(world, ada), ada)
        sent = world.queue.sent
    kept = [(key, item.body) for key, item in store._items.items()]
    assert "of-the-token" not in repr((kept, sent))
    assert "subject-of-it" not in repr(sent)  # a digest at most


# Tasks and their workers


def test_an_attempt_is_made_for_the_principal_that_made_the_task() -> None:
    for pair in OTHERS.values():
        with world_of(server_of, "lambda", "authenticator") as world:
            for user in pair:
                given = user and Principal(user.subject, user.issuer, frozenset({"a", "b"}), {"c": 1}, "app")
                world.send(tool("who"), given)
            (ones, _), (others, _) = world.queue.messages
            assert ones != others
            world.work()
        kept = [
            user and Principal(user.subject, user.issuer, frozenset({"a", "b"}), client_id="app")
            for user in pair
        ]
        assert world.seen == kept


def test_a_message_under_another_mark_names_no_task() -> None:
    with world_of(server_of, "lambda", "authenticator") as world:
        task_id = world.send(tool("report"), ADA).result["taskId"]
        (name, _) = world.queue.messages.pop()
        others = world.send(tool("report"), EVE).result["taskId"]
        (other, _) = world.queue.messages.pop()
        mark, _, _ = other.partition(".")
        for wrong in (task_id, f"{mark}.{task_id}", f".{task_id}", f"{name}.", "."):
            world.worker.run(wrong, Invocation(world.loop))
            world.worker.fail_undelivered(wrong)
        shown = modern("tasks/get", {"taskId": task_id})
        assert world.send(shown, ADA).result["status"] == "working"
        world.worker.run(name, Invocation(world.loop))
        assert world.send(shown, ADA).result["status"] == "input_required"
        assert others != task_id


@on_loop
async def test_nobody_hears_of_anothers_task_as_if_it_were_a_resource() -> None:
    with world_of(server_of, "asgi", "authenticator", listen_seconds=0.2) as world:
        task_id = (await world.send_here(tool("report"), ADA)).result["taskId"]
        topics = ["notifications/tasks", f"TASK#{task_id}", task_id]
        wanted = {"resourceSubscriptions": topics}
        async with world.exchange(
            modern("subscriptions/listen", {"notifications": wanted}), EVE
        ) as listening:
            await listening.next()
            assert (await listening.heard())["method"] == "notifications/subscriptions/acknowledged"
            await world.send_here(modern("tasks/cancel", {"taskId": task_id}), ADA)
            assert "result" in unframe((await listening.next())["body"])


# Questions of the legacy era


def test_middleware_tells_the_streams_of_callers_apart() -> None:
    """Event ids are the caller's, and answers too: middleware is asked when the call is run again."""
    with world_of(server_of, "lambda", "middleware") as world:
        kind = KINDS["event id, answered"]
        event_id = kind.make(world, ADA)
        foreign = world.send(kind.use(world, event_id, EVE), EVE)
        assert foreign == world.send(kind.use(world, spoilt(event_id), EVE), EVE)
        assert foreign.status == 400
        kind.check(world, event_id, ADA)


async def session_of(world: World, owner: User) -> str:
    """The token of a new session."""
    return dict((await world.send_here(initialize(), owner)).headers)["mcp-session-id"]


def said(question_id: object) -> Http:
    """An answer to a question."""
    return rpc({"jsonrpc": "2.0", "id": question_id, "result": AGREED["consent"]})


@pytest.mark.parametrize("pair", OTHERS)
def test_a_question_on_an_open_stream_is_answered_by_its_owner_alone(pair: str) -> None:
    owner, other = OTHERS[pair]

    @on_loop
    async def test() -> None:
        with world_of(server_of, "asgi", "authenticator") as world:
            session = await session_of(world, owner)
            async with world.exchange(legacy_tool("order", {}, session), owner) as asking:
                await asking.next()
                question_id = (await asking.heard())["id"]
                world.store.done = []
                foreign = await world.send_here(said(question_id), other)
                assert foreign == await world.send_here(said(spoilt(question_id)), other)
                assert (foreign.status, foreign.body, world.store.done) == (202, b"", [])
                assert not asking.task.done()
                await world.send_here(said(question_id), owner)
                text = (await asking.heard())["result"]["content"][0]["text"]
        assert text == "accept"

    test()


@pytest.mark.parametrize("pair", OTHERS)
def test_a_call_is_cancelled_by_its_owner_alone(pair: str) -> None:
    owner, other = OTHERS[pair]

    def cancelled(request_id: int, session: str) -> Http:
        params = {"requestId": request_id}
        body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        return rpc(body, mcp_session_id=session)

    @on_loop
    async def test() -> None:
        with world_of(server_of, "asgi", "authenticator") as world:
            session = await session_of(world, owner)
            async with world.exchange(legacy_tool("order", {}, session, 7), owner) as asking:
                await asking.next()
                question_id = (await asking.heard())["id"]
                foreign = await world.send_here(cancelled(7, session), other)
                assert foreign == await world.send_here(cancelled(8, session), other)
                assert (foreign.status, foreign.body) == (202, b"")
                await world.send_here(said(question_id), owner)
                text = (await asking.heard())["result"]["content"][0]["text"]
        assert text == "accept"

    test()


def test_a_session_stays_good_after_others_have_tried_it() -> None:
    """Tokens that were found good are remembered, each for its principal."""
    with world_of(server_of, "lambda", "authenticator") as world:
        session = initialized(world, ADA)
        for _ in range(2):
            for user, status in ((EVE, 404), (ADA, 200), (None, 404)):
                assert world.send(legacy_tool("open_basket", {}, session), user).status == status
            assert world.send(rpc(None, "DELETE", mcp_session_id=session), EVE).status == 404
        stream = world.send(legacy_tool("order", {}, session), ADA)
        assert read_stream(stream.body).questions
