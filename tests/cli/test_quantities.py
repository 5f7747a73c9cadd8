"""Sizes, times and counts as they are typed, and sizes as they are told."""

from contextlib import suppress

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.cli.quantities import Parse, parse_count, parse_microseconds, parse_size, size_text


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_size, "8GB", 8 * 10**9),
        (parse_size, "2.5 GB", 2_500_000_000),
        (parse_size, "500mb", 500_000_000),
        (parse_size, "3K", 3000),
        (parse_size, "1TB", 10**12),
        (parse_size, "12 B", 12),
        (parse_size, "7", 7),
        (parse_size, "0", 0),
        (parse_microseconds, "50us", 50),
        (parse_microseconds, "1.25ms", 1250),
        (parse_microseconds, ".5 µs", 0.5),
        (parse_microseconds, "2s", 2_000_000),
        (parse_count, "1.5M", 1_500_000),
        (parse_count, "26698", 26698),
    ],
)
def test_amounts(parse: Parse, text: str, expected: float) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "5XB", "1,5GB", "1GiB", "1 GB or so", "1e9", "nan", "9" * 400])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a size; write 500MB or 2\.5GB, say"):
        parse_size(text)


def test_a_time_has_a_unit_and_a_count_none_of_size() -> None:
    with pytest.raises(click.BadParameter, match=r"'50' is not a time; write 50us or 1\.2ms, say"):
        parse_microseconds("50")
    with pytest.raises(click.BadParameter, match="'1MB' is not a count"):
        parse_count("1MB")


@given(st.text(max_size=12))
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_size_or_refused(text: str) -> None:
    with suppress(click.BadParameter):
        assert parse_size(text) >= 0


def test_sizes_are_told_as_they_are_typed() -> None:
    told = [size_text(count) for count in (999, 1000, 12_345_678, 8 * 10**9)]
    assert told == ["999 B", "1.0 KB", "12.3 MB", "8.0 GB"]
    assert [parse_size(text) for text in told] == [999, 1000, 12_300_000, 8 * 10**9]
