"""kdbench show"""

from typing import TYPE_CHECKING

import click

from kdbench.cli import options

if TYPE_CHECKING:
    from kdbench.spec import Kind, Signature
    from kdbench.zoo.catalog import Catalog


@click.command(name="show")
@click.argument("name")
@options.plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """Show a loss, way of teaching, model, dataset, part, view or metric: what it does, its options, its paper."""
    from kdbench.spec import KINDS, REQUIRED, UserError, nearest
    from kdbench.spec.search.space import range_of
    from kdbench.zoo.catalog import Catalog as Names

    catalog = Names(plugins)
    found = [signature for kind in KINDS if (signature := _signature(catalog, kind, name))]
    if not found:
        known = [known for kind in KINDS for known in catalog.choices(kind, name)]
        raise UserError(f"nothing is called '{name}'", help=nearest(name, known))
    for signature in found:
        click.echo(f"{signature.use} ({signature.kind}, {signature.target})\n")
        click.echo(signature.doc)
        if signature.options:
            click.echo("\nOptions:")
        width = max((len(option.name) for option in signature.options), default=0)
        for option in signature.options:
            default = "required" if option.default is REQUIRED else f"default {option.default}"
            tuned = f", tuned from {values}" if (values := range_of(option)) else ""
            click.echo(f"  {option.name:{width}}  {default}{tuned}")


def _signature(catalog: "Catalog", kind: "Kind", name: str) -> "Signature | None":
    try:
        return catalog.signature(kind, name)
    except KeyError:
        return None
