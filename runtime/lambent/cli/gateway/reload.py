"""Replaces environments when Python files change."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import Final

from lambent.cli.errors import MissingExtraError
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.pool import Pool

_SKIPPED_FOLDERS: Final = {"__pycache__", "node_modules", "site-packages", "venv"}


def require_watchfiles() -> None:
    """Check that the library that watches files is there.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec("watchfiles") is None:
        raise MissingExtraError("watchfiles", "reloading")


async def reload_on_change(
    folders: Collection[Path], pools: Collection[Pool], stop: asyncio.Event, log: Log
) -> None:
    """Replace environments whenever Python files change, until `stop` is set.

    Args:
        folders: The folders with the files.
        pools: The environments.
        stop: Ends it.
        log: Where changes are noted.
    """
    try:
        async for paths in changes(folders, stop):
            log.note(f"reloading: {', '.join(path.name for path in paths)} changed")
            for pool in pools:
                pool.reload()
    except OSError as error:
        # Such as the system's limit of watched folders; serving goes on.
        log.note(f"reloading is off from here on: {error}")


async def changes(folders: Iterable[Path], stop: asyncio.Event) -> AsyncIterator[list[Path]]:
    """Wait for changes of `.py` files in folders and those below them.

    Hidden folders, virtual environments and caches are left out.

    Args:
        folders: The folders.
        stop: Ends the iteration.

    Yields:
        The files that were added, changed or deleted since the last time.
    """
    from watchfiles import awatch

    # Some systems report real paths only.
    roots = {folder.resolve() for folder in folders}

    def is_source(_: object, path: str) -> bool:
        return any(_is_source(Path(path), root) for root in roots)

    async for batch in awatch(*roots, watch_filter=is_source, stop_event=stop):
        paths = sorted({Path(path) for _, path in batch})
        for path in paths:
            _remove_bytecode(path)
        yield paths


def _is_source(path: Path, root: Path) -> bool:
    if path.suffix != ".py" or not path.is_relative_to(root):
        return False
    folders = path.relative_to(root).parts[:-1]
    return not any(folder.startswith(".") or folder in _SKIPPED_FOLDERS for folder in folders)


def _remove_bytecode(path: Path) -> None:
    # Python compares whole seconds and sizes: an edit soon after the last import could go unnoticed.
    with contextlib.suppress(OSError, NotImplementedError):
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
