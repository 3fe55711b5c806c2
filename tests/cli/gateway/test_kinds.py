import pytest

from lambent.cli.errors import UsageError
from lambent.cli.gateway.kinds import KINDS, make_api
from lambent.cli.gateway.messages import Api


def test_the_set_up_of_a_front_end():
    assert make_api(KINDS["rest"], path="/a", stage=None) == Api(stage="Prod", path="/a")
    assert make_api(KINDS["http-api"], path="/a", stage="dev") == Api(stage="dev", path="/a")
    with pytest.raises(UsageError):
        make_api(KINDS["function-url"], path="/a", stage="dev")
