"""What an app gets of a template: the table, the queue and the bucket that its function is told of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from lambent.cli.app_ref import AppRef
from lambent.cli.local_aws.template import STACK_NAME, Reference, Template, TemplateError, read_template

TABLE: Final = "AWS::DynamoDB::Table"
QUEUE: Final = "AWS::SQS::Queue"
BUCKET: Final = "AWS::S3::Bucket"

TABLE_VARIABLE: Final = "LAMBENT_TABLE"
QUEUE_VARIABLE: Final = "LAMBENT_TASK_QUEUE_URL"
BUCKET_VARIABLE: Final = "LAMBENT_BUCKET"

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {TABLE_VARIABLE: TABLE, QUEUE_VARIABLE: QUEUE, BUCKET_VARIABLE: BUCKET}
)
"""The environment variables that tell a function of resources, and the type of the resource."""

_FILE_NAMES: Final = ("template.yaml", "template.yml")
_FUNCTIONS: Final = {"AWS::Serverless::Function", "AWS::Lambda::Function"}
_MAPPING: Final = "AWS::Lambda::EventSourceMapping"

# Of a resource's properties, its name first, what makes a difference on this machine.
_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        TABLE: (
            "TableName", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema",
            "LocalSecondaryIndexes", "ProvisionedThroughput", "TimeToLiveSpecification",
        ),
        QUEUE: (
            "QueueName", "ContentBasedDeduplication", "DelaySeconds", "FifoQueue", "MaximumMessageSize",
            "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "VisibilityTimeout",
        ),
        BUCKET: ("BucketName",),
    }
)  # fmt: skip

# What Lambda does where a template says nothing.
_BATCH_SIZE: Final = 10
_TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource to create.

    Attributes:
        id: Its logical id.
        type: Its type.
        name: Its physical name.
        properties: Its other properties, evaluated, as far as they make a difference on this machine.
    """

    id: str
    type: str
    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """A queue whose messages Lambda hands to a function.

    Attributes:
        queue: The logical id of the queue.
        batch_size: How many messages an event has, at most.
        reports_failures: Whether the function says which messages failed (`ReportBatchItemFailures`).
    """

    queue: str
    batch_size: int = _BATCH_SIZE
    reports_failures: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """What to create for an app, and what its function is told of it.

    Attributes:
        template: The file that says so.
        resources: The resources, those first that others need.
        variables: Environment variables, and the logical id of the resource that each names.
        sources: The queues that bring tasks, and that take those which were given up.
        worker_timeout: How long the template lets the function run that takes tasks, in seconds.
    """

    template: Path
    resources: tuple[Resource, ...]
    variables: Mapping[str, str]
    sources: tuple[Source, ...] = ()
    worker_timeout: float | None = None


def find_template(folder: Path) -> Path | None:
    """The nearest template beside or above an app.

    Args:
        folder: The app's folder.
    """
    for place in (folder, *folder.parents):
        for name in _FILE_NAMES:
            if (place / name).is_file():
                return place / name
    return None


def read_stack(path: Path, app: AppRef, region: str, *, any_function: bool = False) -> Stack | None:
    """Read what a template has for an app.

    Args:
        path: The template.
        app: The app, recognized by the `CodeUri` and `Handler` of its functions.
        region: The region that is stood in for.
        any_function: Whether an app that the template does not have gets what its functions get.

    Returns:
        None where the app's functions are told of no table, queue or bucket of the template.

    Raises:
        TemplateError: The template cannot be used.
        MissingExtraError: The library that reads YAML is not installed.
    """
    template = read_template(path, region)
    try:
        return _Reader(template).stack(app, any_function)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise TemplateError(f"{path} cannot be understood: {type(error).__name__}: {error}") from error


class _Reader:
    def __init__(self, template: Template) -> None:
        self._template = template
        self._types = {name: resource.get("Type") for name, resource in template.resources.items()}

    def stack(self, app: AppRef, any_function: bool) -> Stack | None:
        functions = list(self._of_type(*_FUNCTIONS))
        chosen = [name for name in functions if self._file(name) == _file(app)]
        if not chosen and any_function:
            chosen = functions
        variables = self._variables(chosen)
        if not variables:
            return None
        resources = self._resources(variables.values())
        sources = dict(self._sources(functions))
        wanted = {resource.id for resource in resources}
        timeouts = [self._timeout(name) for source, name in sources.items() if source.queue in wanted]
        return Stack(
            template=self._template.path,
            resources=resources,
            variables=variables,
            sources=tuple(source for source in sources if source.queue in wanted),
            worker_timeout=max(timeouts, default=None),
        )

    def _of_type(self, *types: str) -> Iterator[str]:
        return (name for name, kind in self._types.items() if kind in types)

    # Functions

    def _file(self, function: str) -> Path | None:
        properties = self._template.properties(function)
        code, handler = properties.get("CodeUri"), properties.get("Handler")
        if not isinstance(code, str) or not isinstance(handler, str):
            return None
        folder = self._template.path.parent / code
        return _module_file(folder.resolve(), handler.rpartition(".")[0])

    def _timeout(self, function: str) -> float:
        return float(self._template.value(self._template.properties(function).get("Timeout", _TIMEOUT)))

    def _variables(self, functions: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in functions:
            environment = self._template.properties(name).get("Environment") or {}
            for variable, kind in VARIABLES.items():
                value = self._template.value(environment.get("Variables", {}).get(variable))
                if isinstance(value, Reference) and self._types.get(value.resource) == kind:
                    found.setdefault(variable, value.resource)
        return found

    # Resources

    def _resources(self, ids: Any) -> tuple[Resource, ...]:
        made: dict[str, Resource] = {}

        def make(name: str) -> None:
            if name in made:
                return
            kind = str(self._types[name])
            name_property, *others = _PROPERTIES[kind]
            raw = self._template.properties(name)
            properties = self._template.value({key: raw[key] for key in others if key in raw})
            for reference in _references(properties):
                if self._types.get(reference.resource) in _PROPERTIES:
                    make(reference.resource)
            physical = self._template.value(raw.get(name_property)) or f"{STACK_NAME}-{name}"
            # Buckets that CloudFormation names itself have no capital letters.
            made[name] = Resource(name, kind, physical.lower() if kind == BUCKET else physical, properties)

        for name in ids:
            make(name)
        return tuple(made.values())

    # Event sources

    def _sources(self, functions: list[str]) -> Iterator[tuple[Source, str]]:
        for name in functions:
            for event in (self._template.properties(name).get("Events") or {}).values():
                if event.get("Type") == "SQS":
                    yield from self._source(self._template.value(event["Properties"]), "Queue", name)
        for name in self._of_type(_MAPPING):
            properties = self._template.value(self._template.properties(name))
            function = properties["FunctionName"]
            if isinstance(function, Reference) and function.resource in functions:
                yield from self._source(properties, "EventSourceArn", function.resource)

    def _source(
        self, properties: Mapping[str, Any], queue: str, function: str
    ) -> Iterator[tuple[Source, str]]:
        reference = properties[queue]
        if isinstance(reference, Reference) and properties.get("Enabled", True) not in (False, "false"):
            source = Source(
                queue=reference.resource,
                batch_size=int(properties.get("BatchSize", _BATCH_SIZE)),
                reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            )
            yield source, function


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _references(item)


def _file(app: AppRef) -> Path | None:
    return app.file.resolve() if app.file is not None else _module_file(app.folder.resolve(), app.module)


def _module_file(folder: Path, module: str) -> Path | None:
    """The file of a module, also written as a path, as some write `Handler`."""
    if not module:
        return None
    base = folder.joinpath(*module.replace("/", ".").split("."))
    return base / "__init__.py" if base.is_dir() else base.with_name(base.name + ".py")
