"""kdbench recommend"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import options
from kdbench.cli.quantities import parse_count, parse_microseconds, parse_share, parse_size
from kdbench.cli.records.edited import results_of
from kdbench.deploy.runtime.providers import PROVIDERS

if TYPE_CHECKING:
    from kdbench.analyze import Recommendation, Summary
    from kdbench.analyze.deployment.architectures import ReferenceTiming


@click.command(
    name="recommend",
    epilog=options.examples(
        "kdbench recommend quickstart",
        "kdbench recommend quickstart --max-latency 50us --max-bytes 100KB --min-top1 .9",
    ),
)
@options.stored_suite_argument
@options.results_option
@options.run_option
@click.option("--max-latency", type=parse_microseconds, metavar="TIME", help="Of one call, at the median: 50us, 1.2ms.")
@click.option("--max-bytes", type=parse_size, metavar="SIZE", help="Of the ONNX file: 100KB, 4MB.")
@click.option("--max-parameters", type=parse_count, metavar="N", help="Of the network: 100K, 1.5M.")
@click.option("--min-top1", type=parse_share, metavar="SHARE", help="On test: .9 or 90%.")
@click.option(
    "--provider", type=click.Choice(list(PROVIDERS)), default="cpu", show_default=True, help="Of the latency."
)
@click.option("--batch", type=click.IntRange(min=1), help="Of the latency. [default: the smallest that was timed]")
@options.json_option
def command(
    suite: str,
    results: Path,
    run: str | None,
    max_latency: float | None,
    max_bytes: float | None,
    max_parameters: float | None,
    min_top1: float | None,
    provider: str,
    batch: int | None,
    as_json: bool,
) -> None:
    """Say which student of a suite to ship, within budgets. Trains and measures nothing."""
    from kdbench.analyze import Budgets, recommend
    from kdbench.report.terminal import answer_record

    summary = results_of(suite, results, run).summary
    budgets = Budgets(max_latency, max_bytes, max_parameters, min_top1)
    found = recommend(summary, budgets, _timing(summary, provider, batch))
    if as_json:
        click.echo(json.dumps(answer_record(found), indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(found)))


def _timing(summary: "Summary", provider: str, batch: int | None) -> "ReferenceTiming | None":
    """Of the way of calling that was asked for. Raises `UserError` where not every exported file was timed so."""
    from kdbench.analyze.deployment.architectures import choose_reference
    from kdbench.spec import UserError

    timing = choose_reference(summary.deployed, provider, batch)
    if timing is None and (provider != "cpu" or batch):
        timed = dict.fromkeys(t.how.label for model in summary.deployed for t in model.timings)
        asked = f"on {provider}" + (f" with batch {batch}" if batch else "")
        raise UserError(
            f"not every student of '{summary.suite.name}' was timed {asked}; timed: {'; '.join(timed) or 'nothing'}",
            help="choose one of these, or write what is asked for under [latency] in the suite, and run it again: "
            + ", ".join(filter(None, (f'providers = ["{provider}"]', f"batch_sizes = [{batch}]" if batch else ""))),
        )
    return timing


def _lines(found: "Recommendation") -> Iterator[str]:
    yield found.headline
    yield found.reason
    yield from found.groups
    for head, texts in (("Gives up", found.gives_up), ("Instead", found.alternatives), ("Note", found.caveats)):
        yield from (f"{head}: {text}" for text in texts)
