"""The part of a SAM template that a local AWS creates for an app.

It is a template again: the resources that the app's functions refer to, with the parameters, mappings and
conditions of the whole one. The emulator's own CloudFormation evaluates all of it. One output has everything
that this process needs to know, as JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from lambent.cli.app_ref import AppRef
from lambent.cli.local_aws.references import references
from lambent.cli.local_aws.schedules import LocalSchedule, schedules_of
from lambent.cli.local_aws.template import Template, TemplateError, read_template

STACK_NAME: Final = "dev"
OUTPUT: Final = "Local"

DELIVERIES: Final = "LAMBENT_EVENTS_QUEUE_URL"

VARIABLES: Final = ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL", "LAMBENT_BUCKET", DELIVERIES)
"""The environment variables by which an app shows that it needs a local AWS."""

_TABLE: Final = "AWS::DynamoDB::Table"
_SIMPLE_TABLE: Final = "AWS::Serverless::SimpleTable"
_BUCKET: Final = "AWS::S3::Bucket"
# The types that are created, and the property that has the name.
_NAME_PROPERTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        _TABLE: "TableName",
        _SIMPLE_TABLE: "TableName",
        "AWS::SQS::Queue": "QueueName",
        _BUCKET: "BucketName",
        "AWS::SecretsManager::Secret": "Name",
    }
)

_FILE_NAMES: Final = ("template.yaml", "template.yml")
_FUNCTIONS: Final = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_MAPPING: Final = "AWS::Lambda::EventSourceMapping"
# Of an event source, and of its function, what the poller has to know.
_SOURCE_PROPERTIES: Final = ("BatchSize", "Enabled", "FunctionResponseTypes", "Queue", "Timeout")
_TTL: Final = "TimeToLiveSpecification"

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, slots=True)
class Stack:
    """What to create for an app.

    Attributes:
        template: The file that it was taken from.
        document: The template to deploy.
        variables: The environment variables that the output `OUTPUT` gives values to.
        schedules: Events that workers get again and again.
    """

    template: Path
    document: Mapping[str, Any] = field(repr=False)
    variables: Collection[str] = ()
    schedules: tuple[LocalSchedule, ...] = ()


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


def read_stack(
    path: Path, app: AppRef, *, any_function: bool = False, excluded: Collection[str] = ()
) -> Stack | None:
    """Read what a template has for an app.

    Args:
        path: The template.
        app: The app, recognized by the `CodeUri` and `Handler` of its functions.
        any_function: Whether an app that the template does not have gets what its functions get.
        excluded: Environment variables that the app does not get.

    Returns:
        None where none of `VARIABLES` names a resource of the template for the app's functions.

    Raises:
        TemplateError: The template is not valid.
        MissingExtraError: The library that reads YAML is not installed.
    """
    template = read_template(path)
    try:
        return _Reduction(template).stack(app, any_function, excluded)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise TemplateError(f"{path} cannot be understood: {type(error).__name__}: {error}") from error


class _Reduction:
    """Takes a stack out of a template.

    A property or a variable is left out if it cannot be evaluated on this machine: it refers to a resource of
    another type, to a parameter without a default or to a value of another stack.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._conditions = template.section("Conditions")
        self._parameters = {
            name: parameter
            for name, parameter in template.section("Parameters").items()
            # The values of Systems Manager are in AWS.
            if "Default" in parameter and not str(parameter.get("Type")).startswith("AWS::SSM::")
        }
        self._creatable: set[str] = set()
        self._creatable |= set(self._of_type(*_NAME_PROPERTIES))
        self._created: dict[str, dict[str, Any]] = {}

    def stack(self, app: AppRef, any_function: bool, excluded: Collection[str]) -> Stack | None:
        functions = self._of_type(*_FUNCTIONS)
        chosen = [name for name in functions if self._file(name) == _file(app)]
        if not chosen and any_function:
            chosen = functions
        variables = self._variables(chosen, excluded)
        if not variables.keys() & set(VARIABLES):
            return None
        self._create(variables)
        result = {
            "variables": variables,
            "sources": list(self._sources(functions)),
            "ttl": list(self._time_to_live()),
        }
        document = {
            "Transform": "AWS::LanguageExtensions",  # has Fn::ToJsonString
            "Parameters": self._parameters,
            "Mappings": self._template.section("Mappings"),
            "Conditions": self._known(self._conditions),
            "Resources": self._created,
            "Outputs": {OUTPUT: {"Value": {"Fn::ToJsonString": result}}},
        }
        schedules = [one for name in chosen for one in schedules_of(self._template.properties(name))]
        return Stack(self._template.path, document, tuple(variables), tuple(schedules))

    def _of_type(self, *types: str) -> list[str]:
        """The resources of some types, except for those whose condition cannot be evaluated."""
        conditions = {
            name: self._template.resources[name].get("Condition") for name in self._template.of_type(*types)
        }
        return [name for name, condition in conditions.items() if self._is_known({"Condition": condition})]

    def _is_known(self, expression: Any) -> bool:
        return all(map(self._has, references(expression)))

    def _known(self, members: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if self._is_known(value)}

    def _has(self, name: str) -> bool:
        if name in self._conditions:
            return self._is_known(self._conditions[name])
        return name.startswith("AWS::") or name in self._parameters or name in self._creatable

    # Functions

    def _file(self, function: str) -> Path | None:
        properties = self._template.properties(function)
        code, handler = properties.get("CodeUri"), properties.get("Handler")
        if not isinstance(code, str) or not isinstance(handler, str):
            return None
        folder = self._template.path.parent / code
        return _module_file(folder.resolve(), handler.rpartition(".")[0])

    def _variables(self, functions: list[str], excluded: Collection[str]) -> dict[str, Any]:
        """The variables that refer to resources. No other variable is set: the developer sets those."""
        found: dict[str, Any] = {}
        for name in functions:
            environment = self._template.properties(name).get("Environment") or {}
            for variable, value in environment.get("Variables", {}).items():
                names_resource = not self._creatable.isdisjoint(references(value))
                if names_resource and variable not in excluded and self._is_known(value):
                    found.setdefault(variable, self._conditional(name, value))
        return found

    # Resources

    def _create(self, expression: Any) -> None:
        """Create the resources that an expression refers to, in the order of their dependencies."""
        for name in references(expression):
            if name in self._creatable and name not in self._created:
                resource = self._resource(name)
                self._create(resource["Properties"])
                self._created[name] = resource

    def _resource(self, name: str) -> dict[str, Any]:
        resource = self._template.resources[name]
        kind = resource["Type"]
        properties = self._known(self._template.properties(name))
        if kind == _SIMPLE_TABLE:
            kind, properties = _TABLE, _table_properties(properties)
        if not properties.get("FifoQueue"):
            # A name that is the same in every run: those of CloudFormation have a random suffix.
            own = f"{STACK_NAME}-{name}"
            properties.setdefault(_NAME_PROPERTIES[kind], own.lower() if kind == _BUCKET else own)
        condition = {"Condition": resource["Condition"]} if "Condition" in resource else {}
        return {"Type": kind, "Properties": properties, **condition}

    def _time_to_live(self) -> Iterator[Any]:
        for name, resource in self._created.items():
            if _TTL in resource["Properties"]:
                yield self._conditional(name, [{"Ref": name}, resource["Properties"][_TTL]])

    def _conditional(self, name: str, expression: Any) -> Any:
        condition = self._template.resources[name].get("Condition")
        return expression if condition is None else {"Fn::If": [condition, expression, _NO_VALUE]}

    # Event sources

    def _sources(self, functions: list[str]) -> Iterator[Any]:
        for name in functions:
            for event in (self._template.properties(name).get("Events") or {}).values():
                if event.get("Type") == "SQS":
                    yield from self._source(name, name, event["Properties"], "Queue")
        for name in self._of_type(_MAPPING):
            properties = self._template.properties(name)
            for function in set(references(properties["FunctionName"])).intersection(functions):
                yield from self._source(name, function, properties, "EventSourceArn")

    def _source(self, owner: str, function: str, properties: Mapping[str, Any], queue: str) -> Iterator[Any]:
        if self._created.keys().isdisjoint(references(properties[queue])):
            return
        merged = {**self._template.properties(function), **properties, "Queue": properties[queue]}
        source = {key: value for key, value in self._known(merged).items() if key in _SOURCE_PROPERTIES}
        yield self._conditional(owner, source)


def _table_properties(simple: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of the table that SAM makes of a simple one."""
    key = simple.get("PrimaryKey", {"Name": "id", "Type": "String"})
    return {
        **{name: value for name, value in simple.items() if name == "TableName"},
        "AttributeDefinitions": [{"AttributeName": key["Name"], "AttributeType": key["Type"][0]}],
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key["Name"], "KeyType": "HASH"}],
    }


def _file(app: AppRef) -> Path | None:
    return app.file.resolve() if app.file is not None else _module_file(app.folder.resolve(), app.module)


def _module_file(folder: Path, module: str) -> Path | None:
    """The file of a module, also written as a path, as some write `Handler`."""
    if not module:
        return None
    base = folder.joinpath(*module.replace("/", ".").split("."))
    return base / "__init__.py" if base.is_dir() else base.with_name(base.name + ".py")
