"""A client learns whom it talks to."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.talks import Talk

SERVER = {"name": "lambent-interop", "title": "Interop", "version": "1.2.3"}
VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}

LEGACY = pytest.mark.xfail(
    raises=AssertionError,
    reason="The server speaks 2026-07-28 only: an initialize (2025-11-25) gets HTTP 400 and -32022",
)
"""Once the server speaks the legacy era: remove it, and the `xfail` in the fixture `talk` with it."""

LEGACY_BY_DEFAULT = ("typescript", "inspector")
"""Clients that try nothing but `initialize` unless they are told to negotiate."""


@pytest.mark.parametrize("era", ["modern", pytest.param("legacy", marks=LEGACY)])
def test_a_client_learns_whom_it_talks_to(talk_in: "Callable[[str], Talk]", era: str) -> None:
    found = talk_in(era).value("discover")
    assert found["serverInfo"] == SERVER
    assert found["protocol"] == VERSIONS[era]
    assert found["instructions"] == "Call anything; nothing breaks."
    assert {"tools", "resources", "prompts", "completions"} <= set(found["capabilities"])


def test_a_client_gets_through_by_its_defaults(
    client: str, talk_in: "Callable[[str], Talk]", request: pytest.FixtureRequest
) -> None:
    talk = talk_in("default")
    if client in LEGACY_BY_DEFAULT:
        reason = f"{talk.about()} tries initialize (2025-11-25) only, which gets HTTP 400 and -32022"
        request.applymarker(pytest.mark.xfail(raises=AssertionError, reason=reason))
    assert talk.value("discover")["serverInfo"] == SERVER
