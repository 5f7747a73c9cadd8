"""The published figures that come with kdbench, and the rows of a run that they stand beside."""

from collections import defaultdict
from dataclasses import replace

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.analyze.models.published import (
    METHODS,
    PublishedFigure,
    PublishedRow,
    chosen_on_test,
    differences,
    published_figures,
    published_rows,
)
from kdbench.results import Outcome
from kdbench.spec import Choice, DataSpec, NamedChoice, TrainSpec
from tests.records import Shape, make_results

FIGURES = published_figures("cifar100")
NO_LOSS_OF_OURS = {
    "FSP", "WCoRD", "ITRD", "KD+DOT", "WTTM+CRD", "WTTM+ITRD", "CTKD+LSKD", "DKD+LSKD", "MLKD+LSKD", "KD++", "DIST++",
    "DKD++", "ReviewKD++", "SRRL", "SemCKD", "SimKD (f=4)", "SimKD (f=8)", "HSAKD", "HSAKD*", "Sobolev", "BSS", "LwM",
    "IRG", "AFD", "DML",
}  # fmt: skip


def summary(shape: Shape, dataset: str = "cifar100") -> Summary:
    """A summary of made-up records, as if they were of another dataset."""
    found = summarize(make_results(shape))
    return replace(found, suite=found.suite.model_copy(update={"data": DataSpec(dataset=Choice(use=dataset))}))


SUITE = make_results(Shape()).suite.model_copy(update={"train": TrainSpec(epochs=240, batch_size=64)})


def figure(protocol: str) -> PublishedFigure:
    return PublishedFigure("resnet56", "resnet20", "KD", "kd", 0.7, "a/b@c:README.md", protocol)


@pytest.mark.parametrize(
    ("protocol", "seeds", "epoch", "epochs", "batch_size"),
    [
        ("last epoch, single-GPU, 240 ep, bs64", None, "last", "240", "64"),
        (
            "KD-Zoo recipe, 200 ep, lr .1, bs128, best-on-test, one seed, lambda untuned",
            "1",
            "best on test",
            "200",
            "128",
        ),
        ("log, best epoch on test, raw log, 1 run, 480 ep", "1", "best on test", "480", None),
        ("best-on-test, 480-960 ep + RandAugment", None, "best on test", "480-960", None),
        ("mean of 3 runs, own recipe", "3", None, None, None),
        ("std 0.18, mean of runs, std in README", "several", None, None, None),
        ("", None, None, None, None),
    ],
)
def test_what_a_source_says_of_its_protocol(protocol, seeds, epoch, epochs, batch_size) -> None:
    found = figure(protocol)
    assert (found.seeds, found.epoch, found.epochs, found.batch_size) == (seeds, epoch, epochs, batch_size)


@pytest.mark.parametrize(
    ("protocol", "why"),
    [
        ("last epoch, 240 ep, bs64", ()),
        ("best-on-test, 240 ep, bs64", ("epoch best on test, ours last",)),
        (
            "KD-Zoo recipe, own recipe, 200 ep, bs128, last epoch",
            ("epochs 200, ours 240", "batch size 128, ours 64", "another recipe"),
        ),
        ("last epoch, 240 ep, kd-weight/T tuned per pair", ("options tuned by pair", "not said: batch size")),
        ("", ("not said: epoch, epochs, batch size",)),
    ],
)
def test_why_a_figure_is_not_comparable(protocol, why) -> None:
    assert differences(figure(protocol), SUITE) == ("training samples 100 %, ours 90 %", *why)


def test_the_weights_that_are_best_on_validation_are_another_epoch() -> None:
    suite = SUITE.model_copy(update={"train": SUITE.train.model_copy(update={"select": "best"})})
    assert "epoch last, ours best on validation" in differences(figure("last epoch"), suite)


def test_what_is_said_of_some_methods_is_not_said_of_others() -> None:
    standardized = {x.method: x for x in FIGURES if x.source.startswith("sunshangquan") and "tuned" in x.protocol}
    assert standardized["MLKD"].epochs == standardized["MLKD+LSKD"].epochs == "480-960"
    assert standardized["DKD"].epochs is standardized["DKD+LSKD"].epochs is None
    quoted = {x.method for x in FIGURES if x.source.startswith("zkxufo/TTM") and "quoted" in x.protocol}
    assert quoted == {"DIST", "DKD"}


def test_all_figures_are_there() -> None:
    assert len(FIGURES) == 666
    assert len({(figure.teacher, figure.student) for figure in FIGURES}) == 23
    assert all(0.5 < figure.top1 < 0.85 for figure in FIGURES)
    assert published_figures("digits") == ()


def test_a_figure_as_its_source_gives_it() -> None:
    found = [
        x for x in FIGURES if (x.teacher, x.student, x.method) == ("resnet32x4", "shufflenet_v2_x1_5", "SimKD (f=2)")
    ]
    assert found == [
        PublishedFigure(
            teacher="resnet32x4",
            student="shufflenet_v2_x1_5",
            method="SimKD (f=2)",
            loss="simkd",
            top1=pytest.approx(0.7954),
            source="DefangChen/SimKD@2b389c3:README.md",
            protocol="SimKD recipe, own recipe: cls=1,div=1",
        )
    ]


@pytest.mark.parametrize(
    ("teacher", "student", "method", "source", "percent"),
    [
        ("wrn-40-2", "wrn-16-2", "teacher", "HobbitLong/RepDistiller@b84f547:README.md", 75.61),
        ("wrn-40-2", "wrn-16-2", "student", "HobbitLong/RepDistiller@b84f547:README.md", 73.26),
        ("resnet110", "resnet20", "CRD", "HobbitLong/RepDistiller@b84f547:README.md", 71.46),
        ("resnet110", "resnet20", "WTTM", "zkxufo/TTM@fe457b3:README.md", 71.67),
    ],
)
def test_figures_against_the_files_lines(teacher, student, method, source, percent) -> None:
    (found,) = [x for x in FIGURES if (x.teacher, x.student, x.method, x.source) == (teacher, student, method, source)]
    assert found.top1 == pytest.approx(percent / 100)


def test_every_method_is_a_loss_or_known_to_be_none() -> None:
    assert {figure.method for figure in FIGURES if figure.loss is None} == NO_LOSS_OF_OURS
    assert {figure.method for figure in FIGURES if figure.loss} == set(METHODS)


def test_no_bracket_is_lost_or_left() -> None:
    for figure in FIGURES:
        assert "[" not in figure.source + figure.protocol
        assert "]" not in figure.source + figure.protocol
        assert figure.protocol.count("(") == figure.protocol.count(")")
        assert figure.protocol
    rerun = {(figure.source, figure.protocol) for figure in FIGURES if " issue " in figure.source}
    assert rerun == {
        ("megvii-research/mdistiller issue #7", "user rerun"),
        ("megvii-research/mdistiller issue #8", "user rerun, mean of 4"),
        ("megvii-research/mdistiller issue #51", "user rerun"),
    }
    logs = [figure for figure in FIGURES if figure.protocol.startswith("log, ")]
    assert {figure.protocol for figure in logs} >= {
        "log, best epoch on test, raw log, 1 run, 240 ep",
        "log, last epoch, raw log, 1 run, 240 ep",
    }


def test_what_is_known_of_the_figures_holds() -> None:
    """Two statements of those who gathered them: KD beats 125 of 136 cells; best on test is worth .3, up to .9."""
    by_pair: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for figure in FIGURES:
        if figure.source.startswith("HobbitLong/RepDistiller"):
            by_pair[figure.teacher, figure.student][figure.method] = figure.top1
    others = ("teacher", "student", "KD", "CRD")  # CRD is the table's own method
    cells = [found["KD"] > top1 for found in by_pair.values() for name, top1 in found.items() if name not in others]
    assert (len(by_pair), len(cells), sum(cells)) == (13, 136, 125)
    gains = chosen_on_test("cifar100")
    assert len(gains) == 40
    assert sum(gains) / len(gains) == pytest.approx(0.00321, abs=5e-6)
    assert (min(gains), max(gains)) == (pytest.approx(0.0011), pytest.approx(0.0092))
    assert chosen_on_test("digits") == ()


PAIRS = (("cifar:wrn-40-2", "cifar:wrn-16-2"), ("cifar:vgg13", "cifar:mobilenet_v2"), ("cnn", "cifar:vgg8"))


def rows_of(found: Summary) -> tuple[PublishedRow, ...]:
    return published_rows(found.suite, found.pairs)


def test_rows_stand_beside_those_of_the_run() -> None:
    found = summary(Shape(pairs=PAIRS, losses=("kd", "cross_entropy", "label_smoothing")))
    rows = rows_of(found)
    by_pair = {pair.pair: pair for pair in found.pairs}
    assert {row.pair for row in rows} == {"cifar:wrn-40-2 -> cifar:wrn-16-2", "cifar:vgg13 -> cifar:mobilenet_v2"}
    for row in rows:
        pair = by_pair[row.pair]
        ours = {"teacher": pair.teacher, **{student.loss: student for student in pair.students}}
        assert row.ours is ours[row.loss]
        assert row.published.loss == row.loss
    first = [row for row in rows if row.pair == "cifar:wrn-40-2 -> cifar:wrn-16-2"]
    order = list(dict.fromkeys(row.loss for row in first))
    assert order == ["teacher", "kd", "cross_entropy"]  # as the suite has them; nobody reports label smoothing
    repdistiller = [row for row in first if row.published.source.startswith("HobbitLong")]
    assert [round(100 * row.published.top1, 2) for row in repdistiller] == [75.61, 74.92, 73.26]


def test_a_loss_under_two_names_has_its_figures_twice() -> None:
    found = summary(Shape(pairs=PAIRS[:1], losses=("kd", "hot")))
    losses = (NamedChoice(use="kd", name="kd"), NamedChoice(use="kd", name="hot", options={"temperature": 20.0}))
    found = replace(found, suite=found.suite.model_copy(update={"losses": losses}))
    rows = [row for row in rows_of(found) if row.loss != "teacher"]
    names = [row.loss for row in rows]
    assert names == ["kd"] * (len(rows) // 2) + ["hot"] * (len(rows) // 2)
    assert names
    assert all(row.ours is not None and row.ours.loss == row.loss for row in rows)


def test_what_has_no_result_keeps_its_published_figures() -> None:
    label = " -> ".join(PAIRS[0])
    failed = {
        (label, name, seed): Outcome(status="failed", reason="x") for name in ("teacher", "kd") for seed in range(3)
    }
    rows = rows_of(summary(Shape(pairs=PAIRS[:1], outcomes=failed)))
    assert {row.loss for row in rows if row.ours is None} == {"teacher", "kd"}
    assert {row.loss for row in rows if row.ours} == {"cross_entropy"}


def test_other_datasets_and_models_have_none() -> None:
    assert rows_of(summary(Shape(pairs=PAIRS), "cifar10")) == ()
    assert rows_of(summary(Shape(pairs=(("wrn-40-2", "wrn-16-2"), ("cifar:vgg8", "cifar:vgg13"))))) == ()
