"""Where this installation of Lambent came from, as what follows its name in a requirement."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, distribution
from typing import Any


def requirement_source(installed: Distribution | None = None) -> str:
    """What a requirement of the same Lambent says after its name and extras.

    Args:
        installed: The distribution; None for the one that is running.

    Returns:
        Of an index ``==0.1.0``; of a folder, a wheel or a repository `` @ `` and its URL.
    """
    found = distribution("lambent") if installed is None else installed
    # https://packaging.python.org/en/latest/specifications/direct-url/
    recorded = found.read_text("direct_url.json")
    if recorded is None:
        return f"=={found.version}"
    origin: dict[str, Any] = json.loads(recorded)
    url = str(origin["url"])
    if "vcs_info" in origin:
        version_control = origin["vcs_info"]
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    if "subdirectory" in origin:
        url += f"#subdirectory={origin['subdirectory']}"
    return f" @ {url}"
