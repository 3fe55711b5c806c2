"""What all clients of tests can do; how requests reach the server is up to the subclass."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from lambent.errors import LambentError
from lambent.features.codecs import to_plain
from lambent.testing.answers import AskedQuestion, GivenAnswers, OnQuestion
from lambent.testing.errors import CallError, TaskCancelled, TaskStuckError, ToolFailed
from lambent.testing.event_calls import EventCalls
from lambent.testing.event_results import ListedEvent
from lambent.testing.http import HttpReply, Transport
from lambent.testing.options import EVERYTHING, ClientOptions
from lambent.testing.protocols import Heard, LegacySpeaker, ModernSpeaker, Speaker, questions_of
from lambent.testing.results import (
    CallResult,
    ListedPrompt,
    ListedResource,
    ListedTemplate,
    ListedTool,
    LogMessage,
    Progress,
    PromptResult,
    ReadResult,
    ServerInfo,
    TaskState,
    read_call,
    read_prompt,
    read_resource,
)
from lambent.wire.eras import MODERN
from lambent.wire.values import Completion, PromptReference, ResourceTemplateReference

T = TypeVar("T")

_MOST_MOVES = 10_000
"""A task that is not over after so many looks is taken never to be."""


class Task:
    """A task that a call has become.

    Attributes:
        id: the task's id.
        tool: the tool's name.
    """

    def __init__(self, client: McpClient, task_id: str, tool: str) -> None:
        self._client = client
        self.id = task_id
        self.tool = tool

    def state(self) -> TaskState:
        """The task as it is now."""
        return self._client.task_state(self.id)

    @property
    def status(self) -> str:
        """``working``, ``input_required``, ``completed``, ``failed`` or ``cancelled``."""
        return self.state().status

    def cancel(self) -> None:
        """Ask for its cancellation, of which its worker learns with its next write."""
        self._client.request("tasks/cancel", {"taskId": self.id})


class McpClient(abc.ABC):
    """A client of a server under test.

    Attributes:
        answers: what is answered to questions; ``answers.left`` may be added to.
        progress: what all calls so far have told of their progress.
        logs: the log messages of all calls so far.
    """

    __test__ = False  # pytest collects what is named Test…

    def __init__(self, options: ClientOptions, answers: GivenAnswers, transport: Transport) -> None:
        self._options = options
        self._transport = transport
        self.answers = answers
        self.progress: list[Progress] = []
        self.logs: list[LogMessage] = []
        self._tools: dict[str, str] = {}
        self._speaker = self._make_speaker()

    def _make_speaker(self) -> Speaker:
        options = self._options
        capabilities = EVERYTHING if options.capabilities is None else options.capabilities
        if self.is_legacy:
            version = str(options.version)
            return LegacySpeaker(self._transport, version, capabilities, self.answers, options.headers)
        return ModernSpeaker(self._transport, capabilities, self.answers, options.headers)

    @property
    def is_legacy(self) -> bool:
        """The version is one that begins with ``initialize``."""
        return self._options.version not in (None, MODERN.version)

    @property
    def events(self) -> EventCalls:
        """Polls for events, and subscribes endpoints to them."""
        return EventCalls(self)

    @property
    def questions(self) -> list[AskedQuestion]:
        """Every question that the server has asked so far."""
        return self.answers.asked

    @abc.abstractmethod
    def _derive(self, options: ClientOptions, answers: GivenAnswers) -> Self:
        """A client of the same server and the same stores."""

    @property
    def last(self) -> HttpReply | None:
        """The last HTTP response; None before there was one."""
        return self._transport.last

    def run_next_task(self) -> bool:
        """Run the attempt at a task that is due next, and move the clock to it; False where there is none."""
        return self._transport.run_next_task()

    def replace(
        self,
        *,
        version: str | UnsetType | None = UNSET,
        capabilities: Mapping[str, Any] | UnsetType | None = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        client_address: str | UnsetType = UNSET,
        seconds: float | UnsetType | None = UNSET,
        answers: Iterable[Any] | UnsetType = UNSET,
        on_question: OnQuestion | UnsetType | None = UNSET,
    ) -> Self:
        """Another client of the same server and stores that differs in this; see the constructor."""
        given = {
            "version": version,
            "capabilities": capabilities,
            "headers": headers,
            "client_address": client_address,
            "seconds": seconds,
        }
        changed = {name: value for name, value in given.items() if value is not UNSET}
        kept = self.answers
        if answers is not UNSET or on_question is not UNSET:
            kept = GivenAnswers(
                () if isinstance(answers, UnsetType) else answers,
                None if isinstance(on_question, UnsetType) else on_question,
            )
        return self._derive(msgspec.structs.replace(self._options, **changed), kept)

    # Requests.

    def call(self, tool: str, /, **arguments: Any) -> CallResult:
        """Call a tool; questions are answered, and a task is settled.

        Args:
            tool: its name.
            arguments: its arguments: JSON values, or records, dates and the like, which are written as JSON.

        Raises:
            ToolFailed: the result is an error.
            CallError: the call was refused; so see `attempt`.
            UnansweredError: a question has no answer.
            TaskCancelled: it became a task that was cancelled.
        """
        result = self._call(tool, arguments)
        if result.is_error:
            raise ToolFailed(tool, result)
        return result

    def attempt(self, tool: str, /, **arguments: Any) -> CallResult:
        """The same, but an error is in the result and not raised: see its ``is_error`` and ``error``."""
        try:
            return self._call(tool, arguments)
        except CallError as error:
            return CallResult(is_error=True, error=error)

    def start(self, tool: str, /, **arguments: Any) -> Task:
        """Call a tool that becomes a task, and leave it to `settle` or to `run_next_task`.

        Raises:
            LambentError: the call did not become a task.
        """
        result = self.request("tools/call", {"name": tool, "arguments": to_plain(arguments)})
        if result.get("resultType") != "task":
            raise LambentError(f"The call of {tool} was answered at once, it did not become a task")
        self._tools[result["taskId"]] = tool
        return Task(self, result["taskId"], tool)

    def settle(self, task: Task | str) -> CallResult:
        """Run a task to its end: attempts are run when they are due, and questions are answered.

        Raises:
            ToolFailed, CallError: as `call` does.
            UnansweredError: a question has no answer.
            TaskCancelled: it was cancelled.
            TaskStuckError: it does not end.
        """
        task_id = task if isinstance(task, str) else task.id
        tool = self._tools.get(task_id, "task")
        result = self._settle(task_id, tool, Heard())
        if result.is_error:
            raise ToolFailed(tool, result)
        return result

    def task_state(self, task_id: str) -> TaskState:
        """A task as it is now."""
        return msgspec.convert(self.request("tasks/get", {"taskId": task_id}), TaskState)

    def read(self, uri: str) -> ReadResult:
        """Read a resource."""
        return read_resource(self.request("resources/read", {"uri": uri}))

    def get(self, prompt: str, /, **arguments: str) -> PromptResult:
        """Get a prompt."""
        return read_prompt(self.request("prompts/get", {"name": prompt, "arguments": arguments}))

    def complete(self, ref: str, argument: str, value: str = "", /, **others: str) -> Completion:
        """Ask for suggestions.

        Args:
            ref: the name of a prompt, or a URI template, which has ``://`` in it.
            argument: the argument of the prompt or the variable of the template.
            value: what the user has entered of it.
            others: the values of other arguments.
        """
        found: Any = ResourceTemplateReference(uri=ref) if "://" in ref else PromptReference(name=ref)
        params: dict[str, Any] = {
            "ref": msgspec.to_builtins(found),
            "argument": {"name": argument, "value": value},
        }
        if others:
            params["context"] = {"arguments": others}
        result = self.request("completion/complete", params)
        return msgspec.convert(result["completion"], Completion)

    def list_tools(self) -> list[ListedTool]:
        """All tools, of every page."""
        return self._list("tools/list", "tools", ListedTool)

    def list_resources(self) -> list[ListedResource]:
        """All resources, of every page."""
        return self._list("resources/list", "resources", ListedResource)

    def list_resource_templates(self) -> list[ListedTemplate]:
        """All resource templates, of every page."""
        return self._list("resources/templates/list", "resourceTemplates", ListedTemplate)

    def list_prompts(self) -> list[ListedPrompt]:
        """All prompts, of every page."""
        return self._list("prompts/list", "prompts", ListedPrompt)

    def list_events(self) -> list[ListedEvent]:
        """All event types, of every page."""
        return self._list("events/list", "events", ListedEvent)

    def discover(self) -> ServerInfo:
        """What the server says of itself, by ``server/discover`` or ``initialize``."""
        found = self._speaker.discover()
        info = found["serverInfo"]
        return ServerInfo(
            name=info["name"],
            version=info["version"],
            title=info.get("title"),
            versions=found["supportedVersions"],
            capabilities=found["capabilities"],
            instructions=found.get("instructions"),
        )

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send any request, and answer what it asks: the result as the wire has it.

        Raises:
            CallError: it was answered with an error.
            UnansweredError: a question has no answer.
        """
        return self._request(method, params or {}, Heard())

    # How they are sent.

    def _request(self, method: str, params: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
        try:
            return self._speaker.request(method, params, heard)
        finally:
            self.progress += heard.progress
            self.logs += heard.logs

    def _call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        heard = Heard()
        result = self._request("tools/call", {"name": tool, "arguments": to_plain(arguments)}, heard)
        if result.get("resultType") == "task":
            return self._settle(result["taskId"], tool, heard)
        return self._read(result, heard)

    def _read(self, result: Mapping[str, Any], heard: Heard, task_id: str | None = None) -> CallResult:
        return read_call(result, progress=heard.progress, logs=heard.logs, task_id=task_id)

    def _settle(self, task_id: str, tool: str, heard: Heard) -> CallResult:
        for _ in range(_MOST_MOVES):
            state = self.task_state(task_id)
            if state.status == "completed" and state.result is not None:
                return self._read(state.result, heard, task_id)
            if state.status == "cancelled":
                raise TaskCancelled(f"The task of {tool} was cancelled")
            if state.error is not None:
                raise CallError(state.error["code"], state.error["message"], state.error.get("data"))
            if state.status == "input_required":
                self._answer(state, tool)
            elif not self.run_next_task():
                break
        raise TaskStuckError(f"The task of {tool} is {state.status}, and nothing would run it")

    def _answer(self, state: TaskState, tool: str) -> None:
        asked = questions_of({"inputRequests": state.input_requests})
        given = self.answers.answer(f"The task of {tool}", asked)
        responses = dict(zip((question.key for question in asked), given, strict=True))
        self.request("tasks/update", {"taskId": state.task_id, "inputResponses": responses})

    def _list(self, method: str, member: str, kind: type[T]) -> list[T]:
        found: list[T] = []
        cursor: dict[str, Any] = {}
        while True:
            page = self.request(method, cursor)
            found += msgspec.convert(page[member], list[kind])  # type: ignore[valid-type]
            if "nextCursor" not in page:
                return found
            cursor = {"cursor": page["nextCursor"]}
