"""The whole verdict on a run: what is judged, what is left out, and what stands beside it."""

from dataclasses import replace

from kdbench.analyze import judge
from kdbench.analyze.comparisons.changes import Change
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.analyze.gate.runs import entry_of, moved, verdict_on
from tests.analyze.gate.test_latency import compared
from tests.records import Shape, edited, make_results

TIMED = Shape(gates=(Gate(metric="latency", may_rise=0.05),))


def test_the_same_results_pass_bit_for_bit():
    results = make_results(TIMED)
    verdict = judge(baseline_of(results), results, [compared(1.0)])
    assert {e.status for e in verdict.entries} == {"pass"}
    assert (verdict.exit_code(False), verdict.exit_code(True)) == (0, 0)
    assert "the same 10000 predictions" in entry_of(verdict, "top1").message
    assert (verdict.notes, verdict.beyond, verdict.changed, verdict.improvements) == ((), (), {}, ())


def test_files_that_are_the_baselines_pass_without_being_timed():
    results = make_results(TIMED)
    left_out = ("top1", "parameters", "flops", "onnx_bytes")
    verdict = judge(baseline_of(results), results, [], without=left_out)
    students = "big -> small / student / cross_entropy and 1 more row"
    assert [entry.sentence for entry in verdict.entries] == [f"{students}: latency passed: identical file"]
    assert (verdict.measured, verdict.exit_code(strict=True)) == (1, 0)

    def other(record):
        return record.model_copy(update={"model": record.model.model_copy(update={"onnx_sha256": "f" * 64})})

    now = edited(results, artifacts=other)
    assert judge(baseline_of(results), now, [], without=left_out).exit_code(strict=True) == 6


def test_the_margin_of_latency_is_that_of_the_baselines_gates():
    results = make_results(Shape(gates=(Gate(metric="latency", may_rise=0.3),)))
    assert entry_of(judge(baseline_of(results), results, [compared(1.2)]), "latency", "cpu").status == "pass"


def test_latency_is_judged_where_a_gate_asks_for_it_and_its_absence_is_said():
    results = make_results()
    verdict = judge(baseline_of(results), results, [compared(1.2)])
    assert verdict.status == "pass"
    assert verdict.notes[-1].startswith("latency is not judged: no gate of the baseline asks for it")


def test_metrics_that_are_left_out_are_not_judged_and_said():
    results = make_results(TIMED)
    verdict = judge(baseline_of(results), results, [], without=("latency", "top1"))
    assert {entry.kind for entry in verdict.entries} == {"parameters", "flops", "onnx_bytes"}
    assert verdict.notes == ("not judged, as asked: top1, latency",)
    assert verdict.sees == ""


def test_what_seeds_see_of_top1_is_told_where_that_is_judged():
    results = make_results(Shape(conditions=("noise",), gates=(Gate(metric="right_everywhere", may_drop=0.02),)))
    found = [judge(baseline_of(results), results, [], without=without) for without in ((), ("top1",))]
    assert [bool(verdict.sees) for verdict in found] == [True, False]


def test_operators_are_noted_and_versions_stand_beside_regressions():
    results = make_results()

    def change(record):
        model = record.model.model_copy(update={"operators": {"Conv": 4, "Relu": 3}})
        return record.model_copy(update={"model": model})

    versions = results.run.machine["versions"] | {"onnxruntime": "9.9"}
    run = results.run.model_copy(update={"machine": results.run.machine | {"versions": versions, "commit": "f00"}})
    verdict = verdict_on(results, replace(edited(results, artifacts=change), run=run))
    students = "big -> small / student / cross_entropy and 1 more row"
    assert f"{students}: operators differ: Conv 3 -> 4, Gemm 1 -> none" in verdict.notes
    assert verdict.changed == {
        "packages": (Change("onnxruntime", "1.23.0", "9.9"),),
        "machine": (Change("commit", None, "f00"),),
    }


def test_what_the_gate_sees_is_part_of_the_verdict():
    results = make_results()
    assert "3 seeds" in verdict_on(results, results).sees


def test_a_student_that_changed_is_judged_and_told():
    before, now = (make_results(Shape(pairs=(("big", student),))) for student in ("small", "wide"))
    verdict = verdict_on(before, now)
    assert verdict.measured > 0
    assert "the pair 'big -> small' of the baseline is 'big -> wide' now" in verdict.notes
    assert Change("pairs.big -> small", verdict.changed["suite"][0].before, None) in verdict.changed["suite"]


def test_a_loss_with_another_option_is_judged_and_a_drop_of_it_found():
    def at(temperature):
        name = f"kd(temperature={temperature})"
        results = make_results(Shape(seeds=5, losses=("cross_entropy", name)))
        losses = [{"use": "cross_entropy"}, {"use": "kd", "name": name}]
        return replace(results, run=results.run.model_copy(update={"suite": {**results.run.suite, "losses": losses}}))

    before, now = at(2.0), at(8.0)
    verdict = verdict_on(before, moved(now, 0.02, loss="kd(temperature=8.0)"))
    assert entry_of(verdict, "top1", "kd(temperature=8.0)").status == "regressed"
