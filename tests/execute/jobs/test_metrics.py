"""One metric of one model: any real number is a score, and everything else is a reason why there is none."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdbench.execute.jobs.metrics import NoFigure, compute_metric
from kdbench.spec import NamedChoice
from kdbench.zoo import Catalog
from tests.zoo.metrics.test_metrics import LABELS, LOGITS

THEIRS = """\
import numpy as np
from kdbench.zoo.interface import NotApplicable


def fussy(logits, labels):
    raise NotApplicable("it wants a thousand classes")


def broken(logits, labels):
    raise RuntimeError("struck by lightning")


def not_finite(logits, labels):
    return np.float32("nan")


def many(logits, labels):
    return logits.mean(axis=0)


def yes(logits, labels):
    return True


def sorts(logits, labels):
    logits.sort(axis=1)
    return 0.0


def whole(logits, labels):
    return len(labels)


def scalar(logits, labels):
    return np.asarray(logits.mean())
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "their_metrics.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_metrics", None)


def compute(name: str, **options: object) -> float:
    use = name if name == "top_k" else f"their_metrics:{name}"
    metric = NamedChoice(use=use, options=options)
    return compute_metric(metric, LOGITS, LABELS, Catalog(["their_metrics"]))


def test_a_figure_may_be_any_real_number(theirs: None) -> None:
    assert (compute("whole"), type(compute("whole"))) == (4.0, float)
    assert compute("scalar") == LOGITS.mean()
    assert compute("top_k", k=2) == 0.75


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fussy", "it wants a thousand classes"),
        ("broken", "RuntimeError: struck by lightning"),
        ("not_finite", "it gave nan, not a finite number"),
        ("many", "it gave an array of the shape"),
        ("yes", "it gave a bool, not a number"),
        ("sorts", "ValueError: sort array is read-only"),
        ("gone", "module 'their_metrics' has no 'gone'"),
    ],
)
def test_what_is_no_figure_says_why(theirs: None, name: str, said: str) -> None:
    before = LOGITS.copy()
    with pytest.raises(NoFigure) as caught:
        compute(name)
    assert said in str(caught.value)
    assert (before == LOGITS).all()
