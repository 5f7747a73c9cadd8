"""Published figures of a dataset and the rows of a run that they match, with source and protocol."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kdbench.analyze.models.pairs import PairSummary, single_ways
from kdbench.analyze.models.rows import ModelRow
from kdbench.spec import Suite

FOLDER = Path(__file__).parent / "published"  # one file a dataset: pair, method, top1 in percent, source
TEACHER = "teacher"
FAMILY = "cifar:"  # kdbench's models under the names of the literature

# Models whose published name is another than kdbench's.
MODELS = {
    "MobileNetV2": "mobilenet_v2",
    "ShuffleV1": "shufflenet_v1",
    "ShuffleV2": "shufflenet_v2",
    "ShuffleV2x1.5": "shufflenet_v2_x1_5",
    "ResNet50": "resnet50",
}
# Methods that kdbench has as a loss. Combinations (WTTM+CRD, MLKD+LSKD), other weights of one (SimKD with f=4 or f=8)
# and methods that kdbench lacks (FSP, WCoRD, ITRD ...) match no row.
METHODS = {
    "teacher": TEACHER,
    "student": "cross_entropy",
    "KD": "kd",
    "FitNet": "fitnet",
    "AT": "attention_transfer",
    "SP": "similarity_preserving",
    "CC": "correlation_congruence",
    "VID": "vid",
    "RKD": "rkd",
    "PKT": "pkt",
    "AB": "activation_boundary",
    "FT": "factor_transfer",
    "NST": "nst",
    "CRD": "crd",
    "DIST": "dist",
    "DKD": "dkd",
    "TTM": "ttm",
    "WTTM": "wttm",
    "CTKD": "ctkd",
    "KD+LSKD": "logit_standardization",
    "MLKD": "multi_level",
    "ReviewKD": "review_kd",
    "OFD": "overhaul",
    "SimKD (f=2)": "simkd",
    # Names of the Knowledge-Distillation-Zoo. Its baselines have no teacher, so they match no pair.
    "Baseline": "cross_entropy",
    "Logits": "logit_mse",
    "ST": "kd",
    "Fitnet": "fitnet",
}


@dataclass(frozen=True)
class PublishedFigure:
    """A published top-1, from 0 to 1, with its source and the protocol that the source states."""

    teacher: str  # kdbench's name, without the family
    student: str
    method: str  # as published, without remarks on the recipe
    loss: str | None  # kdbench's; 'teacher' for the teacher's own figure, None where kdbench has no such loss
    top1: float
    source: str  # repository, commit and file
    protocol: str  # '' where the source states none


@dataclass(frozen=True)
class PublishedRow:
    """A published figure with the row of the run that it matches; `ours` is None where that row has no result."""

    pair: str
    loss: str  # as the suite names it, or 'teacher'
    published: PublishedFigure
    ours: ModelRow | None


@lru_cache
def published_figures(dataset: str) -> tuple[PublishedFigure, ...]:
    """All figures of a dataset, in the order of its sources; empty for a dataset without any."""
    path = FOLDER / f"{dataset}.csv"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_figure(**row) for row in csv.DictReader(file))


def _figure(pair: str, method: str, top1: str, source: str) -> PublishedFigure:
    """A line of the file; text in brackets behind a method or a source is protocol."""
    teacher, _, student = pair.partition("->")
    name, *remarks = re.split(r" \((?!f=)", method)  # (f=2) is an option of the method
    where, _, said = source.partition(" [")
    protocol = [*(remark.removesuffix(")") for remark in remarks), said.removesuffix("]")]
    return PublishedFigure(
        teacher=MODELS.get(teacher, teacher),
        student=MODELS.get(student, student),
        method=name,
        loss=METHODS.get(name),
        top1=float(top1) / 100,
        source=where,
        protocol=", ".join(part for part in protocol if part),
    )


def published_rows(suite: Suite, pairs: Iterable[PairSummary]) -> tuple[PublishedRow, ...]:
    """Every published figure of the run's pairs: teachers first, then by loss, in the order of the suite."""
    figures = published_figures(suite.data.dataset.use)
    names = {pair.label: (pair.teacher.use, pair.student.use) for pair in suite.pairs}
    return tuple(
        row
        for pair in pairs
        for row in _rows_of(pair, suite, [each for each in figures if _names(each) == names[pair.pair]])
    )


def _names(figure: PublishedFigure) -> tuple[str, str]:
    return FAMILY + figure.teacher, FAMILY + figure.student


def _rows_of(pair: PairSummary, suite: Suite, figures: Iterable[PublishedFigure]) -> list[PublishedRow]:
    ways = single_ways(suite)
    ours: dict[str, ModelRow] = {row.loss: row for row in pair.students if row.teaching in ways}
    asked = [(TEACHER, TEACHER, pair.teacher), *((x.label, x.use, ours.get(x.label)) for x in suite.losses)]
    found = list(figures)
    return [
        PublishedRow(pair.pair, label, figure, row)
        for label, use, row in asked
        for figure in found
        if figure.loss == use
    ]


def chosen_on_test(dataset: str) -> tuple[float, ...]:
    """The best epoch on test minus the last one, for every training log that has both."""
    best: dict[tuple[str, ...], float] = {}
    last: dict[tuple[str, ...], float] = {}
    for figure in published_figures(dataset):
        log = (figure.source, figure.method)
        if figure.protocol.startswith("log, best epoch on test"):
            best[log] = figure.top1
        elif figure.protocol.startswith("log, last epoch"):
            last[log] = figure.top1
    return tuple(best[log] - last[log] for log in best if log in last)
