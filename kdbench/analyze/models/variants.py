"""Variants against the exported models they were made from, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pydantic import JsonValue

from kdbench.analyze.deployment.architectures import ReferenceTiming
from kdbench.analyze.models.evaluations import Found, by_seed, compared
from kdbench.analyze.models.pairs import PairSummary
from kdbench.analyze.models.rows import ModelRow
from kdbench.results import ArtifactResult, ResultSet
from kdbench.results.machine.processor import int8_saturates
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.paired import PairedDifference, paired_difference
from kdbench.statistics.ratios import RatioEstimate

# A variant that does not reach these is called damaged. Top-1: what MLPerf Inference asks of quantized models.
LEAST_KEPT = 0.99  # of the exported model's top-1
MOST_FLIPS = 0.02  # of the test samples: those whose top-1 differs from the exported model's


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
    kept: float  # share of the exported model's top-1; means over seeds
    saturates: bool  # weights of 8 bits, on a processor whose sums of 8-bit products saturate

    @property
    def damaged(self) -> bool:
        """Whether it has lost so much accuracy that its size and its latency are no reason to deploy it."""
        return self.kept < LEAST_KEPT or self.flips > MOST_FLIPS


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
        kept=_kept(fmean(each.test.top1 for each in made), fmean(change.values())),
        saturates=any(_saturates(each.artifact.variant, each.artifact.machine) for each in made),
    )


def _kept(top1: float, change: float) -> float:
    """Of the exported model's top-1, which is less by `change`."""
    return top1 / (top1 - change) if top1 > change else 1.0


def _saturates(variant: Mapping[str, JsonValue], machine: Mapping[str, JsonValue]) -> bool:
    instructions = machine.get("instruction_set")
    known = [str(name) for name in instructions] if isinstance(instructions, list) else None
    return variant.get("reduce_range") is False and int8_saturates(known) is True


def _change_by_seed(row: ModelRow | None, found: Found[ArtifactResult], label: str) -> dict[int, float]:
    """Top-1 of the variant minus that of the exported model."""
    made = by_seed(row, found, label)
    return {seed: each.test.top1 - row.test_by_seed[seed] for seed, each in made.items()} if row else {}
