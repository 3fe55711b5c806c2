"""Log records that nothing a client sends can forge: each is one line, but for the frames of a traceback."""

from __future__ import annotations

import functools
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

# C0, DEL and C1, Unicode's line separators and Bidi_Control, surrogates; compiled when a record has one
_CONTROL = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def one_line(text: str) -> str:
    """Text with its line breaks, control characters, bidi controls and lone surrogates escaped."""
    if text.isprintable():
        return text
    return re.sub(_CONTROL, lambda found: found[0].encode("unicode_escape").decode(), text)


def traceback_text(error: BaseException, trace: TracebackType | None) -> str:
    """A traceback in which the frames stand as always, and what exceptions say is one line each.

    Args:
        error: the exception, with its causes, notes and, of a group, its parts.
        trace: its frames, if any.
    """
    whole = traceback.TracebackException(type(error), error, trace)
    left: list[traceback.TracebackException | None] = [whole]
    while left:
        if (one := left.pop()) is not None:
            escaped = functools.partial(_escaped, one.format_exception_only)
            one.format_exception_only = escaped  # type: ignore[method-assign,assignment]
            left += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
    return "".join(whole.format())


def _escaped(lines: Callable[..., Iterator[str]], **options: Any) -> Iterator[str]:
    margin = ""
    for line in lines(**options):
        yield margin + one_line(line.removesuffix("\n")) + "\n"
        if not line.startswith(" "):  # it names the exception, and notes follow: they may be a client's words
            margin = "  | "


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(one if isinstance(one, int) else one_line(str(one)) for one in record.args)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            # Formatters of text write this; those of JSON read ``exc_info``.
            record.exc_text = traceback_text(error, error.__traceback__)
            if re.search("[\ud800-\udfff]", "".join(traceback.format_exception(error))):
                # No handler could write these: it would lose the whole record.
                record.msg, record.args = f"{record.getMessage()}\n{record.exc_text}", None
                record.exc_info = record.exc_text = None
        return True


_filter = _Filter()


def logger(name: str) -> logging.Logger:
    """The logger with a name, whose records nothing that a client sends can forge."""
    found = logging.getLogger(name)
    found.addFilter(_filter)
    return found
