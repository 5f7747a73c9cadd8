"""kdbench show"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from kdbench.cli import complete, options

if TYPE_CHECKING:
    from kdbench.spec import Signature
    from kdbench.spec.reading.reference import SuiteKey
    from kdbench.zoo.catalog import Catalog


@dataclass(frozen=True)
class Shown:
    """One thing that has the name, as text and as JSON."""

    text: str
    content: dict[str, object]


@click.command(
    name="show",
    epilog=options.examples(
        "kdbench show kd                  # a loss: its formula, options and paper",
        "kdbench show train.select        # a key of suite files",
        "kdbench show quickstart          # a suite",
        "kdbench show my_loss:my_loss -p my_loss",
    ),
)
@click.argument("name", shell_complete=complete.names)
@options.plugin_option
@options.json_option
def command(name: str, plugins: tuple[str, ...], as_json: bool) -> None:
    """Show what a name stands for: a loss, model, dataset or other callable, a suite, or a key of suite files.

    Of a callable it tells what it does, its options and its paper; of a key what is allowed, its unit and default; of
    a suite what it trains.
    """
    from kdbench.spec import KINDS, UserError, suites
    from kdbench.spec.reading.reference import suite_keys
    from kdbench.spec.signature import suggest
    from kdbench.zoo.catalog import Catalog as Names

    catalog = Names(plugins)
    found = [*_callables(catalog, name), *_keys(name), *_suite(name, plugins)]
    if not found:
        others = [*suites(), *(key.path for key in suite_keys())]
        raise UserError(f"nothing is called '{name}'", help=suggest(name, KINDS, catalog, others))
    if as_json:
        click.echo(json.dumps([each.content for each in found], indent=1))
    else:
        click.echo("\n\n".join(each.text for each in found))


def _callables(catalog: "Catalog", name: str) -> Iterator[Shown]:
    """Of each kind that has the name; a callable of a module is of the kinds that give it what it takes."""
    from kdbench.spec import KINDS
    from kdbench.spec.signature import serves

    for kind in KINDS:
        try:
            signature = catalog.signature(kind, name)
        except KeyError:
            continue
        if name in catalog.names(kind) or serves(signature, kind):
            yield _callable(signature)


def _callable(signature: "Signature") -> Shown:
    from kdbench.spec import REQUIRED
    from kdbench.spec.search.space import range_of

    lines = [f"{signature.use} ({signature.kind}, {signature.target})", "", signature.doc]
    lines += ["", "Options:"] if signature.options else []
    width = max((len(option.name) for option in signature.options), default=0)
    listed = []
    for option in signature.options:
        default = None if option.default is REQUIRED else option.default
        values = range_of(option)
        listed.append({"name": option.name, "required": option.default is REQUIRED, "default": default})
        told = "required" if option.default is REQUIRED else f"default {default}"
        lines.append(f"  {option.name:{width}}  {told}{f', tuned from {values}' if values else ''}")
    content = {"kind": signature.kind, "name": signature.use, "target": signature.target, "doc": signature.doc}
    return Shown("\n".join(lines), {**content, "options": listed})


def _keys(name: str) -> Iterator[Shown]:
    """Keys of suite files of that path or ending, each with those of the table that it may hold."""
    from kdbench.spec.reading.reference import find_keys, suite_keys

    for key in find_keys(name):
        inner = [each for each in suite_keys() if each.table == key.path]
        width = max((len(each.path) for each in inner), default=0)
        lines = [
            _key(key),
            *([""] if inner else []),
            *(f"  {each.path:{width}}  {_first(each.what)}" for each in inner),
        ]
        yield Shown("\n".join(lines), {"kind": "key", **asdict(key)})


def _key(key: "SuiteKey") -> str:
    only = f" of {key.of}" if key.of else ""
    facts = {"allowed": key.allowed, "unit": key.unit, "default": key.default}
    facts["example"] = f"{key.path.rpartition('.')[2]} = {key.example}"
    lines = [f"{key.path} (key of suite files{only})", "", key.what, ""]
    return "\n".join([*lines, *(f"  {name:7}  {fact}" for name, fact in facts.items() if fact)])


def _first(text: str) -> str:
    """The first sentence, or what stands before a colon: `kdbench show` of the key itself has the rest."""
    return re.split(r":\s|\.\s(?=[A-Z])", text)[0].removesuffix(".") + "."


def _suite(name: str, plugins: tuple[str, ...]) -> Iterator[Shown]:
    from kdbench import api
    from kdbench.spec import find_suite, suites

    if name not in suites() and not name.endswith(".toml"):
        return
    suite = api.load_suite(name, plugins)
    trials = len(api.plan(suite, plugins).trials)
    facts = {
        "data": suite.data.dataset.label,
        "seeds": ", ".join(map(str, suite.seeds)),
        "confirmed": ", ".join(map(str, suite.confirming)),
        "pairs": ", ".join(pair.label for pair in suite.pairs),
        "losses": ", ".join(loss.label for loss in suite.losses),
        "teaching": ", ".join(way.label for way in suite.teaching),
        "recipe": f"{suite.train.epochs} epochs in batches of {suite.train.batch_size}, {suite.train.optimizer.use}",
        "variants": ", ".join(variant.label for variant in suite.variants),
        "trials": f"{trials}, before any that depend on results",
    }
    head = [f"{suite.name} (suite, {find_suite(name)})", "", *([suite.description, ""] if suite.description else [])]
    lines = [*head, *(f"  {what:9}  {fact}" for what, fact in facts.items() if fact)]
    yield Shown("\n".join(lines), {"kind": "suite", "trials": trials, "suite": suite.model_dump(mode="json")})
