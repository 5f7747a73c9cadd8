"""A suite whose students are trained further in 8 bits: trained, exported and evaluated beside the others."""

from pathlib import Path

from kdbench.analyze import summarize
from kdbench.execute.events import TrialEnded
from kdbench.results import Store, load_suite_results
from tests.execute.running import place, run
from tests.small import small_suite

UNTIMED: dict[str, object] = {"batch_sizes": []}
PAIR = {"teacher": {"use": "cnn", "width": 4}, "student": {"use": "cnn", "width": 2}}


def test_a_suite_compares_fp32_with_int8_made_and_trained(tmp_path: Path) -> None:
    variants = ["fp32", "int8_static", {"use": "int8_qat", "epochs": 1}]
    suite = small_suite(pairs=[PAIR], seeds=1, variants=variants, latency=UNTIMED)
    record, _ = run(suite, place(tmp_path))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert record.notes == ()
    results = load_suite_results(Store(tmp_path), "small")
    found = {(row.role, row.row, row.variant.partition("(")[0]): row for row in summarize(results).variants}
    assert set(found) == {
        ("teacher", "cross_entropy", "int8_static"),
        *(("student", loss, use) for loss in ("cross_entropy", "kd") for use in ("int8_static", "int8_qat")),
    }
    trained = found["student", "kd", "int8_qat"]
    assert trained.trained
    assert trained.training_seconds
    assert not found["student", "kd", "int8_static"].trained
    # One epoch more, at a tenth of the learning rate, costs no accuracy.
    assert trained.change.mean > -0.05
    entry = next(entry for entry in record.entries if entry.role == "variant" and entry.loss == "kd")
    made = next(
        each for each in results.variants if each.label.startswith("int8_qat") and each.test.top1 == trained.top1.mean
    )
    # What the file gets right on test, its training got right on validation, but for another sample of images.
    assert abs(results.records[entry.key].validation_top1 - made.test.top1) < 0.15
    again, _ = run(suite, place(tmp_path))
    assert again == record


def test_a_student_that_is_deployed_as_another_network_is_not_trained_further(tmp_path: Path) -> None:
    suite = small_suite(pairs=[PAIR], seeds=1, losses=["simkd"], variants=["fp32", "int8_qat"], latency=UNTIMED)
    record, heard = run(suite, place(tmp_path))
    (skipped,) = [event for event in heard if isinstance(event, TrialEnded) and event.status == "skipped"]
    assert skipped.key == next(entry.key for entry in record.entries if entry.role == "variant")
    assert "deployed as another network than cnn(width=2)" in skipped.reason
    assert [trouble.row for trouble in summarize(load_suite_results(Store(tmp_path), "small")).trouble] == [
        "simkd, int8_qat"
    ]
