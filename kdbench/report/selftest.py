"""How often verdicts were wrong, as a table for a terminal, which is valid Markdown."""

import math
from collections.abc import Iterator

from kdbench.report.writing import formats as f
from kdbench.report.writing.padded import padded_table
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.results.selftest import Judged, SelfTest
from kdbench.statistics.intervals import share_interval

BOUND = 0.9  # of two sides
COLUMNS = (
    Column("Verdicts of", numeric=False),
    Column("Truth", numeric=False),
    Column("Trials"),
    Column("Wrong"),
    Column("Share"),
    Column("At most", "95 % bound"),
    Column("Goal"),
    Column("Holds", numeric=False),
    Column("Undecided"),
    Column("Rounds or seeds", "mean"),
)


def selftest_text(found: SelfTest, width: float = math.inf) -> str:
    """A table in lines of this width, and what its columns mean."""
    return padded_table(
        Table("selftest", "Verdicts", COLUMNS, tuple(map(_row, found.judged)), tuple(_notes(found))), width
    )


def missed_goals(found: SelfTest) -> list[Judged]:
    """Those whose share of wrong verdicts is shown to exceed its goal."""
    return [each for each in found.judged if _holds(each) == "no"]


def bounds(judged: Judged) -> tuple[float, float]:
    """Of the share of wrong verdicts: each bound alone is at 95 %."""
    interval = share_interval(judged.wrong, judged.trials, BOUND)
    return interval.low, interval.high


def _holds(judged: Judged) -> str:
    if judged.goal is None:
        return f.NONE
    low, high = bounds(judged)
    if high <= judged.goal:
        return "yes"
    return "no" if low > judged.goal else "too few trials to tell"


def _row(judged: Judged) -> tuple[Cell, ...]:
    goal = f.NONE if judged.goal is None else f"{100 * judged.goal:g} %"
    return (
        Cell(judged.rule),
        Cell(judged.truth, "has to be found" if judged.regressed else ""),
        Cell(str(judged.trials)),
        Cell(str(judged.wrong)),
        Cell(f"{100 * judged.wrong / judged.trials:.1f} %"),
        Cell(f"{100 * bounds(judged)[1]:.1f} %"),
        Cell(goal),
        Cell(_holds(judged)),
        Cell(str(judged.undecided) if judged.ours else f.NONE),
        Cell(f.NONE if judged.effort is None else f"{judged.effort:.1f}"),
    )


def _notes(found: SelfTest) -> Iterator[str]:
    if found.interrupted:
        yield "It was interrupted: what is counted are the trials that had ended."
    yield (
        "A verdict is wrong where it says 'regressed' of no change, or does not say it of what has to be found. The "
        "bound is Clopper and Pearson's, one-sided: with no wrong verdict of 300 it is 1 %."
    )
    ratios = {each.truth: each.observed for each in found.judged if each.observed}
    if told := ", ".join(f"of {truth} x{ratio:.3f}" for truth, ratio in ratios.items()):
        yield f"Ratios of latency over all trials: {told}."
    beside = f"{found.busy} busy process{'es' * (found.busy > 1)} of its own" if found.busy else "no process of its own"
    load = found.machine.get("load_average")
    yield f"Measured in {found.seconds / 60:.0f} min beside {beside}; load average before: {load}."
