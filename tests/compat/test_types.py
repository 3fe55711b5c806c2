"""The table of names of ``lambent.compat.types``."""

import pytest

from lambent.compat import types


def test_a_name_that_nobody_knows_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Nobody' .*docs/porting\.md"):
        _ = types.Nobody
