"""What is told where an app of this machine cannot be imported."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from lambent.cli.app_ref import AppImportError, AppRef
from lambent.cli.errors import CommandError


@contextlib.contextmanager
def import_failures(app: AppRef) -> Iterator[None]:
    """Tell what keeps an app from being imported: the traceback from its own first line on, then a sentence.

    Args:
        app: What is imported within the context.

    Raises:
        CommandError: It was not imported.
    """
    try:
        yield
    except AppImportError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the app has ended before there was a handler
        # Loaded where something is wrong: `lambent stdio` starts without it.
        from lambent.cli.gateway.calling import describe
        from lambent.cli.gateway.log import last_line

        text = describe(error)
        sys.stderr.write(text)
        raise CommandError(f"{app} cannot be imported: {last_line(text)}") from error
