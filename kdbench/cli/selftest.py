"""kdbench selftest"""

import math
import shutil
import sys
from typing import TYPE_CHECKING

import click

from kdbench.cli import options
from kdbench.cli.failure import INTERRUPTED

if TYPE_CHECKING:
    from kdbench.cli.telling.progress import Telling
    from kdbench.results.selftest import SelfTest

GREATEST = 4.0  # times the work: a network of seconds is no gate's case


def _works(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    """`1.05,1.10`: how much work a slower network does."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            work = float(part)
        except ValueError:
            work = math.nan
        if not 1.01 <= work <= GREATEST:
            raise click.BadParameter(f"'{part}' is not from 1.01 to {GREATEST:g}; write 1.1 for a tenth more work")
        found.append(work)
    return tuple(dict.fromkeys(found))


@click.command(
    name="selftest",
    epilog=options.examples("kdbench selftest", "kdbench selftest --aa 300 --busy 1    # half an hour and more"),
)
@click.option(
    "--aa", "trials", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Trials without a change."
)
@click.option(
    "--inject",
    "slower",
    callback=_works,
    metavar="TIMES,...",
    default="1.05,1.10",
    show_default=True,
    help="Work of networks that are slower, in a fifth as many trials each. Their gate allows half of what is more.",
)
@click.option(
    "--points",
    type=click.FloatRange(0.1, 20),
    default=1.0,
    show_default=True,
    help="Points of top-1 that are lost. The gate allows half of them.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="Of the latency gate in trials without a change.",
)
@click.option("--busy", type=click.IntRange(0, 64), default=0, help="Keep so many processes busy beside it.")
@options.json_option
@options.telling_options
def command(
    trials: int,
    slower: tuple[float, ...],
    points: float,
    margin: float,
    busy: int,
    as_json: bool,
    telling: "Telling",
) -> int:
    """Measure how often `kdbench check` is wrong on this machine, and how often other tools would be.

    Two files of the same work must not be called slower, one with more work to do must be, and so must students whose
    top-1 fell. From 40 files of a kind on, a quarter is judged by the rules of pytest-benchmark, asv and a p50
    threshold, too. Exit code 1 where false alarms are shown to exceed 1 %, or misses at twice the margin 5 %.
    Interrupted, or where timing breaks off, it tells of the trials that have ended.
    """
    from kdbench import api
    from kdbench.cli.telling.progress import follow
    from kdbench.execute.selftest.selftest import Asked, selftest
    from kdbench.execute.workers.job import NoAnswer
    from kdbench.report.selftest import missed_goals
    from kdbench.results.drafts import temporary_folder
    from kdbench.spec import UserError

    asked = Asked(trials, slower, points / 100, margin, busy)
    found: list[SelfTest] = []
    try:
        with temporary_folder() as folder, api.place(folder, workers=1) as place:
            follow(selftest(asked, place, found.append), live=True, telling=telling)
    except NoAnswer as reason:
        if not any(each.gate == "latency" for last in found[-1:] for each in last.judged):
            raise UserError(f"nothing can be timed here: {reason}", help="see: kdbench doctor") from reason
        click.echo(f"note: timing broke off ({reason}): the trials that have ended are counted", err=True)
        found[-1] = found[-1].model_copy(update={"interrupted": True})
    except (KeyboardInterrupt, SystemExit) as signalled:
        click.echo("\ninterrupted: the trials that have ended are counted", err=True)
        if found:
            _tell(found[-1].model_copy(update={"interrupted": True}), as_json)
        if isinstance(signalled, SystemExit):
            raise
        return INTERRUPTED
    _tell(found[-1], as_json)
    return 1 if missed_goals(found[-1]) else 0


def _tell(found: "SelfTest", as_json: bool) -> None:
    from kdbench.report.selftest import selftest_text

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
    click.echo(found.model_dump_json(indent=1) if as_json else selftest_text(found, width))
