"""Generators are run to their end, and what they return is kept."""

from collections.abc import Generator

import pytest

from kdbench.spec.generators import Followed, drain


def counting(upto: int) -> Generator[int, None, str]:
    yield from range(upto)
    return "done"


def test_a_generator_is_looped_over_and_its_result_kept() -> None:
    followed = Followed(counting(3))
    assert list(followed) == [0, 1, 2]
    assert followed.result == "done"


def test_a_loop_that_is_left_early_has_no_result() -> None:
    followed = Followed(counting(3))
    for step in followed:
        if step == 1:
            break
    with pytest.raises(AttributeError):
        _ = followed.result


def test_a_generator_is_drained_with_or_without_a_listener() -> None:
    heard: list[int] = []
    assert drain(counting(2), heard.append) == drain(counting(2)) == "done"
    assert heard == [0, 1]
