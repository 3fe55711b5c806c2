"""A client reads resources."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.interop.talks import Talk

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"


def test_a_text(talk: "Talk") -> None:
    (content,) = talk.value("read", uri="interop://notes/welcome")
    assert content == {
        "uri": "interop://notes/welcome",
        "mimeType": "text/markdown",
        "text": "# Welcome\n\nSchön, dass du da bist.\n",
    }


def test_a_binary(talk: "Talk") -> None:
    (content,) = talk.value("read", uri="interop://images/pixel.png")
    assert content == {"uri": "interop://images/pixel.png", "mimeType": "image/png", "blob": PIXEL}


def test_a_template(modern: "Talk") -> None:
    (content,) = modern.value("read", uri="interop://cities/graz/people/7")
    assert content == {
        "uri": "interop://cities/graz/people/7",
        "mimeType": "text/plain",
        "text": '{\n  "city": "Graz",\n  "number": 7,\n  "protocol": "2026-07-28"\n}',
    }


@pytest.mark.parametrize("city", ["zürich", "z%C3%BCrich"])
def test_a_template_with_a_value_that_is_not_ascii(modern: "Talk", city: str) -> None:
    (content,) = modern.value("read", uri=f"interop://cities/{city}/people/7")
    assert content["text"] == '{\n  "city": "Zürich",\n  "number": 7,\n  "protocol": "2026-07-28"\n}'


def test_the_uri_of_a_resource_is_not_ascii(talk: "Talk") -> None:
    (content,) = talk.value("read", uri="interop://städte/zürich")
    assert content["text"] == "Grüezi"
