"""Students that are trained together, run for real: each head is a row with its own file, trained once for all."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.results import ResultSet, Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

WAYS = [
    {"name": "one", "use": "peers"},
    {"name": "two", "use": "peers", "options": {"peer": 2}},
    {"name": "branch", "use": "branches", "options": {"count": 2}},
    {"name": "gate", "use": "branches", "options": {"count": 2, "gated": True}},
    {"name": "shallow", "use": "self", "options": {"at": ["first"], "exit": 1}},
    {"name": "deep", "use": "self", "options": {"at": ["first"]}},
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("joint")
    pairs = [{"teacher": {"use": "cnn", "options": {"width": 4}}, "student": {"use": "cnn", "options": {"width": 2}}}]
    suite = small_suite(
        pairs=pairs, seeds=1, teaching=["single", *WAYS], train={"epochs": 2}, latency={"batch_sizes": []}
    )
    run(suite, place(root))
    return root


@pytest.fixture(scope="module")
def results(root: Path) -> ResultSet:
    return load_suite_results(Store(root), "small")


@pytest.fixture(scope="module")
def summary(results: ResultSet) -> Summary:
    return summarize(results)


def key(results: ResultSet, row: str) -> str:
    return next(entry.key for entry in results.run.entries if (entry.row, entry.role) == (row, "student"))


def test_every_head_is_a_row(summary: Summary) -> None:
    assert not summary.trouble
    assert not summary.notes
    rows = ["cross_entropy", *(f"cross_entropy, {way['name']}" for way in WAYS)]
    assert [row.row for row in summary.students] == rows + [row.replace("cross_entropy", "kd") for row in rows]


def test_peers_alone_are_each_the_student_alone(results: ResultSet, root: Path) -> None:
    alone, peers = (
        load_file(Store(root).weights(key(results, row))) for row in ("cross_entropy", "cross_entropy, one")
    )
    assert alone.keys() == {name.removeprefix("networks.0.") for name in peers if name.startswith("networks.0.")}
    assert all((value == peers[f"networks.0.{name}"]).all() for name, value in alone.items())
    assert results.trials[key(results, "cross_entropy")].test.correct_bits == results.trials[key(results, "cross_entropy, one")].test.correct_bits  # fmt: skip


def test_what_is_deployed_is_as_large_as_what_it_needs(results: ResultSet) -> None:
    def facts(way: str) -> tuple[str, int]:
        model = results.trials[key(results, f"kd, {way}")].model
        return model.architecture, model.flops

    plain = results.trials[key(results, "kd")].model
    for way in ("one", "two", "branch", "deep"):
        assert facts(way) == (plain.architecture, plain.flops)
    assert facts("gate")[1] > plain.flops
    assert facts("shallow")[1] < plain.flops


def test_heads_of_one_training_share_its_weights_and_its_cost(results: ResultSet) -> None:
    for first, other in (("one", "two"), ("branch", "gate"), ("deep", "shallow")):
        mine, theirs = (results.records[key(results, f"kd, {way}")] for way in (first, other))
        assert mine.key in theirs.trial.start
        assert mine.weights_sha256 == theirs.weights_sha256
        assert mine.training == theirs.training
    one, two = (results.trials[key(results, f"kd, {way}")].test for way in ("one", "two"))
    assert one.loss != two.loss


def test_a_validation_is_of_the_head_that_is_deployed(results: ResultSet) -> None:
    for way in ("two", "gate", "shallow"):
        record = results.records[key(results, f"kd, {way}")]
        assert [point.epoch for point in record.curve] == [0]
        # Validation and test are drawn alike: what is validated and what is exported are the same head.
        assert abs(record.validation_top1 - results.trials[record.key].test.top1) < 0.2


def test_the_report_is_written(summary: Summary, tmp_path: Path) -> None:
    for page in render_report(summary, tmp_path):
        assert "kd, shallow" in page.read_text("utf-8")
