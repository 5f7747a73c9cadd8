"""What a student gives up, where an interval excludes that it loses nothing: one sentence for each loss."""

from collections.abc import Iterator

from kdbench.analyze.decisions.candidates import Candidate
from kdbench.analyze.decisions.wording import spread
from kdbench.analyze.models.rows import ModelRow
from kdbench.analyze.summary import Summary
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.paired import paired_difference
from kdbench.statistics.verdicts import ALPHA


def given_up(summary: Summary, chosen: Candidate) -> tuple[str, ...]:
    """Against the student alone: where it is right, and its calibration; against its exported file: its variants."""
    row = chosen.row
    alone = None if row.alone else chosen.pick.pair.alone_like(row)
    calibration = _calibration(row, alone) if alone else ()
    return (*_size(summary, chosen), *_right(summary, row), *calibration, *_quantized(summary, chosen))


def _size(summary: Summary, chosen: Candidate) -> Iterator[str]:
    """Where another network is deployed than the pair's student: a gated sum of branches, SimKD's projector."""
    row, plain = chosen.row, chosen.pick.pair.alone
    if plain is None or plain.architecture == row.architecture:
        return
    found = summary.reference.speedup(row.architecture, plain.architecture) if summary.reference else None
    time = f", and {found.estimate:.2f} times its latency" if found else ""
    yield f"It has {row.parameters / plain.parameters:.3g} times the parameters of {plain.model} alone{time}."


def _right(summary: Summary, row: ModelRow) -> Iterator[str]:
    """Under the condition or attack where it loses most, and under all conditions."""
    found = next((each for each in summary.conditions if (each.pair, each.role, each.row) == row.name), None)
    attacked = {
        f"{each.attack} of epsilon {epsilon:g}": difference
        for each in summary.attacks
        if (each.pair, each.role, each.row) == row.name
        for epsilon, difference in each.against_alone.items()
    }
    every = attacked | dict([found.worst] if found and found.worst else [])
    if every:
        worst = min(every, key=lambda name: every[name].estimate.mean)
        if lost := _lost(every[worst].estimate, among=len(attacked) + (len(found.top1) if found else 0)):
            yield f"Under {worst} its top-1 is {lost} lower than the student alone's."
    if found and found.against_alone and (lost := _lost(found.against_alone.estimate)):
        yield f"Its share right under every condition is {lost} lower than the student alone's."


def _calibration(row: ModelRow, alone: ModelRow) -> Iterator[str]:
    """The difference is the student alone's error minus its own, so that a loss is below 0, too."""
    difference = paired_difference(_errors(alone), _errors(row))
    if difference and (lost := _lost(difference.estimate)):
        yield f"Its calibration error is {lost} higher than the student alone's."


def _quantized(summary: Summary, chosen: Candidate) -> Iterator[str]:
    """The variant that is shipped, or else the one that loses most."""
    mine = summary.variants_of(chosen.row)
    if not mine:
        return
    worst = chosen.variant or min(mine, key=lambda each: each.change.mean)
    if lost := _lost(worst.change, among=1 if chosen.variant else len(mine)):
        yield f"As {worst.variant} its top-1 is {lost} lower than as exported."


def _errors(row: ModelRow) -> dict[int, float]:
    found = row.calibration.ece.values if row.calibration.ece else ()
    return dict(zip((seed.seed for seed in row.seeds), found, strict=False))


def _lost(found: Estimate, among: int = 1) -> str:
    """'1.20 points (95 % interval 0.80 to 1.60)'; empty where no loss is shown.

    The worst of several is taken for the worst of all of them (Bonferroni).
    """
    interval = found.error.interval(found.mean, 1 - ALPHA / among) if found.error else None
    if interval is None or interval.high >= 0:
        return ""
    return f"{spread(-found.mean)} points (95 % interval {spread(-interval.high)} to {spread(-interval.low)})"
