"""Every type in every position by every adapter: what becomes of it, and the page that says so.

``python -m tests.features.types_page`` writes docs/types.md anew.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import pydantic
from jsonschema import Draft202012Validator
from tests.features.types_table import NEVER, ROWS, Row
from tests.support import EVERYTHING, SETTINGS, Client, Reply, accept, make_server

from lambent import Context, DeclarationError, MCPServer
from lambent.features import codecs
from lambent.features.hints import show

PAGE = Path(__file__).parents[2] / "docs" / "types.md"
ADAPTERS = ("msgspec", "pydantic")
NEEDS = "needs pydantic"
NO = "\N{EN DASH}"
_INTRODUCTION = """\
# Types

Write the types that you want; this page tells what becomes of them. A type that cannot work is refused where
it is declared: by the decorator, by `ctx.elicit` for forms, by `ctx.step` for steps.

- msgspec describes a function's types. pydantic describes those of functions that mention it by a model, by
  `Field` or by one of its types, and those that msgspec cannot describe.
- **\N{CHECK MARK}** works with msgspec alone, or with pydantic where the type is one of pydantic's.
  **p** needs pydantic to be installed. **\N{EN DASH}** is refused, with a sentence from the end of this page.
- Arguments are described as they are read, results as they are written: aliases, serializers, computed and
  excluded fields count; a serializer that does not say what it returns is described as anything.
- The results of steps and the objects of sessions come back as the values that they were: validators,
  serializers and `model_post_init` do not run for them. Models with secrets, which are written as asterisks,
  cannot be kept. `__post_init__` of dataclasses and of Structs that msgspec describes runs whenever they are
  read. A step whose function has no return type gives plain JSON values.
- Clients check results by their schemas, which therefore have no patterns, and no formats such as `duration`
  and `uri` that some values of a type do not conform to. The server has checked them.
- Values are converted leniently: `"5"` is read as an `int`. Lists, records and null may come as JSON text, as
  some clients send them, and as every prompt gets them. Variables of templates are text, or lists of text
  with `{x*}`.
- NaN and infinity are refused, as arguments and in results. A default appears in the schema if it fits the
  type; `x: str = None` takes `null`.

<!-- The rest is made by the test that checks it: python -m tests.features.types_page -->

"""


@contextmanager
def alone(adapter: str) -> Iterator[None]:
    """With msgspec alone where that is the adapter: as if pydantic were not installed."""
    hidden = {"lambent.features.codecs._pydantic": None} if adapter == "msgspec" else {}
    with mock.patch.dict(sys.modules, hidden):
        yield


def hint_of(row: Row, adapter: str) -> Any:
    """The row's type, mentioning pydantic where that is the adapter."""
    return row.hint if adapter == "msgspec" else Annotated[row.hint, pydantic.Field()]


def typed(function: Callable[..., Any], **hints: Any) -> Callable[..., Any]:
    function.__annotations__ = hints
    return function


def _client(mcp: MCPServer) -> Client:
    return Client(mcp.lambda_handler(SETTINGS))


def _good(reply: Reply) -> Reply:
    assert reply.status == 200, reply.body
    assert not reply.result.get("isError"), reply.text
    return reply


def sent_as_text(sent: Any) -> str:
    return sent if isinstance(sent, str) else json.dumps(sent)


def _arrived(values: list[Any], row: Row) -> None:
    (value,) = values
    assert value == row.value
    assert type(value) is type(row.value)


def tool_argument(row: Row, hint: Any) -> None:
    mcp, seen = make_server(), []
    mcp.tool("t")(typed(lambda x: seen.append(x) or "", x=hint, **{"return": str}))
    client = _client(mcp)
    schema = client.tool("t")["inputSchema"]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate({"x": row.sent})
    _good(client.call("t", {"x": row.sent}))
    _arrived(seen, row)


def prompt_argument(row: Row, hint: Any) -> None:
    mcp, seen = make_server(), []
    mcp.prompt("p")(typed(lambda x: seen.append(x) or "", x=hint))
    client = _client(mcp)
    _good(client.request("prompts/list"))
    _good(client.prompt("p", {"x": sent_as_text(row.sent)}))
    _arrived(seen, row)


def template_variable(row: Row, hint: Any) -> None:
    from urllib.parse import quote

    mcp, seen = make_server(), []
    many = isinstance(row.sent, list)
    mcp.resource("t://a{/x*}" if many else "t://{x}")(typed(lambda x: seen.append(x) or "", x=hint))
    client = _client(mcp)
    _good(client.request("resources/templates/list"))
    parts = [quote(sent_as_text(part), safe="") for part in (row.sent if many else [row.sent])]
    if any(part.startswith("%2F") for part in parts):
        return  # an absolute path does not get in, whatever its type
    _good(client.read("t://a/" + "/".join(parts) if many else f"t://{parts[0]}"))
    _arrived(seen, row)


def form_with(field: str, row: Row, hint: Any) -> type[Any]:
    """A form with one field of the row's type."""
    if hint is row.hint:
        return make_dataclass("Form", [(field, hint)])
    fields: Any = {field: (hint, ...)}
    try:
        return pydantic.create_model("Form", **fields)
    except pydantic.errors.PydanticSchemaGenerationError as error:
        raise DeclarationError("pydantic makes no model with such a field") from error


def form_field(row: Row, hint: Any) -> None:
    mcp, seen, refused = make_server(), [], []
    form = form_with("x", row, hint)

    @mcp.tool()
    def t(ctx: Context) -> None:
        try:
            answer = ctx.elicit("?", form, key="k")
        except TypeError as error:
            refused.append(error)
            raise
        seen.append(answer.result().data.x)

    client = _client(mcp)
    first = client.call("t", capabilities=EVERYTHING)
    if refused:
        raise DeclarationError(str(refused[0]))
    schema = first.result["inputRequests"]["k"]["params"]["requestedSchema"]
    Draft202012Validator(schema).validate({"x": row.sent})
    also = {"requestState": first.state, "inputResponses": {"k": accept(x=row.sent)}}
    _good(client.call("t", also=also, capabilities=EVERYTHING))
    _arrived(seen, row)


def is_got(found: Any, row: Row) -> None:
    expected = row.sent if row.got is NEVER else row.got
    assert found in expected if isinstance(expected, tuple) else found == expected


def tool_result(row: Row, hint: Any) -> None:
    for is_compact in (True, False):
        mcp = make_server(compact_results=is_compact)
        mcp.tool("t")(typed(lambda: row.value, **{"return": hint}))
        client = _client(mcp)
        schema = client.tool("t").get("outputSchema")
        reply = _good(client.call("t"))
        if schema is None:
            assert "structuredContent" not in reply.result
            if is_compact:
                is_got(reply.text if isinstance(row.sent, str) else json.loads(reply.text), row)
            continue
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(reply.result["structuredContent"])
        is_got(reply.value, row)
        if is_compact:
            assert reply.text == (
                reply.value
                if isinstance(reply.value, str)
                else json.dumps(reply.value, separators=(",", ":"))
            )


def resource_result(row: Row, hint: Any) -> None:
    mcp = make_server()
    mcp.resource("r://x", name="r")(typed(lambda: row.value, **{"return": hint}))
    (contents,) = _good(_client(mcp).read("r://x")).result["contents"]
    if "blob" in contents or isinstance(row.value, str):
        is_got(contents.get("blob", contents.get("text")), row)
    else:
        is_got(json.loads(contents["text"]), row)


def step_result(row: Row, hint: Any) -> None:
    """The value arrives in the round in which the step runs, and in the next one, from the journal."""
    mcp, seen, refused = make_server(), [], []

    @mcp.tool()
    def t(ctx: Context) -> None:
        try:
            seen.append(ctx.step("s", typed(lambda: row.value, **{"return": hint})).result())
        except DeclarationError as error:
            refused.append(error)
            raise
        ctx.elicit_url("?", "https://a.b").result()

    client = _client(mcp)
    first = client.call("t", capabilities=EVERYTHING)
    if refused:
        raise refused[0]
    also = {"requestState": first.state, "inputResponses": {"elicitation-1": {"action": "accept"}}}
    _good(client.call("t", also=also, capabilities=EVERYTHING))
    assert len(seen) == 2
    for value in seen:
        _arrived([value], row)


POSITIONS: dict[str, Callable[[Row, Any], None]] = {
    "argument of a tool": tool_argument,
    "of a prompt": prompt_argument,
    "of a template": template_variable,
    "field of a form": form_field,
    "result of a tool": tool_result,
    "of a resource": resource_result,
    "of a step": step_result,
}


def outcome(row: Row, position: str, adapter: str) -> str | None:
    """None where the type works in the position, else the sentence with which it is refused.

    A type that mentions pydantic itself is never one for msgspec.

    Raises:
        AssertionError: it is neither refused nor works as the row says.
    """
    if adapter == "msgspec" and codecs._mentions_pydantic([row.hint]):
        return NEEDS
    with alone(adapter):
        try:
            POSITIONS[position](row, hint_of(row, adapter))
        except DeclarationError as error:
            return str(error)
    assert row.value is not NEVER, f"{row.written} is taken"
    return None


def cells_of(row: Row) -> dict[str, tuple[str | None, ...]]:
    """For each position what becomes of a type by each adapter."""
    return {
        position: tuple(outcome(row, position, adapter) for adapter in ADAPTERS) for position in POSITIONS
    }


def line_of(row: Row, cells: dict[str, tuple[str | None, ...]]) -> str:
    """A type's row of the table."""
    marks = ["✓" if plain is None else "p" if typed is None else NO for plain, typed in cells.values()]
    return f"| {row.written} | {' | '.join(marks)} |"


def refusals_of(row: Row, cells: dict[str, tuple[str | None, ...]]) -> list[str]:
    """What is said where neither adapter takes a type, which is called ``T``."""
    said = []
    for plain, typed in cells.values():
        if plain is not None and typed is not None:
            text = re.sub(
                r"^[^,:]*, (?:parameter 'x'|result): |^t://\S+: ", "", typed if plain == NEEDS else plain
            )
            text = re.sub(rf"\b{re.escape(show(row.hint))}(?!\w)", "T", text).replace(
                "describe Form", "describe T"
            )
            said.append(f"- {text.replace('x[]', 'x')}")
    return said


def page() -> str:
    """The page of the documentation."""
    head = ["type", *POSITIONS]
    lines, refusals = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)], {}
    for row in ROWS:
        cells = cells_of(row)
        lines.append(line_of(row, cells))
        refusals |= dict.fromkeys(refusals_of(row, cells))
    table, said = "\n".join(lines), "\n".join(sorted(refusals))
    return (
        f"{_INTRODUCTION}{table}\n\n## What is said of the others\n\n"
        f"`T` is the type, `x` the parameter, the variable or the field.\n\n{said}\n"
    )


if __name__ == "__main__":
    logging.disable()  # refusals are what the page is about
    PAGE.write_text(page(), encoding="utf-8")
