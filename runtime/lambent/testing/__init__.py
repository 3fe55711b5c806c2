"""For authors of servers: clients, contexts and events to test them with; never imported in Lambda."""

from __future__ import annotations

from lambent.execution.rounds.questions import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
)
from lambent.testing.answers import AskedQuestion, GivenAnswers, answer_to
from lambent.testing.aws import LambentAws
from lambent.testing.aws_lambda import LambdaClient
from lambent.testing.client import McpClient, Task
from lambent.testing.clock import Clock
from lambent.testing.contexts import EmittedEvent, FakeContext, fake_context
from lambent.testing.errors import CallError, TaskCancelled, TaskStuckError, ToolFailed, UnansweredError
from lambent.testing.event_results import (
    DeliveredEvent,
    EventSubscription,
    ListedEvent,
    OccurredEvent,
    PolledEvents,
)
from lambent.testing.events import event, lambda_context, message_event
from lambent.testing.in_memory import TestClient
from lambent.testing.options import EVERYTHING
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
)
from lambent.testing.source_events import eventbridge_event, s3_event, sns_event, stream_event

__all__ = [
    "EVERYTHING",
    "AcceptedElicitation",
    "AskedQuestion",
    "CallError",
    "CallResult",
    "CancelledElicitation",
    "Clock",
    "DeclinedElicitation",
    "DeliveredEvent",
    "EmittedEvent",
    "EventSubscription",
    "FakeContext",
    "GivenAnswers",
    "LambdaClient",
    "LambentAws",
    "ListedEvent",
    "ListedPrompt",
    "ListedResource",
    "ListedTemplate",
    "ListedTool",
    "LogMessage",
    "McpClient",
    "OccurredEvent",
    "PolledEvents",
    "Progress",
    "PromptResult",
    "ReadResult",
    "ServerInfo",
    "Task",
    "TaskCancelled",
    "TaskState",
    "TaskStuckError",
    "TestClient",
    "ToolFailed",
    "UnansweredError",
    "answer_to",
    "event",
    "eventbridge_event",
    "fake_context",
    "lambda_context",
    "message_event",
    "s3_event",
    "sns_event",
    "stream_event",
]
