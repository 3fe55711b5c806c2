"""Releases of clients from every legacy version answer what a tool asks."""

import re
from typing import TYPE_CHECKING

from tests.interop.releases import RELEASES, Release, on_hosts
from tests.interop.talks import Talk, call, text
from tests.interop.test_questions import ANSWERS

if TYPE_CHECKING:
    from tests.interop.conftest import TalkAs

LEGACY = [release for release in RELEASES if release.protocol < "2026"]
WITHOUT_FORMS = [release for release in LEGACY if release.protocol < "2025-06"]
WITH_FORMS = [release for release in LEGACY if release.protocol >= "2025-06"]
# These resume a stream that ends before its response (SEP-1699).
RESUMING = [release for release in LEGACY if release.protocol >= "2025-11"]

LIVE = ("asgi", "stdio")
BEFORE_FORMS = {kind: ANSWERS[kind] for kind in ("sampling", "roots")}


@on_hosts(WITHOUT_FORMS, LIVE)
def test_the_model_and_the_client_are_asked(talk_as: "TalkAs", release: Release, host: str) -> None:
    called = talk_as(release, host).value(**call("recall", answers=BEFORE_FORMS))
    assert text(called) == "'Per aspera' on file:///srv/interop"
    assert sorted(called["asked"]) == [["roots", ""], ["sampling", "Give me a motto."]]


@on_hosts(WITH_FORMS, LIVE)
def test_a_live_host_asks_while_the_call_runs(talk_as: "TalkAs", release: Release, host: str) -> None:
    talk = talk_as(release, host)
    check_refund(talk, processes="1")
    called = talk.value(**call("introduce", answers=ANSWERS))
    assert text(called) == "Ada says 'Per aspera' and works on Interop at file:///srv/interop"
    assert sorted(called["asked"]) == [
        ["elicitation", "What is your name?"],
        ["roots", ""],
        ["sampling", "Give me a motto."],
    ]


@on_hosts(RESUMING, ("table",))
def test_a_client_comes_back_for_what_its_answer_has_led_to(
    talk_as: "TalkAs", release: Release, host: str
) -> None:
    check_refund(talk_as(release, host), processes="[123]")


@on_hosts([release for release in WITH_FORMS if release not in RESUMING], ("table",))
def test_a_client_that_would_not_come_back_is_not_asked(
    talk_as: "TalkAs", release: Release, host: str
) -> None:
    called = talk_as(release, host).value(**call("refund", {"order": "A-1"}, answers=ANSWERS))
    assert called["result"]["isError"] is True, called
    assert called["asked"] == []


@on_hosts(WITHOUT_FORMS, ("gateway", *LIVE))
def test_a_client_without_forms_is_not_sent_one(talk_as: "TalkAs", release: Release, host: str) -> None:
    called = talk_as(release, host).value(**call("refund", {"order": "A-1"}, answers=BEFORE_FORMS))
    assert called["result"]["isError"] is True, called
    assert text(called) == "The client did not declare a capability that this request needs: elicitation"
    assert called["asked"] == []


def check_refund(talk: Talk, processes: str) -> None:
    """A tool asks twice, the second time about the first answer."""
    called = talk.value(**call("refund", {"order": "A-1"}, answers=ANSWERS))
    assert re.fullmatch(rf"5 euros of A-1 in {processes} process\(es\)", text(called)), called
    assert called["asked"] == [
        ["elicitation", "How much of A-1?"],
        ["elicitation", "Really 5 euros of A-1?"],
    ]
