"""kdbench new"""

from pathlib import Path

import click


@click.group(name="new")
def command() -> None:
    """Write the files of a loss of your own: they work as they are written."""


@command.command(name="loss")
@click.argument("name")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def loss(name: str) -> None:
    """Write a loss with its test: in a checkout of kdbench into it, elsewhere into this folder.

    NAME is in lower case, as my_loss: the function, its file, and what suites call it. The loss that is written is
    plain knowledge distillation; change formula, docstring and the value in the test into yours.
    """
    from kdbench.zoo.new_loss import TABLE, plan_loss, write_loss

    new = plan_loss(name, Path())
    write_loss(new)
    click.echo(f"{new.loss}: the loss")
    click.echo(f"{new.test}: a value by hand, and the contract that every loss holds")
    if new.table:
        click.echo(f"{TABLE}: its line")
    click.echo(f"\nChange them into yours, then: python -m pytest {new.test}")
    if new.table:
        click.echo("The page of it in docs/losses.md comes from its docstring: make docs")
    else:
        click.echo(f'To use it: kdbench run SUITE -p {name}, with use = "{name}:{name}" in the suite.')
        click.echo(f"Or as a name, from a package of your own: in its pyproject.toml\n\n{new.entry_point}")
