"""How far a recommendation and the gains of a report reach, in sentences."""

from collections.abc import Iterator

from kdbench.analyze.decisions.choice import Pick
from kdbench.analyze.decisions.wording import EQUAL, named, percent, quoted, several
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import StudentRow
from kdbench.analyze.summary import Summary
from kdbench.statistics.paired import EQUIVALENCE


def limits(summary: Summary, chosen: Pick) -> tuple[str, ...]:
    """How the choice was made, at equal what it holds, and for what intervals hold."""
    return (*_of_the_choice(chosen), *of_the_classes(summary, chosen.row), *_of_the_gains(summary), scope(summary))


def scope(summary: Summary) -> str:
    """For what the intervals of accuracies and gains hold: said once in a report."""
    taught = "this one teacher" if summary.teacher_seeds == 1 else f"these {summary.teacher_seeds} teachers"
    tested = f"these {summary.test_samples:,}" if summary.test_samples else "these"
    return (
        f"Intervals of accuracies and gains hold for {taught} of each pair, for other seeds of the students, and for "
        f"other test samples drawn as {tested} were; not for other teachers, data or recipes."
    )


def of_the_classes(summary: Summary, row: StudentRow | None = None) -> tuple[str, ...]:
    """What top-1 hides where one class is much larger than others, and what a row has where all count alike."""
    if summary.largest_class is None:
        return ()
    share = percent(summary.largest_class)
    told = f"Classes are uneven: one has {share} of the test samples, which is the top-1 of always answering it."
    name = next((metric.label for metric in summary.suite.metrics if metric.use == "balanced_accuracy"), None)
    if name is None:
        help = 'metrics = ["balanced_accuracy"] in the suite counts all classes alike; it trains nothing anew.'
        return (f"{told} {help}",)
    own = (each.values.get(name) for each in summary.metrics if row and (each.pair, each.role, each.row) == row.name)
    found = next(own, None)
    where = f"is {percent(found.mean)} for this student" if found else "stands under Further metrics"
    return (f"{told} Balanced accuracy, which counts all classes alike, {where}.",)


def _of_the_choice(chosen: Pick) -> Iterator[str]:
    row, gain = chosen.row, chosen.row.headline
    if not row.tuned:
        yield "Its settings are those of the suite: none was tuned."
    if row.weak_teacher:
        yield "Its teacher gets fewer test samples right than it does: a weak teacher."
    if row.unstable:
        yield (
            f"{row.stability.collapsed} of its {several(len(row.seeds), 'seed')} collapsed and stand in no mean: "
            "trained again it may learn hardly anything, so test the model you ship."
        )
    if gain and row.verdict in ("above 0", "equivalent", "undecided") and gain.difference.claims:
        yield f"Its gain is not shown to be above {100 * EQUIVALENCE:g} points, which is what is called better."
    longer = _longer(chosen.pair, row)
    if longer and longer.relative_cost and row.relative_cost:
        ratio = longer.relative_cost / row.relative_cost
        yield (
            f"On validation, {named(longer)} is better: it gets {percent(longer.top1.mean)} on test, at {ratio:.2g} "
            "times the cost of training."
        )


def _longer(pair: PairSummary, row: StudentRow) -> StudentRow | None:
    """The student alone at the budget that is best on validation, where it is better than a distilled student."""
    rows = [each for each in pair.students if each.alone and each.validation.mean > row.validation.mean]
    return max(rows, key=lambda each: each.validation.mean) if rows and not row.alone else None


def _of_the_gains(summary: Summary) -> Iterator[str]:
    """At equal what gains hold, and which the student alone was not trained long enough for."""
    gains = [(row, row.headline) for row in summary.students if row.headline]
    if not gains:
        return
    if all(gain.equal == "epochs" for _, gain in gains):
        costs = [row.relative_cost for row, _ in gains if row.relative_cost]
        steps = ", not counting the steps before the reported student" if summary.steps or summary.streams else ""
        times = f", and training with a loss costs {_span(costs)} times as much as without{steps}" if costs else ""
        yield f"The student alone was not trained at equal cost: gains hold at {EQUAL['epochs']} only{times}."
    for pair in summary.pairs:
        if pair.alone and pair.alone.unstable:
            lost = f"{pair.alone.stability.collapsed} of {several(len(pair.alone.seeds), 'seed')}"
            yield f"The student alone of {pair.pair} collapsed with {lost}, which stand in no gain."
    if only := [row.row for row in summary.students if row.better_at_equal_epochs_only]:
        yield f"Better at equal epochs only: {quoted(only)}."
    short = [(row.row, gain.reach) for row, gain in gains if round(100 * gain.reach) < 100]
    if short:
        least = min(reach for _, reach in short)
        yield (
            f"The student alone was trained for at most {100 * least:.0f} % of the cost of {_some(short)}; it is "
            "compared as it was then: extend [budget] alone."
        )


def _some(short: list[tuple[str, float]]) -> str:
    """The row that costs most, and how many others."""
    names = [name for name, _ in sorted(short, key=lambda each: each[1])]
    others = f" and for less than the cost of {several(len(names) - 1, 'other row')}" if len(names) > 1 else ""
    return f"'{names[0]}'{others}"


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"
