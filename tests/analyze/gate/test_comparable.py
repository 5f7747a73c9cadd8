"""What forbids a comparison: trials that are not there, other data, a processor of another class."""

from dataclasses import replace

import pytest

from kdbench.results import Outcome
from kdbench.spec import Gate
from tests.analyze.gate.runs import entry_of, verdict_on
from tests.records import MACHINE, Shape, edited, make_results

VNNI = ["avx2", "avx512_vnni"]


def test_a_row_that_failed_now_is_a_failure_with_its_reason():
    before = make_results()
    now = make_results(Shape(outcomes={("big -> small", "kd", 1): Outcome(status="failed", reason="NaN at step 3")}))
    found = entry_of(verdict_on(before, now), "top1")
    assert (found.status, found.measured) == ("regressed", False)
    assert found.message == "seed 1: failed: NaN at step 3"


def test_a_row_the_suite_no_longer_has_is_invalid():
    verdict = verdict_on(make_results(), make_results(Shape(losses=("cross_entropy",))))
    found = entry_of(verdict, "top1")
    assert (found.status, verdict.exit_code(False)) == ("invalid", 5)
    assert "the suite no longer asks for it" in found.message


def test_another_test_split_is_invalid():
    verdict = verdict_on(make_results(), make_results(Shape(samples=5000)))
    assert {e.status for e in verdict.entries if e.kind == "top1"} == {"invalid"}
    assert verdict.exit_code(False) == 5


def test_a_run_of_which_nothing_can_be_compared_is_never_a_pass():
    failed = {
        ("big -> small", loss, seed): Outcome(status="failed") for loss in ("cross_entropy", "kd") for seed in range(3)
    }
    now = make_results(Shape(outcomes=failed, teacher_seeds=1))
    verdict = verdict_on(make_results(Shape(losses=("kd",))), replace(now, records={}))
    assert (verdict.measured, verdict.exit_code(False)) == (0, 6)


def test_other_data_under_the_same_name_is_invalid():
    results = make_results()
    now = edited(results, trials=lambda record: record.model_copy(update={"data_sha256": "1" * 64}))
    verdict = verdict_on(results, now)
    found = entry_of(verdict, "top1")
    assert found.message == (
        "the data is not the baseline's (its SHA-256 was 000000000000, is 111111111111): "
        "restore it, or freeze a new baseline"
    )
    assert verdict.exit_code(False) == 5


def test_another_order_of_classes_is_invalid():
    def named(*names):
        def change(record):
            head = record.task.heads[0].model_copy(update={"classes": len(names), "class_names": names})
            return record.model_copy(update={"task": record.task.model_copy(update={"heads": (head,)})})

        return edited(make_results(), trials=change)

    verdict = verdict_on(named("cat", "dog"), named("dog", "cat"))
    assert "in another order" in entry_of(verdict, "top1").message
    assert verdict.exit_code(False) == 5
    assert verdict_on(named("cat", "dog"), named("cat", "dog")).exit_code(False) == 0


def on(results, **machine):
    return replace(results, run=results.run.model_copy(update={"machine": MACHINE | machine}))


INT8 = Shape(variants=("fp32", "int8_static"), gates=(Gate(metric="top1", variant="int8_static", may_drop=0.02),))


@pytest.mark.parametrize(
    ("there", "here", "status"),
    [
        (["avx2"], VNNI, "invalid"),
        (VNNI, [*VNNI, "avx512f"], "pass"),
        (None, VNNI, "invalid"),
    ],
)
def test_accuracy_in_8_bits_is_of_one_class_of_processors(there, here, status):
    results = make_results(INT8)
    verdict = verdict_on(on(results, instruction_set=there), on(results, instruction_set=here))
    assert entry_of(verdict, "top1", "kd as int8_static").status == status
    assert entry_of(verdict, "top1", "/ kd").status == "pass"


def test_seconds_of_another_processor_are_not_compared():
    results = make_results(Shape(gates=(Gate(metric="training_seconds", may_rise=0.2),)))
    found = entry_of(verdict_on(on(results, cpu="one"), on(results, cpu="other")), "training_seconds")
    assert (found.status, found.measured) == ("inconclusive", False)
    assert found.message.startswith("trained on one before, on other now: ")


def test_a_figure_that_one_side_lacks_is_inconclusive():
    shape = Shape(conditions=("noise",), gates=(Gate(metric="top1", condition="noise", may_drop=0.02),))
    results = make_results(shape)
    bare = replace(results, evaluations={k: v for k, v in results.evaluations.items() if not v.condition})
    for before, now, where in ((bare, results, "the baseline"), (results, bare, "this run")):
        found = entry_of(verdict_on(before, now), "top1", "kd under noise")
        assert (found.status, found.message) == ("inconclusive", f"{where} does not have this figure of every seed")


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (Gate(metric="top1", condition="noise", may_drop=0.02), "the condition 'noise' is not the baseline's"),
        (Gate(metric="right_everywhere", may_drop=0.02), "the corruptions are not the baseline's"),
    ],
)
def test_another_corruption_under_the_same_name_is_invalid(gate, said):
    results = make_results(Shape(conditions=("noise", "blur"), gates=(gate,)))
    noise, blur = results.run.suite["conditions"]

    def found(*conditions):
        suite = {**results.run.suite, "conditions": list(conditions)}
        now = replace(results, run=results.run.model_copy(update={"suite": suite}))
        return next(e for e in verdict_on(results, now).entries if "kd" in e.what and e.limit == -0.02)

    assert found(blur, noise).status == "pass"
    changed = found({**noise, "options": {"sd": 0.1}}, blur)
    assert (changed.status, changed.message.partition(":")[0]) == ("invalid", said)
