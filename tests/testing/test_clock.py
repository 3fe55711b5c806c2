"""The clock that tests move."""

import time

import pytest

from lambent.testing import Clock


def test_it_shows_the_time_at_first_and_stands_still() -> None:
    before = time.time()
    clock = Clock()
    assert before <= clock() <= time.time()
    assert clock() == clock()


def test_it_is_moved() -> None:
    clock = Clock(100.0)
    clock.advance(2.5)
    clock.advance(0)
    assert clock() == clock.now == 102.5


def test_it_does_not_go_back() -> None:
    clock = Clock(100.0)
    with pytest.raises(ValueError, match=r"not by -1 s"):
        clock.advance(-1)
    assert clock() == 100.0
