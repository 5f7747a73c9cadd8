"""Variants against the exported models they were made from, paired by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.evaluations import Found, by_seed, compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.results import ArtifactResult, ResultSet
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference
from kdbench.statistics.ratios import RatioEstimate


@dataclass(frozen=True)
class VariantRow:
    """The models of one row as one variant, over its seeds. Accuracies from 0 to 1."""

    pair: str
    role: str
    model: str
    row: str
    variant: str
    architecture: str
    top1: Estimate
    change: PairedDifference | None  # variant minus exported model
    against_alone: PairedDifference | None  # that change minus the one of the student alone
    onnx_bytes: int
    smaller: float  # the exported file's size over the variant's
    latency: RatioEstimate | None  # variant over exported model
    largest_drift: float  # SDs of the exported model's logits; over all seeds
    flips: float  # share of test samples; mean over seeds


def variant_rows(
    pairs: Sequence[PairSummary], results: ResultSet, reference: ReferenceTiming | None
) -> tuple[VariantRow, ...]:
    """Rows variant by variant as the suite has them, then pair by pair, teachers first."""
    found: dict[tuple[str, str], ArtifactResult] = {(made.trial, made.label): made for made in results.variants}
    return tuple(
        _row(row, alone, found, label, reference)
        for label in dict.fromkeys(made.label for made in results.variants)
        for row, alone in compared(pairs)
        if by_seed(row, found, label)
    )


def _row(
    row: ModelRow,
    alone: ModelRow | None,
    found: Found[ArtifactResult],
    label: str,
    reference: ReferenceTiming | None,
) -> VariantRow:
    made = list(by_seed(row, found, label).values())
    facts, change = made[0].model, _change_by_seed(row, found, label)
    return VariantRow(
        pair=row.pair,
        role=row.role,
        model=row.model,
        row=row.row,
        variant=label,
        architecture=facts.architecture,
        top1=estimate([each.test.top1 for each in made]),
        change=paired_difference(change, dict.fromkeys(change, 0.0)),
        against_alone=paired_difference(change, _change_by_seed(alone, found, label)),
        onnx_bytes=facts.onnx_bytes,
        smaller=row.onnx_bytes / facts.onnx_bytes,
        latency=reference.speedup(facts.architecture, row.architecture) if reference else None,
        largest_drift=max(each.drift.largest for each in made),
        flips=fmean(each.drift.share for each in made),
    )


def _change_by_seed(row: ModelRow | None, found: Found[ArtifactResult], label: str) -> dict[int, float]:
    """Top-1 of the variant minus that of the exported model."""
    made = by_seed(row, found, label)
    return {seed: each.test.top1 - row.test_by_seed[seed] for seed, each in made.items()} if row else {}
