"""kdbench power"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kdbench.cli import options
from kdbench.cli.records.edited import results_of

if TYPE_CHECKING:
    from kdbench.analyze.decisions.power import SeedsNeeded
    from kdbench.results import RunRecord

MOST_DIFFERENCE = 0.2  # a share; above, points were meant
HEAD = ("pair", "loss", "seeds", "SD", "SD at most", "can show", "seeds needed", "at most")


@click.command(
    name="power",
    epilog=options.examples("kdbench power fashion --difference 0.005    # half a point of top-1"),
)
@options.stored_suite_argument
@options.results_option
@options.run_option
@click.option("--difference", type=float, required=True, help="Share of top-1 that a claim is to be about: 0.005.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Chance of finding it where it is real.")
@options.json_option
def command(suite: str, results: Path, run: str | None, difference: float, power: float, as_json: bool) -> None:
    """Say how many seeds a claim needs: a gain over the student alone, by the spread of the suite's latest run.

    And which drop the gate of `kdbench check` sees with the seeds of that run.
    """
    from kdbench.analyze import what_the_gate_sees
    from kdbench.analyze.decisions.power import plan_seeds
    from kdbench.results.baselines.freezing import baseline_of
    from kdbench.spec import UserError

    if not 0 < difference <= MOST_DIFFERENCE:
        raise UserError(
            f"--difference {difference:g} is not above 0 and at most {MOST_DIFFERENCE}",
            help="it is a share, as `may_drop` of a gate is: write 0.005 for half a point",
        )
    if not 0.5 <= power <= 0.99:
        raise UserError(f"--power {power:g} is not from 0.5 to 0.99", help="0.8 is usual: one real gain in five missed")
    found = results_of(suite, results, run)
    rows = plan_seeds(found.summary.pairs, difference, power)
    _refuse_what_has_no_spread(rows, found.records.run)
    gate = what_the_gate_sees(baseline_of(found.records))
    if as_json:
        click.echo(json.dumps({"rows": [asdict(row) for row in rows], "gate": gate}, indent=1))
        return
    for line in _table([HEAD, *map(_cells, rows)]):
        click.echo(line)
    click.echo(_reading(difference, power))
    click.echo(f"\n{gate}")


def _refuse_what_has_no_spread(rows: Sequence["SeedsNeeded"], run: "RunRecord") -> None:
    from kdbench.spec import UserError

    if not rows:
        raise UserError(
            f"suite '{run.name}' has no loss to compare with its student alone",
            help="have 'cross_entropy' and another loss finish with the same seeds",
        )
    if all(row.seeds < 2 for row in rows):
        raise UserError(
            f"suite '{run.name}' has one seed, which says nothing of how seeds differ",
            help=f"write seeds = 3 in its file, then: {run.again}",
        )


def _cells(row: "SeedsNeeded") -> tuple[str, ...]:
    points = ("-" if value is None else f"{100 * value:.2f}" for value in (row.sd, row.sd_upper, row.detectable))
    return row.pair, row.row, str(row.seeds), *points, _seeds(row.needed, row.sd), _seeds(row.needed_upper, row.sd)


def _seeds(needed: int | None, sd: float | None) -> str:
    from kdbench.analyze.decisions.power import MOST_SEEDS

    if sd is None:
        return "-"
    return f"> {MOST_SEEDS}" if needed is None else str(needed)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell: two of names, the others of numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return [
        "  ".join(f"{cell:{'<' if i < 2 else '>'}{widths[i]}}" for i, cell in enumerate(row)).rstrip() for row in rows
    ]


def _reading(difference: float, power: float) -> str:
    from kdbench.analyze.decisions.power import SD_CONFIDENCE
    from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM

    return f"""
SD            of the paired differences to the student alone, in points
SD at most    the bound that the true SD is under with {100 * SD_CONFIDENCE:.0f} % confidence
can show      the least gain that these seeds find in {100 * power:g} % of runs (paired t, 5 %, two-sided), in points
seeds needed  to find a true gain of {100 * difference:g} points as often; at most: with the SD at most
A verdict takes {SEEDS_FOR_A_CLAIM} seeds or more.
'better' means by over {100 * EQUIVALENCE:g} points: to plan for it, ask for the expected gain less these.
One comparison is reckoned with; Holm over several losses asks for more seeds."""
