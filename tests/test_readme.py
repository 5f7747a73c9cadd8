"""What the README shows is what kdbench does."""

import re
from pathlib import Path

import pytest

from kdbench import api
from kdbench.cli import COMMANDS
from kdbench.spec import UserError, parse_suite
from kdbench.zoo.catalog import Catalog

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
SUITE = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0]


def test_the_suite_file_can_be_planned() -> None:
    plan = api.plan(parse_suite(SUITE, "my.toml", Catalog()))
    # Over 5 seeds the student alone for one, two and four times the epochs, and two losses with one teacher, with three,
    # and two more generations; 3 teachers.
    assert len(plan.trials) == 5 * (3 + 2 * (1 + 1 + 2)) + 3


def test_the_error_is_word_for_word() -> None:
    with pytest.raises(UserError) as caught:
        parse_suite(SUITE.replace("temperature", "temprature"), "my.toml", Catalog())
    assert f"```\n{caught.value}\n```" in README


def test_every_command_is_in_the_table() -> None:
    assert set(COMMANDS) == set(re.findall(r"`kdbench ([a-z]+)[ `]", README)) & set(COMMANDS)
