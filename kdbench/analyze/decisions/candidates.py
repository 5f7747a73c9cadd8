"""What may be deployed: each pair's choice and its variants, and which of them to take within budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kdbench.analyze.decisions.answer import Answer, answer
from kdbench.analyze.decisions.choice import Pick, picks
from kdbench.analyze.decisions.wording import named, percent
from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.rows import Bits, StudentRow
from kdbench.analyze.models.variants import VariantRow
from kdbench.analyze.summary import Summary
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM, PairedDifference, crossed_difference
from kdbench.statistics.verdicts import ALPHA


@dataclass(frozen=True)
class Candidate:
    """A student in one form in which it can be deployed. Accuracies from 0 to 1."""

    name: str  # no other candidate of the pair has it
    pick: Pick
    variant: VariantRow | None  # None for the exported file as it is
    answer: Answer
    top1: float
    validation: float  # of the exported file: variants have none of their own
    microseconds: float | None  # the reference network's p50, times the ratio to it; None where it was not timed
    cost: float  # by which the cheapest is found: those microseconds, or FLOPs where not all exported files have them
    bytes: int
    parameters: int
    worse_than: tuple[int, ...] = ()  # positions of those, as good on validation, that rule it out

    @property
    def row(self) -> StudentRow:
        return self.pick.row

    @property
    def architecture(self) -> str:
        return (self.variant or self.row).architecture

    @property
    def scores(self) -> Mapping[int, Bits]:
        """Which test samples the seeds that learned predict right."""
        return self.variant.correct if self.variant else self.row.scores


@dataclass(frozen=True)
class Budgets:
    """What a student may take and has to reach; None: anything."""

    max_microseconds: float | None = None
    max_bytes: float | None = None
    max_parameters: float | None = None
    min_top1: float | None = None

    def allow(self, each: Candidate) -> bool:
        """Whether a candidate is within all of them. What was not timed is within no budget of latency."""
        return (
            _within(each.microseconds, self.max_microseconds)
            and _within(each.bytes, self.max_bytes)
            and _within(each.parameters, self.max_parameters)
            and (self.min_top1 is None or each.top1 >= self.min_top1)
        )


def candidates(summary: Summary, timing: ReferenceTiming | None = None) -> tuple[Candidate, ...]:
    """The choices of all pairs, each before its variants; without damaged ones and what there is a reason not to ship.

    Latencies are of the timing: the summary's reference, unless another is given.
    """
    reference, found = timing or summary.reference, list[Candidate]()
    for pick in (pick for pair in summary.pairs if pair.students for pick in picks(pair)):
        told = answer(pick, summary.chance)
        if told.kind != "nothing":
            exported = _exported(pick, told, reference)
            sound = [each for each in summary.variants_of(pick.row) if not each.damaged]
            found += [exported, *(_variant(exported, each, reference) for each in sound)]
    level = 1 - ALPHA / max(1, len(found) - 1)
    return tuple(replace(each, worse_than=_worse_than(each, found, level)) for each in found)


def choose(candidates: Sequence[Candidate], budgets: Budgets) -> Candidate | None:
    """The cheapest within the budgets that is not shown to be worse than the best on validation within them.

    With too few seeds for a claim it has to be as good on validation. Of equally cheap ones the one that is better on
    validation, then the first. The report's page has the same rule.
    """
    allowed = [each for each in candidates if budgets.allow(each)]
    if not allowed:
        return None
    best = candidates.index(max(allowed, key=lambda each: each.validation))
    rivals = [each for each in allowed if best not in each.worse_than]
    return min(rivals, key=lambda each: (each.cost, -each.validation))


def on_test(first: Candidate, second: Candidate) -> PairedDifference | None:
    """Test top-1 of one minus the other's, paired by seed and sample; None without a seed in common."""
    return crossed_difference(first.scores, second.scores)


def _exported(pick: Pick, told: Answer, reference: ReferenceTiming | None) -> Candidate:
    row = pick.row
    microseconds = reference.scaled(row.architecture) if reference else None
    return Candidate(
        name=named(row),
        pick=pick,
        variant=None,
        answer=told,
        top1=row.top1.mean,
        validation=row.validation.mean,
        microseconds=microseconds,
        cost=float(row.flops) if microseconds is None else microseconds,
        bytes=row.onnx_bytes,
        parameters=row.parameters,
    )


def _variant(exported: Candidate, variant: VariantRow, reference: ReferenceTiming | None) -> Candidate:
    """A variant costs what its exported file does, unless it is shown to be faster or slower."""
    microseconds = reference.scaled(variant.architecture) if reference else None
    ratio = reference.speedup(variant.architecture, exported.row.architecture) if reference else None
    differs = ratio is not None and not ratio.low <= 1 <= ratio.high
    form, told = f", as {variant.variant}", exported.answer
    headline = told.headline + form if told.kind == "ship" else told.headline
    reason = f"{told.reason} As {variant.variant} it gets {percent(variant.top1.mean)} right."
    return replace(
        exported,
        name=exported.name + form,
        variant=variant,
        answer=replace(told, headline=headline, reason=reason),
        top1=variant.top1.mean,
        microseconds=microseconds,
        cost=microseconds if differs and microseconds is not None else exported.cost,
        bytes=variant.onnx_bytes,
    )


def _worse_than(each: Candidate, others: Sequence[Candidate], level: float) -> tuple[int, ...]:
    """Of those that may be the best on validation where it is allowed, too."""
    rivals = [(n, other) for n, other in enumerate(others) if other is not each and other.validation >= each.validation]
    return tuple(place for place, other in rivals if _worse(each, other, level))


def _worse(first: Candidate, second: Candidate, level: float) -> bool:
    """All comparisons share the error. Too few seeds for a claim show hardly anything: there validation decides."""
    shared = len(first.scores.keys() & second.scores.keys())
    if shared < SEEDS_FOR_A_CLAIM and first.validation < second.validation:
        return True
    if shared < 2 or first.top1 >= second.top1:
        return False  # a comparison takes milliseconds, and there may be thousands
    difference = on_test(first, second)
    assert difference, "they share seeds"
    found = difference.estimate  # without an error where no seed and no sample differs
    return (found.error.interval(found.mean, level).high if found.error else found.mean) < -EQUIVALENCE


def _within(value: float | None, most: float | None) -> bool:
    return most is None or (value is not None and value <= most)
