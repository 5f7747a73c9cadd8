"""Transfer in miniature, run for real: from digits upside down to a part of the digits."""

from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.analyze import summarize
from kdbench.execute.workers.place import Place
from kdbench.report import render_report
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import Suite
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.interface import Dataset, Split
from tests.execute.running import place, run
from tests.small import small_suite


def upside_down(root: Path) -> Dataset:
    whole = digits(root)
    train, test = (Split(part.images.flip(2), part.labels) for part in (whole.train, whole.test))
    return replace(whole, train=train, test=test)


def larger(root: Path) -> Dataset:
    whole = digits(root)
    images = [part.images.repeat_interleave(2, 2) for part in (whole.train, whole.test)]
    return replace(whole, train=Split(images[0], whole.train.labels), test=Split(images[1], whole.test.labels))


def suite(source: str = "upside_down") -> Suite:
    ways = [
        {"use": "transfer", "name": by, "by": by, "source": f"{__name__}:{source}", "share": {"grid": [0.2, 1.0]}}
        for by in ("features", "head")
    ]
    pair = {"teacher": {"use": "mlp", "hidden": [16]}, "student": {"use": "mlp", "hidden": [8]}}
    return small_suite(
        seeds=1, teaching=ways, pairs=[pair], losses=["cross_entropy", "kd", "fitnet"], latency={"batch_sizes": []}
    )


def where(root: Path) -> Place:
    return place(root, plugins=(__name__,))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ResultSet:
    root = tmp_path_factory.mktemp("transfer")
    run(suite(), where(root))
    return load_suite_results(Store(root), "small")


def test_every_row_is_there_and_is_tested_on_the_target(results: ResultSet, tmp_path: Path) -> None:
    assert {outcome.status for outcome in results.run.outcomes.values()} == {"done"}
    summary = summarize(results)
    rows = {row.row for row in summary.students}
    assert rows == {
        "cross_entropy",
        *(
            f"{loss}, {by}(share={share})"
            for loss in ("cross_entropy", "kd", "fitnet")
            for by in ("features", "head")
            for share in (0.2, 1.0)
            if (loss, by) != ("cross_entropy", "head")  # alone, the same trials as by features: one row
        ),
    }
    assert summary.test_samples == 359
    for page in render_report(summary, tmp_path):
        assert "By setting of the way of teaching" in page.read_text("utf-8")


def test_the_student_alone_of_the_same_share_is_the_control(results: ResultSet) -> None:
    (pair,) = summarize(results).pairs
    row = next(row for row in pair.students if row.row == "kd, head(share=0.2)")
    alone = pair.alone_like(row)
    assert alone is not None
    assert alone.row == "cross_entropy, head(share=0.2)"


def test_a_source_of_other_images_is_refused_before_training(tmp_path: Path) -> None:
    record, _ = run(suite("larger"), where(tmp_path))
    reasons = {outcome.reason for outcome in record.outcomes.values() if outcome.status == "skipped"}
    wanted = (
        f"it needs a trial on '{__name__}:larger', whose images have 1x16x8 pixels and 10 classes, and its own have "
        "1x8x8 pixels and 10 classes: both must be alike"
    )
    assert wanted in reasons
