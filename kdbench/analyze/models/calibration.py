"""Calibration of a row's models and their agreement with their teachers, over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdbench.results import TrialResult
from kdbench.results.predictions import ConfidenceBin
from kdbench.statistics.intervals import Estimate, estimate
from kdbench.statistics.predictions import expected_calibration_error


@dataclass(frozen=True)
class ReliabilityBin:
    """The test samples of all seeds whose confidence falls into one bin."""

    samples: int
    confidence: float  # mean probability of top-1
    accuracy: float


@dataclass(frozen=True)
class CalibrationFigures:
    """On the test split, over seeds: lower is better."""

    nll: Estimate  # nats
    brier: Estimate  # 0 to 2, summed over classes
    ece: Estimate | None  # 0 to 1; None without bins
    bins: tuple[ReliabilityBin, ...]  # that have samples, by rising confidence


@dataclass(frozen=True)
class AgreementFigures:
    """Of students with their teachers on the test split, over seeds."""

    top1: Estimate  # share of samples on which both predict the same class
    kl: Estimate  # KL(teacher || student), nats


def calibration_figures(records: Sequence[TrialResult]) -> CalibrationFigures:
    """Negative log likelihood, Brier score and expected calibration error of one row, by its seeds."""
    errors = [calibration_error(record.test.confidence) for record in records]
    known = [error for error in errors if error is not None]
    return CalibrationFigures(
        nll=estimate([record.test.loss for record in records]),
        brier=estimate([record.test.brier for record in records]),
        ece=estimate(known) if len(known) == len(errors) else None,
        bins=_reliability([record.test.confidence for record in records]),
    )


def agreement_figures(records: Sequence[TrialResult]) -> AgreementFigures | None:
    """Over the seeds that had a teacher; None where none had."""
    found = [record.agreement for record in records if record.agreement]
    if not found:
        return None
    return AgreementFigures(estimate([each.top1 for each in found]), estimate([each.kl for each in found]))


def calibration_error(bins: Sequence[ConfidenceBin]) -> float | None:
    """The expected calibration error of one network; None without bins."""
    return expected_calibration_error(
        [each.count for each in bins], [each.confidence for each in bins], [each.correct for each in bins]
    )


def _reliability(seeds: Sequence[Sequence[ConfidenceBin]]) -> tuple[ReliabilityBin, ...]:
    if len({len(bins) for bins in seeds}) != 1:
        return ()  # bins of different widths cannot be added up
    found = []
    for bins in zip(*seeds, strict=True):
        samples = sum(each.count for each in bins)
        if samples:
            confidence, correct = sum(each.confidence for each in bins), sum(each.correct for each in bins)
            found.append(ReliabilityBin(samples, confidence / samples, correct / samples))
    return tuple(found)
