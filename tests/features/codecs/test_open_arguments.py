"""Arguments that functions do not name."""

import pytest
from pydantic import BaseModel

from lambent.features.codecs import ValidationError, arguments_codec


class Item(BaseModel):
    a: int
    b: int


def test_each_problem_has_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        arguments_codec("f", [], Item).decode(b'{"x":{}}')
    assert str(caught.value) == "Field required - at `$.x.a`; Field required - at `$.x.b`"
