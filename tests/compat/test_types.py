"""The table of names of ``lambent.compat.types``."""

import pytest

from lambent.compat import types


def test_every_name_is_there() -> None:
    for name in types.__all__:
        assert getattr(types, name) is not None


def test_the_table_and_the_list_of_names_are_the_same() -> None:
    assert sorted(types.__all__) == sorted(name for names in types._MODULES.values() for name in names)


def test_a_name_that_nobody_knows_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match=r"no Nobody: .*docs/porting\.md"):
        _ = types.Nobody
