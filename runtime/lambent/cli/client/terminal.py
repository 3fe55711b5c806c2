"""The person at the terminal, on standard error: questions are asked there, progress is a bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from lambent.cli.client.arguments import read_value
from lambent.cli.client.failures import UnansweredQuestionError
from lambent.cli.client.text import one_line, printable
from lambent.cli.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Terminal:
    """Asks, and tells.

    Args:
        answers: Answers of the command line by the names of form fields; a form that they fill is not asked.
        can_ask: Whether somebody sits there.
        shows_progress: Whether there is a progress bar.
        response: What questions are responded to with that the answers do not fill: accept, decline or
            cancel. Accepted forms have the defaults of their fields. None to ask.
    """

    def __init__(
        self, answers: Mapping[str, str], *, can_ask: bool, shows_progress: bool, response: str | None = None
    ) -> None:
        self._answers = answers
        self._can_ask = can_ask
        self._response = response
        self._shows_progress = shows_progress
        self._bar: Progress | None = None
        self._row: TaskID | None = None

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question; see ``Person``.

        Raises:
            UnansweredQuestionError: Nobody can be asked, and the given answers do not fill the form.
            UsageError: An answer of the command line has another type than its field.
        """
        self.close()
        message = printable(question.get("message", ""))
        if question.get("mode") == "url" or ("url" in question and "requestedSchema" not in question):
            return self._visit(message, one_line(question.get("url", "")))
        schema = question.get("requestedSchema")
        fields = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(schema, dict) or not isinstance(fields, dict):
            schema, fields = {}, {}
        given = {
            name: read_value(name, self._answers[name], _schema(one), schema)
            for name, one in fields.items()
            if name in self._answers
        }
        if self._response == "accept":
            given = {
                **{name: one["default"] for name, one in fields.items() if "default" in _schema(one)},
                **given,
            }
        required = [name for name in schema.get("required") or () if name in fields]
        missing = [name for name in required if name not in given]
        if (given or self._response == "accept") and not missing:
            return {"action": "accept", "content": given}
        if self._response in ("decline", "cancel"):
            return {"action": self._response}
        if not self._can_ask or self._response:
            names = missing or list(fields)
            hint = " ".join(f"--answer {one_line(name)}=..." for name in names)
            raise UnansweredQuestionError(
                f"the server asks: {one_line(message)}{' Answer with ' + hint if hint else ''}"
            )
        click.echo(message, err=True)
        if (action := _choose()) != "accept":
            return {"action": action}
        content = dict(given)
        for name, one in fields.items():
            if name not in given:
                _ask(name, _schema(one), schema, content, is_required=name in required)
        return {"action": "accept", "content": content}

    def progress(self, done: float, total: float | None, text: str) -> None:
        """Move the progress bar; see ``Person``."""
        if not self._shows_progress:
            return
        if self._bar is None:
            # Loaded where something takes long enough to tell.
            try:
                from rich.console import Console
                from rich.progress import (
                    BarColumn,
                    Progress,
                    TaskProgressColumn,
                    TextColumn,
                    TimeElapsedColumn,
                )
            except ModuleNotFoundError:
                self._shows_progress = False
                return
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._row = self._bar.add_task("", total=None)
            self._bar.start()
        if self._row is not None:
            limit = float(total) if isinstance(total, int | float) else None
            self._bar.update(self._row, completed=done, total=limit, description=one_line(text))

    def log(self, level: str, data: Any) -> None:
        """Print a log message; see ``Person``."""
        text = data if isinstance(data, str) else json.dumps(data)
        click.echo(f"{one_line(level)}: {printable(text)}", err=True)

    def close(self) -> None:
        """Take the progress bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _visit(self, message: str, url: str) -> dict[str, Any]:
        click.echo(f"{message}\n{url}", err=True)
        if self._response:
            return {"action": self._response}
        if not self._can_ask:
            raise UnansweredQuestionError(
                "the server asks to visit a page, and nobody is at a terminal; give --respond"
            )
        return {"action": _choose()}


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _choose() -> str:
    choices = {"a": "accept", "d": "decline", "c": "cancel"}
    kind = click.Choice([*choices, *choices.values()])
    chosen = click.prompt(
        "accept, decline or cancel", default="accept", type=kind, show_choices=False, err=True
    )
    return choices.get(str(chosen), str(chosen))


def _ask(
    name: str,
    one: Mapping[str, Any],
    schema: Mapping[str, Any],
    content: dict[str, Any],
    *,
    is_required: bool,
) -> None:
    """Ask for a field until its type is right; one that is optional and left empty is left out."""
    label = one_line(one.get("title") or name)
    notes = [one_line(one["description"])] if one.get("description") else []
    if options := _options(one):
        notes.append("one of " + ", ".join(options))
    if not is_required:
        notes.append("optional")
    while True:
        default = one.get("default")
        text = click.prompt(
            f"{label} ({'; '.join(notes)})" if notes else label,
            default="" if default is None else _shown(default),
            show_default=default is not None,
            err=True,
        )
        if text == "" and not is_required:
            return
        try:
            value = read_value(name, _json(text, one, schema), one, schema)
        except UsageError as error:
            click.echo(str(error), err=True)
            continue
        if text or value == "":
            content[name] = value
            return


def _json(text: str, one: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a person types for yes and no, and for several choices."""
    if one.get("type") == "boolean":
        return {"y": "true", "yes": "true", "n": "false", "no": "false"}.get(text.lower(), text.lower())
    if one.get("type") == "array" and not text.startswith("["):
        return json.dumps([part.strip() for part in text.split(",") if part.strip()])
    return text


def _options(one: Mapping[str, Any]) -> list[str]:
    items = _schema(one.get("items")) if one.get("type") == "array" else one
    found = items.get("enum")
    if isinstance(found, list):
        return [one_line(value) for value in found]
    each = items.get("oneOf") or items.get("anyOf")
    return [one_line(option.get("const")) for option in each or () if isinstance(option, dict)]


def _shown(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value))


def _schema(one: Any) -> Mapping[str, Any]:
    return one if isinstance(one, dict) else {}
