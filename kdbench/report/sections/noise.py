"""The noise of the machine: the reference timed against itself, and students that must tie."""

from kdbench.analyze import Summary
from kdbench.analyze.deployment.noise import NoiseCheck, TieCheck
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table
from kdbench.statistics.ratios import RatioEstimate

TERMS = (
    (
        "Noise of the machine",
        "The reference network is timed against itself. The machine is quiet enough where the interval of that ratio "
        "contains 1 and is narrower than the margin.",
    ),
    (
        "Ties",
        "Students of one architecture must take the same time, whichever loss trained them. A difference would mean "
        "that the weights slow the arithmetic down (denormal numbers), or a bug.",
    ),
)


def noise_section(summary: Summary) -> Section:
    """Whether this run's latencies are reliable."""
    doubtful = sum(not check.trusted for check in summary.noise)
    number = len(summary.noise)
    trusted = "It was." if not doubtful else f"It was not in {doubtful} of {f.several(number, 'way')} of timing."
    differing = [tie for tie in summary.ties if tie.ties is False]
    tied = ""
    if summary.ties:
        tied = " Students of one architecture " + ("differ: see below." if differing else "were not found to differ.")
    return Section(
        "noise",
        "Noise of the machine",
        f"Whether the machine was quiet enough for its latencies to be trusted. {trusted}{tied}",
        tables=(noise_table(summary.noise), tie_table(summary.ties)),
        terms=TERMS,
    )


def noise_table(checks: tuple[NoiseCheck, ...]) -> Table:
    """One row per way of timing."""
    columns = (
        Column("How", numeric=False),
        Column("Ratio to itself", "", "with its 95 % interval"),
        Column("Trusted", numeric=False),
        Column("Slice pairs"),
        Column("Lag-1 correlation", "", "of successive calls; above 0 where noise lasts longer than a call"),
        Column("CPU / wall", "", "of the timing process; below its number of threads where it had to wait"),
        Column("Switches", "involuntary", "how often the kernel preempted the timing process", least=True),
        Column("Stolen", "", "time that the hypervisor gave to other machines, all cores", least=True),
    )
    rows = tuple(
        (
            Cell(check.how.label),
            _ratio(check.ratio),
            Cell("yes" if check.trusted else "no", tag="" if check.trusted else "worse"),
            Cell(f.count(check.ratio.pairs) if check.ratio else f.NONE),
            Cell(f.NONE if check.lag_1 is None else f"{check.lag_1:.2f}", sort=check.lag_1),
            Cell(f.NONE if check.cpu_share is None else f"{check.cpu_share:.2f}", sort=check.cpu_share),
            Cell(f.count(check.switches), sort=check.switches),
            Cell(f.seconds(check.steal_seconds), sort=check.steal_seconds),
        )
        for check in checks
    )
    return Table("noise", "The reference against itself", columns, rows)


def tie_table(ties: tuple[TieCheck, ...]) -> Table:
    """One row per further loss of an architecture."""
    columns = (
        Column("Model", numeric=False),
        Column("Loss", numeric=False),
        Column("Against", numeric=False),
        Column("How", numeric=False),
        Column("Ratio", "", "with its 95 % interval"),
        Column("Tie", numeric=False),
    )
    words = {True: ("yes", ""), False: ("no", "worse"), None: ("undecided", "undecided")}
    rows = tuple(
        (
            Cell(tie.model),
            Cell(tie.rows[0]),
            Cell(tie.rows[1]),
            Cell(tie.how.label),
            _ratio(tie.ratio),
            Cell(words[tie.ties][0], tag=words[tie.ties][1]),
        )
        for tie in ties
    )
    return Table("ties", "Students of one architecture against each other", columns, rows)


def _ratio(ratio: RatioEstimate | None) -> Cell:
    if ratio is None:
        return Cell(f.NONE)
    return Cell(f"{ratio.estimate:.3f}", f"{ratio.low:.3f} to {ratio.high:.3f}", ratio.estimate)
