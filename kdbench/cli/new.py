"""kdbench new"""

from pathlib import Path

import click

from kdbench.cli import complete, options


@click.group(name="new", epilog=options.examples("kdbench new suite mine", "kdbench new loss my_loss"))
def command() -> None:
    """Write a suite, or the files of a loss of your own: they work as they are written."""


TEACHER, STUDENT = '{ use = "cnn", width = 16 }', '{ use = "cnn", width = 4 }'


@command.command(
    name="suite",
    epilog=options.examples(
        "kdbench new suite mine",
        "kdbench new suite mine --data cifar10 --teacher cifar:resnet56 --student cifar:resnet20 --losses kd,dkd,crd",
        'kdbench new suite photos --data \'{ use = "image_folder", path = "photos" }\'',
    ),
)
@click.argument("name")
@click.option(
    "--data",
    shell_complete=complete.callables("datasets"),
    default="digits",
    show_default=True,
    help="A dataset: `kdbench list datasets`.",
)
@click.option(
    "--teacher",
    shell_complete=complete.callables("models"),
    default=TEACHER,
    show_default=True,
    help="A model: `kdbench list models`.",
)
@click.option(
    "--student",
    shell_complete=complete.callables("models"),
    default=STUDENT,
    show_default=True,
    help="A model, likewise.",
)
@click.option(
    "--losses", default="kd", show_default=True, help="With commas between; the student alone comes with them."
)
@options.plugin_option
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def suite(name: str, losses: str, plugins: tuple[str, ...], **values: str) -> None:
    """Write a suite file NAME.toml into this folder, with its keys explained.

    Data, teacher and student are names, or inline tables of TOML with options.
    """
    from kdbench.spec import UserError
    from kdbench.spec.reading.new_suite import new_suite
    from kdbench.zoo.catalog import Catalog

    path = Path(f"{name}.toml")
    named = [loss.strip() for loss in losses.split(",") if loss.strip()]
    text = new_suite(name, str(path), values, named, Catalog(plugins))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"'{path}' exists", help="choose another name, or remove it") from error
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror}") from error
    click.echo(f"{path}: what it trains is told by `kdbench plan {path}`; `kdbench run {path}` trains it")


@command.command(name="loss", epilog=options.examples("kdbench new loss my_loss"))
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
