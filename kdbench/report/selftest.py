"""How often verdicts were wrong, in a sentence and as a table for a terminal, which is valid Markdown."""

import math
from collections.abc import Iterator, Sequence

from kdbench.report.writing import formats as f
from kdbench.report.writing.padded import padded_paragraph, padded_table
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.results.selftest import FALSE_ALARMS, MISSES, Judged, SelfTest
from kdbench.statistics.intervals import share_interval

BOUND = 0.9  # of two sides
ENOUGH = 300  # trials without a change that show the goals where no verdict is wrong: 299 in truth, and 59 slowdowns
FEWEST = 10  # trials of another tool of which a share is told
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
    """What was found, a table in lines of this width, and what its columns mean."""
    table = Table("selftest", "Verdicts", COLUMNS, tuple(map(_row, found.judged)), tuple(_notes(found)))
    return f"{padded_paragraph(_headline(found), width)}\n\n{padded_table(table, width)}"


def missed_goals(found: SelfTest) -> list[Judged]:
    """Those whose share of wrong verdicts is shown to exceed its goal."""
    return [each for each in found.judged if _holds(each) == "no"]


def bounds(judged: Judged) -> tuple[float, float]:
    """Of the share of wrong verdicts: each bound alone is at 95 %."""
    interval = share_interval(judged.wrong, judged.trials, BOUND)
    return interval.low, interval.high


def _headline(found: SelfTest) -> str:
    """How often `kdbench check` was wrong, and what that shows."""
    ours = [each for each in found.judged if each.ours]
    kinds = {
        name: [each for each in ours if each.regressed == (name == "misses")] for name in ("false alarms", "misses")
    }
    counts = " and ".join(_counted(name, rows) for name, rows in kinds.items() if rows)
    goals = f"at most {100 * FALSE_ALARMS:g} % false alarms and {100 * MISSES:g} % misses"
    if missed := ", ".join(f"{each.rule}, {each.truth}" for each in missed_goals(found)):
        shown = f"More than the goals allow, {goals}: {missed}."
    elif all(_holds(each) == "yes" for each in ours):
        shown = f"The goals hold: {goals}."
    else:
        shown = f"The goals are {goals}: `--aa {ENOUGH}` without a wrong verdict shows that they hold."
    return f"`kdbench check`: {counts}. {shown}"


def _counted(name: str, rows: Sequence[Judged]) -> str:
    """`0 false alarms in 40 trials (at most 7.2 %)`: the bound is of the mean over the rows."""
    wrong, trials = sum(row.wrong for row in rows), sum(row.trials for row in rows)
    high = share_interval(wrong, trials, BOUND).high
    return f"{wrong} {name} in {trials} trials (at most {100 * high:.1f} % at 95 %)"


def _holds(judged: Judged) -> str:
    if judged.goal is None:
        return f.NONE
    low, high = bounds(judged)
    if high <= judged.goal:
        return "yes"
    return "no" if low > judged.goal else "too few trials to tell"


def _row(judged: Judged) -> tuple[Cell, ...]:
    goal = f.NONE if judged.goal is None else f"{100 * judged.goal:g} %"
    told = judged.ours or judged.trials >= FEWEST
    return (
        Cell(judged.rule),
        Cell(judged.truth, "has to be found" if judged.regressed else ""),
        Cell(str(judged.trials)),
        Cell(str(judged.wrong)),
        Cell(f"{100 * judged.wrong / judged.trials:.1f} %" if told else f.NONE),
        Cell(f"{100 * bounds(judged)[1]:.1f} %" if told else f.NONE),
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
    beside = f" beside {found.busy} process{'es' * (found.busy > 1)} that it kept busy" if found.busy else ""
    load = found.machine.get("load_average")
    before = f"{', '.join(f'{each:.1f}' for each in load)} (1, 5, 15 min)" if isinstance(load, list) else "unknown"
    yield f"Measured in {found.seconds / 60:.0f} min{beside}; the load average before it was {before}."
