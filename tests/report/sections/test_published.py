"""Published figures beside ours, as a reader sees them."""

from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.report.sections.published import LONG, published_section
from kdbench.spec import Choice, DataSpec, TrainSpec
from tests.records import Shape, make_results

PAIR = (("cifar:resnet56", "cifar:resnet20"),)
LOSSES = ("cross_entropy", "kd", "logit_standardization", "label_smoothing")


def summary(shape: Shape, **data: object) -> Summary:
    """A summary of made-up records, as if they were of CIFAR-100 under the standard recipe."""
    found = summarize(make_results(shape))
    changes = {
        "data": DataSpec.model_validate({"dataset": Choice(use="cifar100"), **data}),
        "train": TrainSpec(epochs=240, batch_size=64),
    }
    return replace(found, suite=found.suite.model_copy(update=changes))


@pytest.fixture(scope="module")
def found() -> Summary:
    return summary(Shape(pairs=PAIR, losses=LOSSES, seeds=5, accuracy=lambda _, loss, seed: 0.7 + seed / 1000))


def test_a_row_has_both_figures_and_where_the_other_is_from(found: Summary) -> None:
    (table,) = published_section(found).tables
    (kd,) = [row for row in table.rows if row[1].text == "kd" and row[7].text == "HobbitLong/RepDistiller"]
    assert [(cell.text, cell.sub) for cell in kd] == [
        ("cifar:resnet56 -> cifar:resnet20", ""),
        ("kd", ""),
        ("70.20 %", "69.63 to 70.77"),  # seeds differ by no more than chance: t(4) 2.776 * sqrt(.702 * .298 / 50,000)
        ("70.66 %", ""),
        ("unknown", ""),
        ("last", ""),
        ("no: training samples 100 %, ours 90 %", ""),
        ("HobbitLong/RepDistiller", "README.md at b84f547"),
        ("last epoch, single-GPU, 240 ep, bs64", ""),
    ]
    assert [cell.sort for cell in kd][2:4] == [pytest.approx(0.702), pytest.approx(0.7066)]
    called = {row[1].text: row[1].sub for row in table.rows}
    assert called == {"teacher": "", "cross_entropy": "student", "kd": "", "logit_standardization": "KD+LSKD"}
    losses = [row[1].text for row in table.rows]
    assert list(dict.fromkeys(losses)) == ["teacher", "cross_entropy", "kd", "logit_standardization"]


def test_what_differs_is_said(found: Summary) -> None:
    section = published_section(found)
    intro = section.intro
    assert "No source holds out a validation split" in dict(section.terms)["Published figures"]
    assert (
        "Ours: 240 epochs in batches of 64 on 90 % of the training split, weights of the last epoch, 5 seeds." in intro
    )
    half = Choice(use="fraction", options={"share": 0.5})
    part = summary(Shape(pairs=PAIR), parts=(half,), validation=0.2)
    assert "on 80 % of the training split, of these fraction(share=0.5)," in published_section(part).intro
    (note,) = published_section(found).tables[0].notes
    assert note == (
        "In the 40 published training logs that give both, the best epoch on test is 0.11 to 0.92 points above the last one, "
        "0.32 on average."
    )


def test_each_figure_has_its_seeds_its_epoch_and_whether_it_is_comparable() -> None:
    (table,) = published_section(summary(Shape(pairs=PAIR, losses=("dist", "logit_standardization")))).tables
    assert [column.head for column in table.columns][4:8] == ["Seeds", "Epoch", "Comparable", "Source"]
    shown = {
        (row[7].text, row[7].sub.partition(" at ")[0]): [cell.text.partition(":")[0] for cell in row[4:7]]
        for row in table.rows
    }
    assert shown["hunto/DIST_KD", "README.md"] == ["several", "unknown", "no"]
    assert shown["zkxufo/TTM", "README.md"] == ["unknown", "unknown", "no"]
    assert shown["sunshangquan/logit-standardization-KD", "logs/KD/kd,resnet56,resnet20,2,9.txt"] == ["1", "last", "no"]


def test_a_source_without_a_commit_says_so(found: Summary) -> None:
    reruns = summary(Shape(pairs=(("cifar:resnet32x4", "cifar:resnet8x4"),), losses=("cross_entropy", "dkd")))
    (table,) = published_section(reruns).tables
    versions = {row[7].text: row[7].sub for row in table.rows if " issue " in row[7].text}
    assert versions
    assert set(versions.values()) == {"commit unknown"}


def test_a_long_table_is_folded() -> None:
    short = published_section(summary(Shape(pairs=PAIR, losses=("kd",)))).tables[0]
    assert (0 < len(short.rows) <= LONG, short.folded) == (True, False)
    pairs = (("cifar:resnet32x4", "cifar:resnet8x4"), *PAIR, ("cifar:vgg13", "cifar:vgg8"))
    long = published_section(summary(Shape(pairs=pairs, losses=(*LOSSES, "dkd", "dist", "fitnet"))))
    assert (len(long.tables[0].rows) > LONG, long.tables[0].folded) == (True, True)


def test_both_forms_have_the_section(found: Summary, tmp_path: Path) -> None:
    html, markdown = (path.read_text("utf-8") for path in render_report(found, tmp_path))
    for text in (html, markdown):
        assert "Published figures" in text
        assert "README.md at b84f547" in text
        assert "cifar:resnet56 -" in text
    assert '<a href="#h-published">Published figures</a>' in html


def test_other_datasets_have_no_such_section(tmp_path: Path) -> None:
    other = summarize(make_results(Shape(pairs=PAIR)))  # of digits
    assert published_section(other).filled is None
    for path in render_report(other, tmp_path):
        assert "ublished figures" not in path.read_text("utf-8")
