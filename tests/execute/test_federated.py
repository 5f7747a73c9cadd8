"""Federations in miniature, run for real, up to their report."""

from pathlib import Path

import pytest

from kdbench.analyze import Summary, summarize
from kdbench.report import render_report
from kdbench.report.sections.teaching.federated import federated_table
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import UserError
from tests.execute.running import place, run
from tests.small import small_suite

WAYS = [
    {"use": "federated", "name": "weights", "clients": 2, "rounds": 2},
    {"use": "federated", "name": "logits", "clients": 2, "rounds": 2, "sends": "logits"},
    {"use": "federated", "name": "one client", "clients": 1, "rounds": 2, "public": 0.0},
]
PLAIN = {"use": "sgd", "lr": 0.05, "momentum": 0.0}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("federated")
    train = {"epochs": 4, "batch_size": 64, "optimizer": PLAIN, "augment": ["clean"]}
    small = {"seeds": 1, "train": train, "latency": {"batch_sizes": []}}
    run(small_suite(name="one", losses=["cross_entropy"], teaching=WAYS[2:], **small), place(root))
    run(small_suite(teaching=WAYS[:2], **small), place(root))
    return Store(root)


@pytest.fixture(scope="module")
def results(done: Store) -> ResultSet:
    return load_suite_results(done, "small")


@pytest.fixture(scope="module")
def summary(results: ResultSet) -> Summary:
    return summarize(results)


def test_every_trial_is_done_and_every_round_is_tested(results: ResultSet) -> None:
    assert {outcome.status for outcome in results.run.outcomes.values()} == {"done"}
    tested = {entry.key for entry in results.run.entries if entry.role in ("student", "stage")}
    assert tested <= results.trials.keys()
    steps = {entry.key for entry in results.run.entries if entry.role == "step"}
    assert not steps & results.trials.keys()


def test_what_leaves_a_client_is_counted(summary: Summary) -> None:
    average, taught, logits = summary.federated
    assert [row.method for row in summary.federated] == ["FedAvg", "FedDF", "FedMD"]
    parameters = 64 * 8 + 8 + 8 * 10 + 10
    assert average.bytes_sent == taught.bytes_sent == 4 * parameters
    public = logits.bytes_sent / (4 * 10)
    assert public == pytest.approx(0.2 * 1294, abs=5)
    assert [logits.sent_by(number) for number in (1, 2)] == [2 * logits.bytes_sent, 4 * logits.bytes_sent]


def test_rounds_are_told(summary: Summary, tmp_path: Path) -> None:
    assert [list(row.by_round.stages) for row in summary.federated] == [[1, 2]] * 3
    first = summary.federated[0]
    assert first.by_round.stages[2].top1 == first.by_round.student.top1
    assert [row[3].text for row in federated_table(summary).rows] == ["weights", "weights", "logits"]
    for page in render_report(summary, tmp_path):
        assert "test top-1 by what left all clients, at alpha = 0.5" in page.read_text("utf-8")


def test_one_client_is_training_in_one_place_to_the_bit(done: Store) -> None:
    one = load_suite_results(done, "one")  # without momentum, of which nothing goes on to the next round
    rows = {entry.row: entry.key for entry in one.run.entries if entry.role == "student"}
    central, federated = rows["cross_entropy"], rows["cross_entropy, one client"]
    assert central != federated
    assert one.records[central].weights_sha256 == one.records[federated].weights_sha256


def test_more_clients_than_samples_are_refused_before_training(tmp_path: Path) -> None:
    many = small_suite(
        seeds=1,
        losses=["cross_entropy"],
        train={"epochs": 2, "batch_size": 64},
        data={"dataset": "digits", "parts": [{"use": "per_class", "count": 1}]},
        teaching=[{"use": "federated", "clients": 12, "rounds": 1, "public": 0.0}],
        pairs=[{"teacher": {"use": "mlp", "hidden": [8]}, "student": {"use": "mlp", "hidden": [8]}}],
    )
    with pytest.raises(UserError, match=r"no sample falls to shard \d+ of 12; raise alpha or lower `of`"):
        run(many, place(tmp_path))
    assert not (tmp_path / "trials").exists()
