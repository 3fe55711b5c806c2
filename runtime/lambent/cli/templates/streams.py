"""Whether the functions of a template stream where their front ends do, and only there.

An event does not say whether its response may be a stream, so the settings of a function and of its front
ends have to agree. Where they do not, calls fail, or streams arrive whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lambent.cli.client.findings import Finding
from lambent.cli.local_aws.template import Template
from lambent.cli.templates.front_ends import FUNCTIONS, FrontEnd, front_ends
from lambent.cli.templates.values import UNKNOWN, number_of, value_of

_MODE: Final = "LAMBENT_RESPONSE_MODE"
_WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_SCRIPT: Final = "lambent-runtime"
_LONGEST: Final = 900.0
"""Seconds of an invocation, of a stream, and of what API Gateway waits for one: 15 minutes each."""

_DEFAULT_OF_REST: Final = 29.0
_LONGEST_OF_HTTP: Final = 30.0
"""Seconds that an HTTP API waits for a response."""

_MODES: Final = {
    "Function URL": "InvokeMode: RESPONSE_STREAM",
    "REST API": "ResponseTransferMode: STREAM (in events of SAM: RESPONSE_STREAM)",
}
_BUILDS: Final = re.compile(r"lambent[)}]?\s+build\s", re.IGNORECASE)
_URI: Final = "lambda:path/2021-11-15/functions/<ARN of the function>/response-streaming-invocations"
_BUILD: Final = (
    f"Set {_WRAPPER} to /opt/{_SCRIPT} with a layer of `lambent build --layer --stream`, or to "
    f"/var/task/{_SCRIPT} where the function itself is built with `lambent build --stream`."
)


def check_streams(template: Template) -> Iterator[Finding]:
    """Look at every function that streams, or whose front end does.

    Args:
        template: The template, as it is written or as `sam build` has written it.
    """
    fronts = front_ends(template)
    found = [
        finding
        for name in template.of_type(*FUNCTIONS)
        for finding in _check_function(template, name, [front for front in fronts if front.function == name])
    ]
    yield from found or [Finding("ok", "streams", "no function streams, and no front end waits for a stream")]


def _check_function(template: Template, name: str, fronts: list[FrontEnd]) -> Iterator[Finding]:
    properties = template.properties(name)
    variables = (properties.get("Environment") or {}).get("Variables") or {}
    mode = value_of(template, variables.get(_MODE))
    streaming = [front for front in fronts if front.streams]
    if mode is UNKNOWN:
        yield Finding("note", name, f"{_MODE} depends on parameters", "Nothing else of it was looked at.")
        return
    mode = str(mode or "").strip().lower() or "buffered"
    if mode not in ("buffered", "stream"):
        advice = "It is stream or buffered: with another value the function does not start."
        yield Finding("wrong", name, f"{_MODE} is {mode}", advice)
        return
    if mode == "buffered":
        if _may_be_ours(properties, value_of(template, variables.get(_WRAPPER))):
            yield from (_streams_alone(one) for one in fronts if one.streams or one.has_streaming_uri)
        return
    found = [
        *_check_front_ends(name, fronts),
        *_check_runtime(template, name, properties, value_of(template, variables.get(_WRAPPER))),
        *_check_times(template, name, properties, fronts),
    ]
    yield from found
    if not any(one.level == "wrong" for one in found) and streaming:
        yield Finding("ok", name, f"streams through {', '.join(front.name for front in streaming)}")


def _may_be_ours(properties: Mapping[str, Any], wrapper: Any) -> bool:
    """Whether a function without the setting is one of Python that nothing else makes stream."""
    is_python = str(properties.get("Runtime", "")).startswith("python")
    return is_python and (wrapper is None or str(wrapper).endswith(f"/{_SCRIPT}"))


def _streams_alone(front: FrontEnd) -> Finding:
    return Finding(
        "wrong",
        front.function,
        f"{front.name} ({front.kind}) waits for a stream, and the function sends none",
        f"Set {_MODE} to stream, or leave {_MODES[front.kind]} out: a whole response is no valid one there.",
    )


def _check_front_ends(name: str, fronts: list[FrontEnd]) -> Iterator[Finding]:
    if not fronts:
        advice = "Its Function URL or REST API has to stream."
        yield Finding("note", name, "it streams, and has no front end in this template", advice)
        return
    for front in fronts:
        if front.streams is None:
            yield Finding("note", name, f"whether {front.name} streams depends on parameters")
        elif not front.streams and front.kind in _MODES:
            shown = "" if front.mode in (None, "BUFFERED") else f": {front.mode} does not make it stream"
            advice = f"Give it {_MODES[front.kind]}, or set {_MODE} to buffered."
            yield Finding("wrong", name, f"{front.name} ({front.kind}) buffers{shown}", advice)
        elif front.streams and front.has_streaming_uri is False:
            yield Finding(
                "wrong",
                name,
                f"the integration URI of {front.name} is not the one of streams",
                f"Let it end with {_URI}.",
            )
    if not any(front.kind in _MODES for front in fronts):
        kinds = " and ".join(sorted({front.kind for front in fronts}))
        yield Finding(
            "wrong",
            name,
            f"it streams, and has only front ends that never do: {kinds}",
            f"Use a Function URL or a REST API, or set {_MODE} to buffered.",
        )


def _check_runtime(
    template: Template, name: str, properties: Mapping[str, Any], wrapper: Any
) -> Iterator[Finding]:
    """Look for what runs the function in the place of Lambda's own client, which cannot stream."""
    if properties.get("PackageType") == "Image":
        advice = "Its command is `python -m lambent.hosts.aws_lambda.runtime_client app.handler`."
        yield Finding("note", name, "the command of a container image is not in the template", advice)
        return
    if str(value_of(template, properties.get("Runtime"))).startswith("provided") or wrapper is UNKNOWN:
        return
    if wrapper is None:
        yield Finding("wrong", name, f"{_WRAPPER} is not set, so Lambda's own client buffers", _BUILD)
        return
    root, _, script = str(wrapper).rpartition("/")
    if script != _SCRIPT or root not in ("/opt", "/var/task"):
        yield Finding("wrong", name, f"{_WRAPPER} is {wrapper}, which is not Lambent's", _BUILD)
    elif root == "/opt" and not properties.get("Layers"):
        yield Finding("wrong", name, f"{wrapper} is in a layer, and the function has none", _BUILD)
    elif not _may_have_script(template, properties, root):
        text = f"{wrapper} is not there: what was built has no {_SCRIPT}"
        yield Finding("wrong", name, text, _BUILD)
    elif root == "/var/task" and _builds_without(template, name, properties.get("CodeUri")):
        file = Path(properties["CodeUri"], "Makefile")
        text = f"{file} builds without --stream, so {wrapper} will not be there"
        yield Finding("wrong", name, text, "Add --stream to its line `lambent build`.")


def _may_have_script(template: Template, properties: Mapping[str, Any], root: str) -> bool:
    """False where all that could have the script was built, and has not."""
    places: list[Any] = [properties.get("CodeUri")]
    if root == "/opt":
        layers = properties.get("Layers")
        names = [layer.get("Ref") if isinstance(layer, Mapping) else None for layer in layers or ()]
        known = set(template.of_type("AWS::Serverless::LayerVersion"))
        places = [template.properties(name).get("ContentUri") if name in known else None for name in names]
    for place in places:
        if not isinstance(place, str):
            return True
        folder = template.path.parent / place
        if not _is_built(folder) or (folder / _SCRIPT).exists():
            return True
    return False


def _builds_without(template: Template, name: str, place: Any) -> bool:
    """Whether the Makefile beside the source of a function has `lambent build` leave the script out.

    False where something else may bring it: a recipe that calls other programs is not followed.
    """
    path = template.path.parent / place / "Makefile" if isinstance(place, str) else None
    if path is None or not path.is_file():
        return False
    text = path.read_text(errors="replace")
    recipe = re.search(rf"^build-{re.escape(name)}:.*\n((?:\t.*\n?|\n)*)", text, re.MULTILINE)
    return recipe is not None and bool(_BUILDS.search(recipe[1])) and "--stream" not in text


def _is_built(folder: Path) -> bool:
    """Whether a folder has what is deployed, and not what that is built of."""
    return (folder / "python").is_dir() or (folder / "lambent").is_dir()


def _check_times(
    template: Template, name: str, properties: Mapping[str, Any], fronts: list[FrontEnd]
) -> Iterator[Finding]:
    seconds = number_of(template, properties.get("Timeout"))
    if seconds is None:
        return
    if seconds > _LONGEST:
        advice = "An invocation, and with it a stream, takes at most 900 seconds."
        yield Finding("wrong", name, f"its Timeout is {seconds:g}", advice)
        return
    for front in fronts:
        if front.kind == "REST API" and front.streams:
            allowed = _DEFAULT_OF_REST if front.seconds is None else front.seconds
            if allowed > _LONGEST:
                text = f"TimeoutInMillis of {front.name} is {allowed * 1000:.0f}"
                yield Finding("wrong", name, text, "Set it to at most 900000, which is 15 minutes.")
            elif allowed < seconds:
                text = f"{front.name} ends a stream after {allowed:g} seconds, the function after {seconds:g}"
                advice = f"Set its TimeoutInMillis to {seconds * 1000:.0f} or more: the default is 29000."
                yield Finding("wrong", name, text, advice)
        elif front.kind == "HTTP API" and seconds > _LONGEST_OF_HTTP:
            text = f"{front.name} (HTTP API) waits for 30 seconds, and the function may take {seconds:g}"
            yield Finding("note", name, text, "Clients behind it get an error for calls that take longer.")
