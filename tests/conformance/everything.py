"""The server that the official conformance suite asks for, on Lambent's public API alone.

The names, keys, schemas and texts are those that the suite's scenarios prescribe; what a scenario looks
at is said in its own description (`conformance list`). Two things are left out on purpose:

* The pauses between progress reports. An invocation's response is buffered, so a client sees no
  difference.
* `test_trigger_tool_change` and its like. Lists do not change while a server is deployed, and
  `listChanged` is not advertised.
"""

import asyncio
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from lambent import (
    Audio,
    Completion,
    CompletionArgument,
    CompletionContext,
    Context,
    Elicit,
    EmbeddedResource,
    Image,
    McpHeader,
    MCPServer,
    Pending,
    PromptMessage,
    PromptReference,
    ProtocolError,
    Resolve,
    ResourceTemplateReference,
    TaskPolicy,
    TextResourceContents,
    ToolError,
    UserMessage,
)

RED_PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
)
SILENCE = b64decode("UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==")

mcp = MCPServer("lambent-everything", version="1.0.0")


# Content. The first tool of the list has to run without arguments: the header scenarios call it.


@mcp.tool()
def test_simple_text() -> str:
    """Answer with one text."""
    return "This is a simple text response for testing."


@mcp.tool()
def test_image_content() -> Image:
    """Answer with an image."""
    return Image(data=RED_PIXEL, format="png")


@mcp.tool()
def test_audio_content() -> Audio:
    """Answer with a sound."""
    return Audio(data=SILENCE, format="wav")


@mcp.tool()
def test_embedded_resource() -> EmbeddedResource:
    """Answer with a resource in the content."""
    return EmbeddedResource(
        resource=TextResourceContents(
            uri="test://embedded-resource",
            mime_type="text/plain",
            text="This is an embedded resource content.",
        )
    )


@mcp.tool()
def test_multiple_content_types() -> list[str | Image | EmbeddedResource]:
    """Answer with a text, an image and a resource."""
    resource = TextResourceContents(
        uri="test://mixed-content-resource",
        mime_type="application/json",
        text='{"test":"data","value":123}',
    )
    return [
        "Multiple content types test:",
        Image(data=RED_PIXEL, format="png"),
        EmbeddedResource(resource=resource),
    ]


@mcp.tool()
def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


# Notifications.


@mcp.tool()
def test_tool_with_progress(ctx: Context) -> str:
    """Report progress three times."""
    for percent in (0, 50, 100):
        ctx.report_progress(percent, 100)
    return "Reported progress."


@mcp.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Log three messages."""
    await ctx.info("Tool execution started")
    await ctx.info("Tool processing data")
    await ctx.info("Tool execution completed")
    return "Logged three messages."


@mcp.tool()
async def test_logging_tool(ctx: Context) -> str:
    """Log a message, which only a request that sets a level may see."""
    await ctx.info("A message for those who asked for messages.")
    return "Logged one message."


@mcp.tool()
async def test_streaming_elicitation(ctx: Context) -> str:
    """Log, then ask: the answer is a stream that ends with the question."""
    await ctx.info("About to ask.")
    answer = await ctx.elicit("Shall it go on?", Ok, key="go_on")
    return f"Answered: {answer.action}"


# Schemas and headers.


@mcp.tool(
    description="A tool whose schema uses much of JSON Schema 2020-12.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
)
def json_schema_2020_12_tool(
    name: str = "",
    address: dict[str, str] | None = None,
    contactMethod: str = "",  # noqa: N803 - the schema's name
    phone: str = "",
    email: str = "",
) -> str:
    return f"{name}, {address}, by {contactMethod}: {phone}{email}"


@mcp.tool()
def test_x_mcp_header(region: Annotated[str, McpHeader("Region")]) -> str:
    """Answer with a parameter that is mirrored in a header."""
    return f"Region: {region}"


# Questions.


@dataclass(frozen=True)
class Name:
    """A name to be called by."""

    name: str


@dataclass(frozen=True)
class Color:
    """A favorite color."""

    color: str


@dataclass(frozen=True)
class Ok:
    """A yes or a no."""

    ok: bool


@dataclass(frozen=True)
class PromptContext:
    """What a prompt is about."""

    context: str


@dataclass(frozen=True)
class Person:
    """Somebody to write to."""

    username: str
    email: str


@mcp.tool()
async def test_input_required_result_elicitation(ctx: Context) -> str:
    """Ask the user for a name, and greet."""
    answer = await ctx.elicit("What is your name?", Name, key="user_name")
    return f"Hello, {answer.data.name}!" if answer.action == "accept" else "Hello, whoever you are!"


@mcp.tool()
async def test_input_required_result_sampling(ctx: Context) -> str:
    """Ask the client's model a question."""
    question = "What is the capital of France?"
    return (await ctx.sample(question, max_tokens=100, key="capital_question")).text


@mcp.tool()
def test_input_required_result_list_roots(ctx: Context) -> str:
    """Ask for the client's roots."""
    roots = ctx.list_roots(key="client_roots").result()
    return "Roots: " + ", ".join(f"{root.name} ({root.uri})" for root in roots)


@mcp.tool()
async def test_input_required_result_request_state(ctx: Context) -> str:
    """Ask for a confirmation, with a request state that comes back."""
    answer = await ctx.elicit("Please confirm", Ok, key="confirm")
    return f"state-ok: {answer.action}"


@mcp.tool()
async def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Ask for a confirmation, with a request state that must come back untouched."""
    answer = await ctx.elicit("Please confirm", Ok, key="confirm")
    return f"Confirmed: {answer.action}"


@mcp.tool()
async def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Ask the user, the model and the client, all in one round."""
    name = ctx.elicit("What is your name?", Name, key="user_name")
    greeting = ctx.sample("Generate a greeting", max_tokens=50, key="greeting")
    roots = ctx.list_roots(key="client_roots")
    answer = await name
    called = answer.data.name if answer.action == "accept" else "stranger"
    return f"{(await greeting).text} {called} has {len(await roots)} root(s)."


@mcp.tool()
def test_input_required_result_multi_round(ctx: Context) -> str:
    """Ask for a name, then for a color."""
    name = ctx.elicit("Step 1: What is your name?", Name, key="step1").result()
    color = ctx.elicit("Step 2: What is your favorite color?", Color, key="step2").result()
    if name.action != "accept" or color.action != "accept":
        return "Nothing was learned."
    return f"{name.data.name} likes {color.data.color}."


@mcp.tool()
async def test_input_required_result_capabilities(ctx: Context) -> str:
    """Ask whom the client can ask: its user, its model, or both."""
    client = ctx.client_capabilities
    questions: list[Pending[Any]] = []
    if client.elicitation is not None:
        questions.append(ctx.elicit("What is your name?", Name, key="user_name"))
    if client.sampling is not None:
        questions.append(ctx.sample("Generate a greeting", max_tokens=50, key="greeting"))
    answers = [await question for question in questions]
    return f"Got {len(answers)} answer(s)."


@mcp.tool()
async def test_missing_capability(ctx: Context) -> str:
    """Need the client's model, which not every client has."""
    return (await ctx.sample("Say something.", max_tokens=10, key="something")).text


@mcp.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Put a prompt to the client's model."""
    return f"LLM response: {(await ctx.sample(prompt, max_tokens=100, key='sampling')).text}"


@mcp.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user for a name and an address."""
    answer = await ctx.elicit(message, Person, key="user")
    return f"User response: {described(answer)}"


@mcp.tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with a default for every kind of field."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
    }
    answer = await ctx.elicit("Please check your details", schema, key="details")
    return f"Elicitation completed: {described(answer)}"


@mcp.tool()
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with every kind of choice."""
    plain = ["option1", "option2", "option3"]
    schema = {
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled("Option")},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
        },
    }
    answer = await ctx.elicit("Please choose", schema, key="choices")
    return f"Elicitation completed: {described(answer)}"


def titled(noun: str) -> list[dict[str, str]]:
    """Three values with their titles."""
    ordinals = enumerate(("First", "Second", "Third"), start=1)
    return [{"const": f"value{number}", "title": f"{ordinal} {noun}"} for number, ordinal in ordinals]


def described(answer: Any) -> str:
    """What the user did, and with which content."""
    return f"action={answer.action}, content={answer.data if answer.action == 'accept' else {}}"


# Tasks. Without a table and a queue the optional ones run inline, and the extension is not offered.

OPTIONAL = TaskPolicy(poll_interval=timedelta(milliseconds=200))
REQUIRED = TaskPolicy(support="required", poll_interval=timedelta(milliseconds=200))


@dataclass(frozen=True)
class Confirm:
    """A yes or a no, once more."""

    confirm: bool


@mcp.tool()
def greet(name: str) -> str:
    """Greet, and never as a task."""
    return f"Hello, {name}!"


@mcp.tool(task=OPTIONAL)
async def slow_compute(ctx: Context, seconds: float = 1.0, label: str = "") -> str:
    """Take some seconds, and notice a cancellation meanwhile."""
    ticks = int(seconds * 10)
    for tick in range(ticks):
        await ctx.report_progress(tick, ticks)
        await asyncio.sleep(0.1)
    return f"Computed {label} in {seconds:g} s."


@mcp.tool(task=REQUIRED)
async def failing_job() -> str:
    """Fail after a second, as a tool fails."""
    await asyncio.sleep(1)
    raise ToolError("This job always fails.")


@mcp.tool(task=REQUIRED)
def protocol_error_job() -> str:
    """Fail as a request fails."""
    raise ProtocolError("This job never gets to a result.")


@mcp.tool(task=OPTIONAL)
async def confirm_delete(filename: str, ctx: Context) -> str:
    """Ask before a file is deleted; there is none."""
    answer = await ctx.elicit(f"Delete {filename}?", Confirm, key="confirm")
    agreed = answer.action == "accept" and answer.data.confirm
    return f"{'Deleted' if agreed else 'Kept'} {filename}."


@mcp.tool(task=OPTIONAL)
async def multi_input(ctx: Context) -> str:
    """Ask two questions at once."""
    name = ctx.elicit("What is your name?", Name, key="name")
    confirm = ctx.elicit("Is it really?", Confirm, key="confirm")
    return f"{(await name).action}, {(await confirm).action}"


def user_name() -> Elicit[Name]:
    """Whom the task is for: asked before there is one."""
    return Elicit("What is your name?", Name)


@mcp.tool(task=REQUIRED)
def test_tool_with_task(who: Annotated[Name, Resolve(user_name)]) -> str:
    """Ask in a round of the call, and answer as a task."""
    return f"Hello, {who.name}!"


# Resources.


@mcp.resource(
    "test://static-text", name="static-text", description="A text that never changes.", mime_type="text/plain"
)
def static_text() -> str:
    return "This is the content of the static text resource."


@mcp.resource(
    "test://static-binary",
    name="static-binary",
    description="An image of one red pixel.",
    mime_type="image/png",
)
def static_binary() -> bytes:
    return RED_PIXEL


@mcp.resource(
    "test://watched-resource", name="watched-resource", description="A text to watch.", mime_type="text/plain"
)
def watched_resource() -> str:
    return "Watched."


@mcp.resource(
    "test://template/{id}/data",
    name="template-data",
    description="Data by its id.",
    mime_type="application/json",
)
def template_data(id: str) -> dict[str, Any]:
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


# Prompts and completion.


@mcp.prompt()
def test_simple_prompt() -> str:
    """One message."""
    return "This is a simple prompt for testing."


@mcp.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """One message made of two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@mcp.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[PromptMessage]:  # noqa: N803 - the suite's name
    """A resource, and what to do with it."""
    resource = TextResourceContents(
        uri=resourceUri, mime_type="text/plain", text="Embedded resource content for testing."
    )
    return [
        UserMessage(EmbeddedResource(resource=resource)),
        UserMessage("Please process the embedded resource above."),
    ]


@mcp.prompt()
def test_prompt_with_image() -> list[Image | str]:
    """An image, and what to do with it."""
    return [Image(data=RED_PIXEL, format="png"), "Please analyze the image above."]


@mcp.prompt()
async def test_input_required_result_prompt(ctx: Context) -> str:
    """A message about whatever the user says."""
    answer = await ctx.elicit("What context should the prompt use?", PromptContext, key="user_context")
    return f"Think about {answer.data.context if answer.action == 'accept' else 'nothing in particular'}."


@mcp.completion()
def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion:
    words = ["testing", "tests", "test-value", "other"]
    return Completion(values=[word for word in words if word.startswith(argument.value)])


# Tasks: the tools of the suite's tasks-* scenarios belong here.


handler = mcp.lambda_handler()
