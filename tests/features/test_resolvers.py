"""What resolvers a feature declares, and what is wrong with some: all of it known when it is registered."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import pytest

from lambent import (
    AcceptedElicitation,
    Context,
    DeclarationError,
    Elicit,
    ElicitationResult,
    MCPServer,
    Resolve,
)
from lambent.execution.context import INJECTED
from lambent.features.resolvers import Need, Plan
from lambent.features.signature import read_signature


@dataclass
class Ok:
    ok: bool


def plan_of(function: Callable[..., Any]) -> Plan:
    plan = read_signature(function, INJECTED).plan
    assert plan is not None
    return plan


def refusal(function: Callable[..., Any]) -> str:
    """Why a tool cannot be registered."""
    with pytest.raises(DeclarationError) as caught:
        MCPServer("shop").tool()(function)
    return str(caught.value)


def stock(title: str) -> int:
    return len(title)


def delivery(copies: Annotated[int, Resolve(stock)]) -> str:
    return "tomorrow" if copies else "later"


# What is compiled.


def test_a_feature_without_resolvers_has_no_plan() -> None:
    def tool(title: str, ctx: Context) -> None: ...

    assert read_signature(tool, INJECTED).plan is None


def test_resolvers_stand_behind_those_that_they_need_and_once() -> None:
    def tool(
        title: str,
        when: Annotated[str, Resolve(delivery)],
        copies: Annotated[int, Resolve(stock)],
        again: Annotated[int, Resolve(stock)],
    ) -> None: ...

    plan = plan_of(tool)
    assert [resolver.function for resolver in plan.resolvers] == [stock, delivery]
    assert [resolver.key for resolver in plan.resolvers] == ["stock", "delivery"]
    assert [list(resolver.arguments) for resolver in plan.resolvers] == [["title"], []]
    assert dict(plan.resolvers[1].needs) == {"copies": Need(0, False)}
    assert dict(plan.needs) == {"when": Need(1, False), "copies": Need(0, False), "again": Need(0, False)}


def test_a_shared_dependency_of_two_resolvers_is_compiled_once() -> None:
    def left(copies: Annotated[int, Resolve(stock)]) -> int:
        return copies

    def right(copies: Annotated[int, Resolve(stock)]) -> int:
        return copies

    def tool(title: str, a: Annotated[int, Resolve(left)], b: Annotated[int, Resolve(right)]) -> None: ...

    assert [resolver.function for resolver in plan_of(tool).resolvers] == [stock, left, right]


def test_resolvers_of_one_name_have_keys_of_their_own() -> None:
    def make(answer: int) -> Callable[[], int]:
        def same() -> int:
            return answer

        return same

    def tool(
        a: Annotated[int, Resolve(make(1))],
        b: Annotated[int, Resolve(make(2))],
        c: Annotated[int, Resolve(make(3))],
    ) -> None: ...

    assert [resolver.key for resolver in plan_of(tool).resolvers] == ["same", "same-2", "same-3"]


class Desk:
    def method(self, title: str) -> int:
        return len(title)

    async def async_method(self) -> int:
        return 1

    @staticmethod
    def static(title: str) -> int:
        return len(title)

    @classmethod
    def of_class(cls, title: str) -> int:
        return len(title)


class CallableObject:
    def __call__(self, title: str, ctx: Context) -> int:
        return len(title)


class AsyncCallable:
    async def __call__(self, title: str) -> int:
        return len(title)


async def coroutine(title: str) -> int:
    return len(title)


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as most are: it keeps the signature, and passes on what the function returns."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (stock, ["title"]),
        (coroutine, ["title"]),
        (Desk().method, ["title"]),
        (Desk().async_method, []),
        (Desk.static, ["title"]),
        (Desk.of_class, ["title"]),
        (CallableObject(), ["title"]),
        (AsyncCallable(), ["title"]),
        (wrapped(stock), ["title"]),
        (wrapped(coroutine), ["title"]),
        (lambda title: title, ["title"]),
    ],
    ids=[
        "function",
        "coroutine function",
        "method",
        "async method",
        "static method",
        "class method",
        "object",
        "async object",
        "wrapped",
        "wrapped coroutine function",
        "lambda",
    ],
)
def test_everything_that_can_be_called_can_resolve(
    function: Callable[..., Any], arguments: list[str]
) -> None:
    def tool(title: str, value: Any) -> None: ...

    tool.__annotations__["value"] = Annotated[int, Resolve(function)]
    (resolver,) = plan_of(tool).resolvers
    assert list(resolver.arguments) == arguments
    assert resolver.context == ("ctx" if isinstance(function, CallableObject) else None)


def test_a_method_of_one_object_is_one_resolver_however_often_it_is_named() -> None:
    desk, other = Desk(), Desk()

    def tool(
        title: str,
        a: Annotated[int, Resolve(desk.method)],
        b: Annotated[int, Resolve(desk.method)],
        c: Annotated[int, Resolve(other.method)],
    ) -> None: ...

    plan = plan_of(tool)
    assert [need.resolver for need in plan.needs.values()] == [0, 0, 1]


@dataclass
class Unhashable:
    copies: int

    def __call__(self, title: str) -> int:
        return self.copies


def test_an_object_that_cannot_be_hashed_can_resolve() -> None:
    first, second = Unhashable(1), Unhashable(1)

    def tool(
        title: str,
        a: Annotated[int, Resolve(first)],
        b: Annotated[int, Resolve(first)],
        c: Annotated[int, Resolve(second)],
    ) -> None: ...

    assert [need.resolver for need in plan_of(tool).needs.values()] == [0, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [
        (Ok, False),
        (Ok | None, False),
        (list[Ok], False),
        (ElicitationResult[Ok], True),
        (AcceptedElicitation[Ok], True),
        (AcceptedElicitation, True),
    ],
)
def test_a_parameter_takes_the_outcome_where_its_type_says_so(wanted: Any, outcome: bool) -> None:
    def confirm() -> Elicit[Ok]:
        return Elicit("?", Ok)

    def tool(value: Any) -> None: ...

    tool.__annotations__["value"] = Annotated[wanted, Resolve(confirm)]
    assert plan_of(tool).needs["value"].outcome is outcome


def test_the_marker_is_found_among_other_annotations_and_through_an_alias() -> None:
    Copies = Annotated[int, "how many there are", Resolve(stock)]  # noqa: N806 - an alias of a type

    def tool(title: str, a: Copies, b: Annotated[Copies, "more"]) -> None: ...

    assert [need.resolver for need in plan_of(tool).needs.values()] == [0, 0]


def test_a_resolver_may_have_parameters_that_nobody_fills_in() -> None:
    def with_default(title: str, limit: int = 10) -> int:
        return limit

    def tool(title: str, value: Annotated[int, Resolve(with_default)]) -> None: ...

    (resolver,) = plan_of(tool).resolvers
    assert list(resolver.arguments) == ["title"]


def test_a_default_of_a_resolved_parameter_changes_nothing() -> None:
    def tool(title: str, value: Annotated[int, Resolve(stock)] = 3) -> None: ...

    signature = read_signature(tool, INJECTED)
    assert [item.name for item in signature.parameters] == ["title"]
    assert signature.plan is not None


# What cannot work is refused at once.


def test_a_parameter_that_nothing_fills_in_is_refused() -> None:
    def unknown(sku: str) -> int:
        return 1

    def tool(title: str, value: Annotated[int, Resolve(unknown)]) -> None: ...

    why = refusal(tool)
    for name in ("tool", "'sku'", "unknown"):
        assert name in why


def test_so_is_one_of_a_resolver_further_down() -> None:
    def deep(sku: str) -> int:
        return 1

    def middle(value: Annotated[int, Resolve(deep)]) -> int:
        return value

    def tool(title: str, value: Annotated[int, Resolve(middle)]) -> None: ...

    assert "'sku'" in refusal(tool)


def test_a_resolver_does_not_see_what_resolvers_give_by_name() -> None:
    def other(copies: int) -> int:
        return copies

    def tool(
        title: str, copies: Annotated[int, Resolve(stock)], value: Annotated[int, Resolve(other)]
    ) -> None: ...

    assert "'copies'" in refusal(tool)


def test_a_circle_is_refused() -> None:
    def first(value: Any) -> int:
        return 1

    def second(value: Annotated[int, Resolve(first)]) -> int:
        return 2

    def third(value: Annotated[int, Resolve(second)]) -> int:
        return 3

    first.__annotations__["value"] = Annotated[int, Resolve(third)]

    def tool(value: Annotated[int, Resolve(second)]) -> None: ...

    assert "needs itself" in refusal(tool)


def test_a_resolver_that_needs_itself_is_refused() -> None:
    def selfish(value: Any) -> int:
        return 1

    selfish.__annotations__["value"] = Annotated[int, Resolve(selfish)]

    def tool(value: Annotated[int, Resolve(selfish)]) -> None: ...

    assert "selfish" in refusal(tool)


def test_a_hint_of_a_resolver_that_cannot_be_resolved_is_refused() -> None:
    def broken(title: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821
        return 1

    def tool(title: str, value: Annotated[int, Resolve(broken)]) -> None: ...

    assert "broken" in refusal(tool)


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[int, Resolve(stock)] | None,
        Optional[Annotated[int, Resolve(stock)]],  # noqa: UP045 - the other spelling of it
        list[Annotated[int, Resolve(stock)]],
    ],
    ids=["union", "Optional", "list"],
)
def test_a_marker_inside_another_type_is_refused(hint: Any) -> None:
    def tool(title: str, value: Any = None) -> None: ...

    tool.__annotations__["value"] = hint
    # Taken as an ordinary parameter it would be the client's to fill in.
    assert "value" in refusal(tool)


@pytest.mark.parametrize("kind", ["tool", "prompt", "resource"])
def test_every_kind_of_feature_is_checked(kind: str) -> None:
    mcp = MCPServer("shop")

    def unknown(sku: str) -> int:
        return 1

    def feature(title: str, value: Annotated[int, Resolve(unknown)]) -> str:
        return title

    register = {"tool": mcp.tool(), "prompt": mcp.prompt(), "resource": mcp.resource("shop://{title}")}[kind]
    with pytest.raises(DeclarationError, match="sku"):
        register(feature)


def test_the_variables_of_a_template_do_not_include_what_is_resolved() -> None:
    mcp = MCPServer("shop")

    @mcp.resource("shop://{title}")
    def good(title: str, copies: Annotated[int, Resolve(stock)]) -> str:
        return title

    def bad(title: str, copies: Annotated[int, Resolve(stock)]) -> str:
        return title

    with pytest.raises(DeclarationError):
        mcp.resource("shop://{title}/{copies}")(bad)


@dataclass
class Nested:
    inner: Ok


def test_a_nested_form_is_found_when_its_resolver_says_what_it_asks() -> None:
    def ask() -> Elicit[Nested] | Nested:
        return Elicit("Which one?", Nested)

    def t(nested: Annotated[Nested, Resolve(ask)]) -> None: ...

    assert refusal(t) == (
        "t, question of ask: Field 'inner' cannot be shown in a form, which is flat: put its fields into "
        "the form itself, or ask for it in a question of its own"
    )


def test_a_flat_form_passes_and_one_that_is_not_named_is_not_looked_at() -> None:
    def flat() -> Elicit[Ok]:
        return Elicit("Sure?", Ok)

    def unknown() -> Any:
        return Elicit("Which one?", Nested)

    def t(ok: Annotated[Ok, Resolve(flat)], nested: Annotated[Nested, Resolve(unknown)]) -> None: ...

    assert len(plan_of(t).resolvers) == 2
