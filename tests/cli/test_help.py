"""The help of every command: examples that can be typed, and JSON on stdout wherever there is data."""

import shlex
from itertools import takewhile

import click
import pytest

from kdbench.cli import COMMANDS, cli

CONTEXT = click.Context(cli, info_name="kdbench", max_content_width=100)
NO_DATA = {"new"}  # it says what it has written
IS_JSON = {"schema"}


def command_of(name: str) -> click.Command:
    found = cli.get_command(CONTEXT, name)  # type: ignore[attr-defined]
    assert found
    return found


def commands() -> dict[str, click.Command]:
    """Every command by what is typed, those of a group after it."""
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        found[name] = command = command_of(name)
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": each for inner, each in command.commands.items()}
    return found


def examples(command: click.Command) -> list[str]:
    """The lines below 'Examples:', without their comments."""
    text = command.get_help(click.Context(command, parent=CONTEXT, info_name=command.name))
    lines = takewhile(str.strip, text.partition("Examples:\n")[2].splitlines())
    return [line.partition("  #")[0].partition(" > ")[0].strip() for line in lines]


@pytest.mark.parametrize("name", commands())
def test_examples_can_be_typed(name: str) -> None:
    found = examples(commands()[name])
    assert found
    for line in found:
        words = shlex.split(line)
        assert words[0] == "kdbench"
        command = command_of(words[1])
        arguments = words[2:]
        if isinstance(command, click.Group):
            command, arguments = command.commands[arguments[0]], arguments[1:]
        command.make_context(words[1], arguments, parent=CONTEXT)  # raises where it cannot be
    assert any(line.startswith(f"kdbench {name}") for line in found)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NO_DATA | IS_JSON])
def test_what_is_told_can_be_had_as_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in command_of(name).params)


@pytest.mark.parametrize("name", commands())
def test_every_option_is_explained(name: str) -> None:
    found = [each for each in commands()[name].params if isinstance(each, click.Option)]
    assert [each.opts[0] for each in found if not each.help and not each.hidden] == []
