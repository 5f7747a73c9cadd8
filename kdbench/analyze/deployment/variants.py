"""Variants against the exported models they were made from, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from kdbench.results import ArtifactResult, TrialResult
from kdbench.spec import Entry
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
    done: Sequence[tuple[Entry, TrialResult]],
    variants: Sequence[ArtifactResult],
    alone: str | None,
    latency: Mapping[str, RatioEstimate | None],
) -> tuple[VariantRow, ...]:
    """Rows by pair, role, row and variant; `alone` is the row of the student alone.

    `latency`: ratios of variants to their exported models, by the variant's architecture.
    """
    made: dict[tuple[str, str], ArtifactResult] = {(record.trial, record.label): record for record in variants}
    groups: dict[tuple[str, str, str, str], list[tuple[Entry, TrialResult, ArtifactResult]]] = {}
    for label in dict.fromkeys(record.label for record in variants):
        for entry, record in done:
            if found := made.get((entry.key, label)):
                groups.setdefault((entry.pair, entry.role, entry.row, label), []).append((entry, record, found))
    changes = {at: _change_by_seed(group) for at, group in groups.items()}
    return tuple(
        _row(group, label, changes[pair, role, row, label], _others(changes, pair, role, row, label, alone), latency)
        for (pair, role, row, label), group in groups.items()
    )


def _change_by_seed(group: Sequence[tuple[Entry, TrialResult, ArtifactResult]]) -> dict[int, float]:
    return {entry.seed: variant.test.top1 - record.test.top1 for entry, record, variant in group}


def _others(
    changes: Mapping[tuple[str, str, str, str], dict[int, float]],
    pair: str,
    role: str,
    row: str,
    label: str,
    alone: str | None,
) -> dict[int, float]:
    """The change of the student alone by the same variant; empty for itself and for teachers."""
    if role == "teacher" or alone is None or row == alone:
        return {}
    return changes.get((pair, role, alone, label), {})


def _row(
    group: Sequence[tuple[Entry, TrialResult, ArtifactResult]],
    label: str,
    change: Mapping[int, float],
    others: Mapping[int, float],
    latency: Mapping[str, RatioEstimate | None],
) -> VariantRow:
    entry, record, variant = group[0]
    return VariantRow(
        pair=entry.pair,
        role=entry.role,
        model=entry.model,
        row=entry.row,
        variant=label,
        architecture=variant.model.architecture,
        top1=estimate([made.test.top1 for _, _, made in group]),
        change=paired_difference(change, dict.fromkeys(change, 0.0)),
        against_alone=paired_difference(change, others) if others else None,
        onnx_bytes=variant.model.onnx_bytes,
        smaller=record.model.onnx_bytes / variant.model.onnx_bytes,
        latency=latency.get(variant.model.architecture),
        largest_drift=max(made.drift.largest for _, _, made in group),
        flips=fmean(made.drift.share for _, _, made in group),
    )
