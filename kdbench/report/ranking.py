"""The ranking of a report: every row of a suite by its gain; and the rows that have no result."""

from collections import Counter
from collections.abc import Sequence

from kdbench.analyze import Recommendation, StudentRow, Summary
from kdbench.analyze.decisions.groups import as_good
from kdbench.analyze.decisions.wording import EQUAL, quoted
from kdbench.analyze.models.rows import Equal
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Terms
from kdbench.report.writing.tables import (
    VERDICT_HELP,
    Cell,
    Column,
    Table,
    gain_cell,
    headline_cell,
    in_order,
    retention_cell,
)
from kdbench.statistics.paired import SEEDS_FOR_A_CLAIM


def ranking_table(summary: Summary, recommendation: Recommendation) -> Table:
    """Every loss of every pair, the greatest gain first: the main table of a report."""
    timing = summary.reference
    where = timing.how.label if timing else "not timed"
    gains = _gain_columns(summary)
    columns = (
        Column(
            "Loss",
            "",
            "of the student; after a comma its way of teaching unless it is single, its epochs over the recipe's "
            "unless it is 1, and whether its settings were tuned; not told apart: not shown to be less accurate on "
            "test than the one to ship",
            numeric=False,
        ),
        Column("Verdict", "of the first gain", VERDICT_HELP, numeric=False),
        *gains.values(),
        Column("Top-1", "% of test", "mean over seeds, with its 95 % interval for other seeds and other test samples"),
        Column("Worst seed", "%, SD in points", "the lowest test top-1 of any seed; below, the SD over seeds"),
        Column(
            "Training cost",
            "of the student alone",
            "trained alone with a live teacher; below, its rank by that",
            least=True,
        ),
        Column(
            "Latency p50",
            where,
            "observed, of one call; below, the teacher's over the student's, by interleaved slices",
            least=True,
        ),
        Column("Validation", "%", "mean top-1 on validation, by which the candidate is chosen"),
        Column("Least detectable", "points", "the smallest gain these seeds can show, at 80 % power", least=True),
        Column("Retention", "%", "student's accuracy as a share of its teacher's"),
        Column("Smaller", "parameters, bytes", "teacher's size over the student's: by parameters; by ONNX bytes below"),
        Column("FLOPs", "per sample", "2 for a multiply-accumulate", least=True),
        Column("Correct per GFLOP", "test samples", "correct predictions per compute; below, those beyond chance"),
    )
    shipped = recommendation.student if recommendation.kind == "ship" else None
    rivals = as_good(shipped, summary.students) if shipped else None
    rows = [_row(row, _whose(summary, row), tuple(gains), _tag(row, shipped, rivals or ())) for row in summary.students]
    return Table("losses", "Ranking of losses", columns, in_order(columns, rows))


def _gain_columns(summary: Summary) -> dict[Equal, Column]:
    """A column for each way of comparing that some row has, the one that verdicts are of first."""
    found = {equal for row in summary.students for equal in row.gains}
    wanted: tuple[Equal, ...] = ("cost", "epochs")
    help = "test top-1 over the student alone, with its 95 % interval"
    shown = [equal for equal in wanted if equal in found]
    tuned = "; tuned over tuned" if any(row.tuned for row in summary.students) else ""
    return {
        equal: Column("Gain", f"points, at {EQUAL[equal]}{tuned}", help, ranked=equal == shown[0]) for equal in shown
    }


def _tag(row: StudentRow, shipped: StudentRow | None, rivals: Sequence[StudentRow]) -> str:
    """What the answer says of a row."""
    if row is shipped:
        return "ship"
    return "not told apart" if any(row is each for each in rivals) else ""


def _row(row: StudentRow, whose: str, gains: tuple[Equal, ...], tag: str) -> tuple[Cell, ...]:
    least = row.gain.least_detectable if row.gain else None
    speedup = f.ratio_interval(row.speedup) if row.speedup else ""
    return (
        Cell(row.row, whose, tag=tag, of=row.name),
        headline_cell(row),
        *(_ranked_cell(row, equal) for equal in gains),
        Cell(f.percent(row.top1.mean), f.percent_interval(row.top1.interval), row.top1.mean),
        Cell(f.percent(row.stability.worst), f"SD {f.spread(row.top1.sd)}", row.stability.worst),
        Cell(f.times(row.relative_cost), f"rank {row.cost_rank}", row.relative_cost),
        Cell(f.microseconds(row.p50_microseconds), speedup, row.p50_microseconds),
        Cell(f.percent(row.validation.mean), sort=row.validation.mean),
        Cell(f.spread(least), sort=least),
        retention_cell(row),
        Cell(f.times(row.compression_parameters), f.times(row.compression_bytes), row.compression_parameters),
        Cell(f.count(row.flops), sort=float(row.flops)),
        Cell(
            f.count(row.efficiency.per_gflop), f.count(row.efficiency.per_gflop_above_chance), row.efficiency.per_gflop
        ),
    )


def _ranked_cell(row: StudentRow, equal: Equal) -> Cell:
    """A gain; the student alone, from which gains are measured, stands at 0 among them."""
    if row.alone and (equal == "cost" or row.budget == 1):
        return Cell(f.NONE, sort=0.0)
    return gain_cell(row.gains[equal].difference if equal in row.gains else None)


def _whose(summary: Summary, row: StudentRow) -> str:
    """The student (the pair, where pairs share it), whether it was trained alone, and how many seeds it lacks."""
    shared = len({other.pair for other in summary.students if other.model == row.model}) > 1
    name = row.pair if shared else row.model
    planned = len(summary.suite.seeds)
    lacking = f", {len(row.seeds)} of {f.several(planned, 'seed')}" if len(row.seeds) < planned else ""
    return name + (", alone" if row.alone else "") + lacking


def ranking_terms(summary: Summary) -> Terms:
    """What gains, verdicts and costs of the ranking are."""
    timed = "The speed-up is a ratio of interleaved slices, with its 95 % interval over sessions."
    untimed = (
        "Not every model was timed, so FLOPs are used in place of latency; reasons are listed under Teachers and "
        "deployed models."
    )
    return (
        (
            "Gain",
            "Test top-1 minus that of the same student trained on labels alone, paired by seed and test sample"
            f"{_controls(summary)}; rows that were tuned are compared with the tuned one. {f.NONE}: not defined for "
            "these seeds (one seed has no spread).",
        ),
        (
            "Verdict",
            "Verdicts hold together: a family, which is the rows of a pair, has a false one in at most 5 %. With under "
            f"{SEEDS_FOR_A_CLAIM} seeds there is no claim. Unstable: seeds collapsed; mean and gain are of the others, "
            "or of all where all did. The Holm p-value is that of no difference.",
        ),
        (
            "Latency and FLOPs",
            "Losses of one pair share one architecture, hence one latency and one FLOP count"
            f"{_others_deploy(summary)}. {timed if summary.reference else untimed}",
        ),
    )


def _controls(summary: Summary) -> str:
    """Which student alone it is, where ways of teaching have one of their own."""
    own = any(row.alone and row.teaching for row in summary.students)
    return ", under the row's own way of teaching where that one trains it, too" if own else ""


def _others_deploy(summary: Summary) -> str:
    """The losses that deploy another network than most of the pair's losses."""
    odd: dict[str, None] = {}
    for pair in summary.pairs:
        usual = Counter(row.architecture for row in pair.students).most_common(1)
        odd |= {row.row: None for row in pair.students if row.architecture != usual[0][0]}
    return f", except for losses that deploy another network: {quoted(odd)}" if odd else ""


def trouble_table(summary: Summary) -> Table | None:
    """Rows without a result, those of one reason together; None where all have one."""
    if not summary.trouble:
        return None
    heads = ("Model and loss", "Pair", "What happened", "Seeds", "Reason")
    seeds: dict[tuple[str, ...], list[str]] = {}
    for trouble in summary.trouble:
        name = f"{trouble.model}: {'teacher' if trouble.role == 'teacher' else trouble.row}"
        seeds.setdefault((name, trouble.pair, trouble.status, trouble.reason), []).append(str(trouble.seed))
    rows = tuple(
        (Cell(name), Cell(pair), Cell(status, tag=status), Cell(", ".join(found)), Cell(reason))
        for (name, pair, status, reason), found in seeds.items()
    )
    caption = f"{len(summary.trouble)} of {summary.entries} rows have no result"
    return Table("trouble", caption, tuple(Column(head, numeric=False) for head in heads), rows)
