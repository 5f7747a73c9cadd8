"""Variants against the exported models they were made from, paired by seed and test sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.evaluations import Found, by_seed, compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import Bits, ModelRow
from kdbench.results import ArtifactResult, ResultSet
from kdbench.results.machine.processor import int8_saturates
from kdbench.spec.variants import Int8Qat
from kdbench.statistics.crossed import crossed_estimate
from kdbench.statistics.intervals import Estimate
from kdbench.statistics.ratios import RatioEstimate
from kdbench.statistics.verdicts import Word, family_verdicts

# The two lines of MLPerf Inference: the share of the exported model's top-1 that a quantized model has to keep.
LINES = (0.999, 0.99)
# A variant that does not reach these is called damaged.
LEAST_KEPT = LINES[-1]
MOST_FLIPS = 0.02  # of the test samples: those whose top-1 differs from the exported model's

Table = NDArray[np.float64]  # [seeds, samples]
Scores = Mapping[int, Table]  # of each test sample, by seed


@dataclass(frozen=True)
class VariantRow:
    """The models of one row as one variant, over its seeds. Accuracies from 0 to 1."""

    pair: str
    role: str
    model: str
    row: str
    variant: str
    architecture: str
    correct: Mapping[int, Bits] = field(repr=False, compare=False)  # test samples predicted right, by seed
    top1: Estimate
    change: Estimate  # variant minus exported model
    against_alone: Estimate | None  # that change minus the one of the student alone
    verdict: Word | None  # on that difference, in the family of all rows and variants; None where there is none
    onnx_bytes: int
    smaller: float  # the exported file's size over the variant's
    latency: RatioEstimate | None  # variant over exported model
    largest_drift: float  # SDs of the exported model's logits; over all seeds
    flips: float  # share of test samples; mean over seeds
    kept: float  # share of the exported model's top-1; means over seeds
    line: float | None  # the higher of `LINES` that it is shown to keep, by its own 95 % interval
    lost: bool  # shown to keep less than the lower of them
    trained: bool  # further, as if in 8 bits
    training_seconds: float | None  # what that takes alone, mean over seeds; None for what is not trained
    saturates: bool  # weights of 8 bits, on a processor whose sums of 8-bit products saturate

    @property
    def damaged(self) -> bool:
        """Whether it has lost so much accuracy that its size and its latency are no reason to deploy it."""
        changed = self.flips > MOST_FLIPS and not self.trained  # further training changes answers, to the better too
        return self.kept < LEAST_KEPT or changed

    @property
    def slower(self) -> bool:
        """Whether it is shown to take longer than the exported model, on the machine of the run."""
        return self.latency is not None and self.latency.low > 1


def variant_rows(
    pairs: Sequence[PairSummary], results: ResultSet, reference: ReferenceTiming | None
) -> tuple[VariantRow, ...]:
    """Rows variant by variant as the suite has them, then pair by pair, teachers first."""
    found: dict[tuple[str, str], ArtifactResult] = {(made.trial, made.label): made for made in results.variants}
    return _judged(
        [
            _row(row, alone, found, label, results, reference)
            for label in dict.fromkeys(made.label for made in results.variants)
            for row, alone in compared(pairs)
            if by_seed(row, found, label)
        ]
    )


def _judged(rows: Sequence[VariantRow]) -> tuple[VariantRow, ...]:
    """Each row with its verdict: all that are compared with the student alone are one family."""
    family = [row for row in rows if row.against_alone]
    verdicts = iter(family_verdicts([row.against_alone for row in family]))
    return tuple(replace(row, verdict=next(verdicts).word) if row.against_alone else row for row in rows)


def _row(
    row: ModelRow,
    alone: ModelRow | None,
    found: Found[ArtifactResult],
    label: str,
    results: ResultSet,
    reference: ReferenceTiming | None,
) -> VariantRow:
    made = list(by_seed(row, found, label).values())
    facts, now = made[0].model, _scores(made, row)
    was = _scores([results.trials[each.trial].exported for each in made], row)
    change = _less(now, was)
    others = list(by_seed(alone, found, label).values())
    before = [results.trials[each.trial].exported for each in others]
    against = _less(change, _less(_scores(others, alone), _scores(before, alone)))
    line, lost = _line(now, was)
    seconds = _training_seconds(row, label, results)
    return VariantRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        variant=label,
        architecture=facts.architecture,
        correct={seed: scores.astype(np.bool_) for seed, scores in now.items()},
        top1=crossed_estimate(_table(now)),
        change=crossed_estimate(_table(change)),
        against_alone=crossed_estimate(_table(against)) if against else None,
        verdict=None,
        onnx_bytes=facts.onnx_bytes,
        smaller=row.onnx_bytes / facts.onnx_bytes,
        latency=reference.speedup(facts.architecture, row.architecture) if reference else None,
        largest_drift=max(each.drift.largest for each in made),
        flips=fmean(each.drift.share for each in made),
        kept=_kept(_table(now), _table(was)),
        line=line,
        lost=lost,
        trained=made[0].artifact.variant["use"] == Int8Qat().use,
        training_seconds=fmean(seconds) if seconds else None,
        saturates=any(_saturates(each.artifact.variant, each.artifact.machine) for each in made),
    )


def _training_seconds(row: ModelRow, label: str, results: ResultSet) -> list[float]:
    """Of each trial that was trained for a row's variant."""
    mine = (each for each in results.run.entries if each.role == "variant" and each.variant == label)
    keys = [each.key for each in mine if (each.pair, "student", each.row) == row.name]
    return [results.records[key].training.alone_seconds for key in keys if key in results.records]


def _scores(files: Sequence[ArtifactResult], row: ModelRow | None) -> Scores:
    """By seed of the row, 1 for each test sample that the file of that seed predicts right, else 0."""
    seeds = {seed.key: seed.seed for seed in row.seeds} if row else {}
    return {seeds[each.trial]: each.test.correct.astype(np.float64) for each in files}


def _less(first: Scores, second: Scores, share: float = 1.0) -> Scores:
    """The first minus a share of the second, of the seeds that both have."""
    return {seed: first[seed] - share * second[seed] for seed in first if seed in second}


def _table(scores: Scores) -> Table:
    return np.stack(list(scores.values()))


def _kept(now: Table, was: Table) -> float:
    return float(now.mean() / was.mean()) if was.any() else 1.0


def _line(now: Scores, was: Scores) -> tuple[float | None, bool]:
    """The higher of `LINES` that is shown to be kept, and whether less than the lower one is shown to be kept.

    A line q is kept where the 95 % interval of (variant - q x exported model) lies above 0, for other seeds and other
    test samples. MLPerf asks it of the one model that is submitted, without an interval.
    """
    margins = {line: crossed_estimate(_table(_less(now, was, line))).interval for line in LINES}
    line = next((line for line, interval in margins.items() if interval and interval.low > 0), None)
    least = margins[LEAST_KEPT]
    return line, least is not None and least.high < 0


def _saturates(variant: Mapping[str, JsonValue], machine: Mapping[str, JsonValue]) -> bool:
    instructions = machine.get("instruction_set")
    known = [str(name) for name in instructions] if isinstance(instructions, list) else None
    return variant.get("reduce_range") is False and int8_saturates(known) is True
