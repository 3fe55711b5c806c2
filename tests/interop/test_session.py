"""A client learns whom it talks to."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.talks import Talk

SERVER = {"name": "lambent-interop", "title": "Interop", "version": "1.2.3"}
VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_client_learns_whom_it_talks_to(talk_in: "Callable[[str], Talk]", era: str) -> None:
    found = talk_in(era).value("discover")
    assert found["serverInfo"] == SERVER
    assert found["protocol"] == VERSIONS[era]
    assert found["instructions"] == "Call anything; nothing breaks."
    assert {"tools", "resources", "prompts", "completions"} <= set(found["capabilities"])


def test_a_client_gets_through_by_its_defaults(talk_in: "Callable[[str], Talk]") -> None:
    talk = talk_in("default")
    assert talk.value("discover")["serverInfo"] == SERVER
