"""Published figures of a dataset and the rows of a run that they match, with source and protocol."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

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


# What a source says of its protocol that this run does not share, and why its figures are not comparable then.
OTHERWISE = {
    "own recipe": "another recipe",
    "KD-Zoo recipe": "another recipe",
    "RandAugment": "more augmentation",
    "tuned per pair": "options tuned by pair",
    "augmented teacher": "another kind of teacher",
}
Epoch = Literal["last", "best on test"]


@dataclass(frozen=True)
class PublishedFigure:
    """A published top-1, from 0 to 1, with its source and what the source says of its protocol. Unknown is None."""

    teacher: str  # kdbench's name, without the family
    student: str
    method: str  # as published, without remarks on the recipe
    loss: str | None  # kdbench's; 'teacher' for the teacher's own figure, None where kdbench has no such loss
    top1: float
    source: str  # repository, commit and file
    protocol: str  # '' where the source states none

    @property
    def seeds(self) -> str | None:
        """The number of runs that the figure is the mean of; 'several' where the source does not say how many."""
        if re.search(r"\b(one seed|1 run)\b", self.protocol):
            return "1"
        return self._said(r"mean of (\d+)") or ("several" if "mean of runs" in self.protocol else None)

    @property
    def epoch(self) -> Epoch | None:
        """Which epoch's accuracy is reported."""
        if "last epoch" in self.protocol:
            return "last"
        return "best on test" if re.search(r"best[- ](epoch )?on[- ]test", self.protocol) else None

    @property
    def epochs(self) -> str | None:
        """Of training: a number, or a range over pairs."""
        return self._said(r"(\d+(-\d+)?) ep\b")

    @property
    def batch_size(self) -> str | None:
        return self._said(r"\bbs(\d+)")

    def _said(self, pattern: str) -> str | None:
        found = re.search(pattern, self.protocol)
        return found[1] if found else None


def differences(figure: PublishedFigure, suite: Suite) -> tuple[str, ...]:
    """Why a published figure is not comparable with the same row of this suite; empty where nothing differs.

    What the source does not say counts as a difference. The teachers of a suite are its own in any case.
    """
    train = suite.train
    share = f"{100 * (1 - suite.data.validation):.3g} %{' of a part' if suite.data.parts else ''}"
    theirs_and_ours = {
        "training samples": ("100 %", share),
        "epoch": (figure.epoch, "last" if train.select == "last" else "best on validation"),
        "epochs": (figure.epochs, str(train.epochs)),
        "batch size": (figure.batch_size, str(train.batch_size)),
    }
    differ = [f"{what} {a}, ours {b}" for what, (a, b) in theirs_and_ours.items() if a and a != b]
    differ += dict.fromkeys(why for words, why in OTHERWISE.items() if words in figure.protocol)
    unsaid = [what for what, (theirs, _) in theirs_and_ours.items() if not theirs]
    return (*differ, f"not said: {', '.join(unsaid)}") if unsaid else tuple(differ)


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
    protocol = [*(remark.removesuffix(")") for remark in remarks), *_said_of(name, said.removesuffix("]"))]
    return PublishedFigure(
        teacher=MODELS.get(teacher, teacher),
        student=MODELS.get(student, student),
        method=name,
        loss=METHODS.get(name),
        top1=float(top1) / 100,
        source=where,
        protocol=", ".join(part for part in protocol if part),
    )


def _said_of(method: str, said: str) -> list[str]:
    """What a source says of this method: 'MLKD rows 480-960 ep' holds for MLKD alone, 'DIST/DKD rows' for these two."""
    found = []
    for part in said.split("; "):
        rows = re.fullmatch(r"([\w/]+) rows (.+)", part)
        if rows is None:
            found.append(part)
        elif set(rows[1].split("/")) & set(method.split("+")):
            found.append(rows[2])
    return found


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
    published = (row for row in pair.students if row.teaching in ways and row.budget == 1 and not row.tuned)
    ours: dict[str, ModelRow] = {row.loss: row for row in published}
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
