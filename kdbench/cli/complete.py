"""What a shell offers where a name is typed: suites, losses, pairs, trials. Imports neither torch nor pandas."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from kdbench.spec import Kind, Suite

Items = list[CompletionItem]  # files come first: click's script for bash drops the names before them


def suites(_ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Suites that run by name, and files."""
    from kdbench.spec import suites as known

    return [CompletionItem(typed, type="file"), *_beginning(known(), typed)]


def stored_suites(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Suites that have results, and files."""
    from kdbench.results.store import Store

    return [CompletionItem(typed, type="file"), *_beginning(Store(_results(ctx)).suites(), typed)]


def losses(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Losses of the suite that is named before."""
    suite = _suite(ctx)
    return _listed((loss.label for loss in suite.losses) if suite else (), typed)


def pairs(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Its pairs."""
    suite = _suite(ctx)
    return _listed((pair.label for pair in suite.pairs) if suite else (), typed)


def ways(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Its ways of teaching."""
    suite = _suite(ctx)
    return _listed((way.label for way in suite.teaching) if suite else (), typed)


def names(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """Everything that `kdbench show` knows."""
    from kdbench.spec import KINDS
    from kdbench.spec import suites as known
    from kdbench.spec.reading.reference import suite_keys
    from kdbench.zoo.catalog import Catalog

    catalog = Catalog(ctx.params.get("plugins") or ())
    callables = (name for kind in KINDS for name in catalog.choices(kind, typed))
    return _beginning({*callables, *known(), *(key.path for key in suite_keys())}, typed)


def callables(kind: "Kind") -> Callable[[click.Context, click.Parameter, str], Items]:
    """The names of a kind of callable; members of a family once its name is typed."""

    def offered(_ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
        from kdbench.zoo.catalog import Catalog

        return _beginning(Catalog().choices(kind, typed), typed)

    return offered


def trials(ctx: click.Context, _param: click.Parameter, typed: str) -> Items:
    """The keys of trials in the store."""
    return _beginning((path.name for path in (_results(ctx) / "trials").glob(f"{typed}*")), typed)


def _results(ctx: click.Context) -> Path:
    return Path(ctx.params.get("results") or "results")


def _suite(ctx: click.Context) -> "Suite | None":
    """The suite that is named before; none where it cannot be read.

    click leaves arguments unnamed in `args` while an option has no value yet.
    """
    from kdbench.spec import UserError, find_suite, load_suite
    from kdbench.zoo.catalog import Catalog

    name = ctx.params.get("suite") or "".join(ctx.args[:1])
    try:
        return load_suite(find_suite(name), Catalog(ctx.params.get("plugins") or ()))
    except UserError:
        return None


def _listed(known: Iterable[str], typed: str) -> Items:
    """Names for an option that takes several, with commas between."""
    before, comma, last = typed.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in known if name.startswith(last)]


def _beginning(known: Iterable[str], typed: str) -> Items:
    return [CompletionItem(name) for name in sorted(known) if name.startswith(typed)]
