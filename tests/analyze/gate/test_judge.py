import re
from dataclasses import replace

import numpy as np
import pytest

from kdbench.analyze import GateEntry, Verdict, judge
from kdbench.analyze.comparisons.changes import Change
from kdbench.results import LatencyComparison, Outcome, unpack_bits
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import HOW, Shape, correct_bits, edited, make_results, predictions, slice_sessions

TIMED = Shape(gates=(Gate(metric="latency", may_rise=0.05),))


def moved(results, drop, wobble=0.0005, loss="kd"):
    """The same run with the top-1 of one loss (all, where None) lowered by `drop`, each seed a little off."""
    random = np.random.default_rng(7)
    lower = {e.key for e in results.run.entries if e.role == "student" and loss in (None, e.loss)}

    def move(record):
        if record.trial not in lower:
            return record
        was = record.predictions
        bits = correct_bits(was.top1 - drop + random.normal(0, wobble), was.samples, 99)
        return record.model_copy(
            update={"predictions": was.model_copy(update=predictions(unpack_bits(bits, was.samples), was.loss))}
        )

    return edited(results, evaluations=move)


def compared(ratio):
    return LatencyComparison(
        what="big -> small / student / kd",
        how=HOW,
        sessions=slice_sessions(ratio) if ratio else (),
        reason=None if ratio else "no file",
    )


def entry_of(verdict, kind, what="kd"):
    return next(e for e in verdict.entries if e.kind == kind and what in e.what)


def test_the_same_results_pass_bit_for_bit():
    results = make_results(TIMED)
    verdict = judge(baseline_of(results), results, [compared(1.0)])
    assert {e.status for e in verdict.entries} == {"pass"}
    assert (verdict.exit_code(False), verdict.exit_code(True)) == (0, 0)
    assert "the same 10000 predictions" in entry_of(verdict, "top1").message
    same = "big -> small / student / cross_entropy and 1 more row: not timed: the ONNX file is the baseline's"
    assert verdict.notes == (f"{same}, byte for byte",)


def test_a_clear_drop_fails():
    results = make_results(Shape(seeds=5))
    verdict = judge(baseline_of(results), moved(results, 0.02), [])
    found = entry_of(verdict, "top1")
    assert found.status == "regressed"
    assert found.upper < found.limit == -0.005
    assert found.estimate == pytest.approx(-0.02, abs=0.001)
    assert entry_of(verdict, "top1", "cross_entropy").status == "pass"
    assert verdict.exit_code(False) == 3


def test_rows_of_one_loss_are_told_apart_by_their_way_of_teaching():
    results = make_results(Shape(seeds=5, teaching=("single", "ensemble", "generations")))
    baseline = baseline_of(results)
    below = {e.key for e in results.run.entries if e.row == "kd, ensemble(count=2)"}

    def lower(record):
        was = record.predictions
        bits = correct_bits(was.top1 - 0.02, was.samples, 99)
        new = record.model_copy(
            update={"predictions": was.model_copy(update=predictions(unpack_bits(bits, was.samples), was.loss))}
        )
        return new if record.trial in below else record

    entries = judge(baseline, edited(results, evaluations=lower), []).entries
    assert {e.what: e.status for e in entries if e.kind == "top1"} == {
        "big -> small / teacher / cross_entropy": "pass",
        "big -> small / student / cross_entropy": "pass",
        "big -> small / student / kd": "pass",
        "big -> small / student / kd, ensemble(count=2)": "regressed",
        "big -> small / student / kd, generations(count=3)": "pass",
    }


def test_a_drop_within_the_limit_passes_and_a_vague_one_is_inconclusive():
    results = make_results(Shape(seeds=5))
    assert entry_of(judge(baseline_of(results), moved(results, 0.001), []), "top1").status == "pass"
    vague = judge(baseline_of(results), moved(results, 0.005, wobble=0.004), [])
    assert entry_of(vague, "top1").status == "inconclusive"
    assert re.search(r"these seeds fail a drop of \d\.\d\d points in 80 % of cases$", entry_of(vague, "top1").message)
    assert (vague.exit_code(False), vague.exit_code(True)) == (0, 4)


def test_the_users_limit_is_used_but_never_under_half_a_point():
    results = make_results(Shape(seeds=5, gates=(Gate(metric="top1", may_drop=0.03),)))
    assert entry_of(judge(baseline_of(results), moved(results, 0.02), []), "top1").status == "pass"


@pytest.mark.parametrize("drop", [0.2, 0.0001])
def test_one_seed_is_shown_and_not_judged(drop):
    results = make_results(Shape(seeds=1))
    verdict = judge(baseline_of(results), moved(results, drop, wobble=0), [])
    found = entry_of(verdict, "top1")
    assert found.status == "unjudged"
    assert found.message.startswith("not judged: one seed")
    assert found.estimate == pytest.approx(-drop)
    assert (verdict.exit_code(False), verdict.exit_code(True)) == (0, 0)
    assert entry_of(verdict, "top1", "cross_entropy").status == "pass"  # the same bits


def test_unjudged_rows_alone_are_no_verdict():
    verdict = Verdict("x", (GateEntry("top1", "a", "unjudged", "not judged: one seed"),))
    assert (verdict.status, verdict.exit_code(True)) == ("inconclusive", 6)


@pytest.mark.parametrize(("drop", "status"), [(0.01, "regressed"), (0.005, "pass"), (0.0049, "pass"), (-0.01, "pass")])
def test_a_constant_change_is_judged_as_it_is(drop, status):
    before = make_results(Shape(seeds=3, accuracy=lambda *_: 0.9))
    now = make_results(Shape(seeds=3, accuracy=lambda pair, loss, seed: 0.9 - drop * (loss == "kd")))
    found = entry_of(judge(baseline_of(before), now, []), "top1", "/ kd")
    assert found.status == status
    assert "in each of 3 seeds" in found.message


MANY = ("kd", "dkd", "dist", "rkd", "vid", "nkd", "ttm", "wttm", "ctkd", "fitnet", "fsp", "crd")


@pytest.mark.parametrize(("losses", "status"), [(("kd",), "regressed"), (MANY, "inconclusive")])
def test_holm_guards_the_family(losses, status):
    """A drop that one comparison alone fails at p = .004 is not enough among twelve: 12 x .004 > .01."""
    wobble = (-0.002, -0.001, 0.0, 0.001, 0.002)  # SD .00158, standard error .00071
    was = Shape(seeds=5, losses=losses, accuracy=lambda *_: 0.9)

    def now(pair, loss, seed):
        # t = (.0085 - .005) / .00071 = 4.95 with 4 degrees of freedom
        return 0.9 if loss == "teacher" else 0.9 - 0.0085 * (loss == "kd") + wobble[seed]

    verdict = judge(baseline_of(make_results(was)), make_results(replace(was, accuracy=now)), [])
    found = entry_of(verdict, "top1", "/ kd")
    assert found.status == status
    assert ("12 comparisons share the error (Holm)" in found.message) == (losses is MANY)
    assert {e.status for e in verdict.entries if e.kind == "top1" and e is not found} == {"pass"}


def test_a_row_that_failed_now_is_a_failure_with_its_reason():
    before = make_results()
    now = make_results(Shape(outcomes={("big -> small", "kd", 1): Outcome(status="failed", reason="NaN at step 3")}))
    found = entry_of(judge(baseline_of(before), now, []), "top1")
    assert (found.status, found.measured) == ("regressed", False)
    assert found.message == "seed 1: failed: NaN at step 3"


def test_a_row_the_suite_no_longer_has_is_a_failure():
    found = entry_of(judge(baseline_of(make_results()), make_results(Shape(losses=("cross_entropy",))), []), "top1")
    assert "the suite no longer asks for it" in found.message


def test_another_test_split_is_invalid():
    verdict = judge(baseline_of(make_results()), make_results(Shape(samples=5000)), [])
    assert {e.status for e in verdict.entries if e.kind == "top1"} == {"invalid"}
    assert verdict.exit_code(False) == 5


@pytest.mark.parametrize(
    ("ratio", "status", "code"), [(1.0, "pass", 0), (1.2, "regressed", 3), (1.05, "inconclusive", 0)]
)
def test_latency(ratio, status, code):
    results = make_results(TIMED)
    verdict = judge(baseline_of(results), results, [compared(ratio)])
    assert entry_of(verdict, "latency", "cpu").status == status
    assert verdict.exit_code(False) == code


def test_latency_margin_comes_from_the_baselines_gates():
    results = make_results(Shape(gates=(Gate(metric="latency", may_rise=0.3),)))
    baseline = baseline_of(results)
    assert entry_of(judge(baseline, results, [compared(1.2)]), "latency", "cpu").status == "pass"


def test_what_was_not_timed_takes_no_share_of_the_error():
    results = make_results(TIMED)
    baseline = baseline_of(results)
    alone, among = (judge(baseline, results, [compared(1.08), *more]) for more in ((), [compared(None)] * 20))
    timed = judge(baseline, results, [compared(1.08)] * 5)
    lower = [entry_of(verdict, "latency", "cpu").lower for verdict in (alone, among, timed)]
    assert lower[0] == lower[1] > lower[2]


def test_a_latency_that_was_not_measured_is_inconclusive_with_its_reason():
    results = make_results(TIMED)
    verdict = judge(baseline_of(results), results, [compared(None)])
    found = entry_of(verdict, "latency", "cpu")
    assert (found.status, found.message) == ("inconclusive", "not measured: no file")
    assert verdict.exit_code(True) == 4


@pytest.mark.parametrize(
    ("field", "kind"), [("parameters", "parameters"), ("flops", "flops"), ("onnx_bytes", "onnx_bytes")]
)
@pytest.mark.parametrize(("change", "status"), [(1, "regressed"), (-1, "pass"), (0, "pass")])
def test_counts_are_compared_exactly(field, kind, change, status):
    results = make_results()
    baseline = baseline_of(results)

    def grow(record):
        model = record.model.model_copy(update={field: getattr(record.model, field) + change})
        return record.model_copy(update={"model": model})

    found = entry_of(judge(baseline, edited(results, artifacts=grow), []), kind, "student")
    assert found.status == status
    assert (f"({change:+d})" in found.message) == bool(change)


def test_operators_are_noted_and_versions_stand_beside_regressions():
    results = make_results()
    baseline = baseline_of(results)

    def change(record):
        model = record.model.model_copy(update={"operators": {"Conv": 4, "Relu": 3}})
        return record.model_copy(update={"model": model})

    versions = results.run.machine["versions"] | {"onnxruntime": "9.9"}
    run = results.run.model_copy(update={"machine": results.run.machine | {"versions": versions}})
    verdict = judge(baseline, replace(edited(results, artifacts=change), run=run), [])
    students = "big -> small / student / cross_entropy and 1 more row"
    assert f"{students}: operators differ: Conv 3 -> 4, Gemm 1 -> none" in verdict.notes
    assert verdict.changed == {"packages": (Change("onnxruntime", "1.23.0", "9.9"),)}


def test_nothing_measured():
    assert Verdict("x", ()).exit_code(True) == 6
    lost = GateEntry("top1", "a", "regressed", "no record", measured=False)
    assert Verdict("x", (lost,)).exit_code(False) == 6


def of_another_architecture(results, loss, flops):
    """The same results, where the students of one loss are deployed as another network, as SimKD's are."""
    keys = {e.key for e in results.run.entries if e.loss == loss and e.role == "student"}

    def change(record):
        facts = {"architecture": f"deployed by {loss}", "flops": flops}
        model = record.model.model_copy(update=facts)
        return record.model_copy(update={"model": model}) if record.trial in keys else record

    return edited(results, artifacts=change)


def test_every_deployed_network_is_held_against_its_own_baseline():
    plain = make_results(Shape(losses=("cross_entropy", "kd", "simkd")))
    was, now = (of_another_architecture(plain, "simkd", flops) for flops in (10**6, 2 * 10**6))
    entries = [e for e in judge(baseline_of(was), now, []).entries if e.kind == "flops"]
    assert {e.what: e.status for e in entries} == {
        "big -> small / teacher / cross_entropy": "pass",
        "big -> small / student / cross_entropy and 1 more row": "pass",
        "big -> small / student / simkd": "regressed",
    }


def test_a_loss_that_deploys_another_network_than_before_is_told_from_the_others():
    plain = make_results(Shape(losses=("cross_entropy", "kd", "fitnet")))
    now = of_another_architecture(plain, "kd", 10**9)
    entries = [e for e in judge(baseline_of(plain), now, []).entries if e.kind == "flops" and "student" in e.what]
    assert {e.what: e.status for e in entries} == {
        "big -> small / student / cross_entropy and 1 more row": "pass",
        "big -> small / student / kd": "regressed",
    }


def collapsing(*seeds):
    """'kd' at chance in these seeds; all other seeds around 90 %."""
    return lambda pair, loss, seed: 0.1 if (loss, seed) in seeds else 0.9 + 0.001 * seed


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_seed_that_collapsed_fails_where_none_had(seeds):
    before, now = (
        make_results(Shape(seeds=seeds, accuracy=collapsing(*which))) for which in ((), (("kd", seeds - 1),))
    )
    verdict = judge(baseline_of(before), now, [])
    found = entry_of(verdict, "top1", "/ kd")
    assert found.status == "regressed"
    assert found.message == f"seed {seeds - 1} collapsed: 10.00 %, in the baseline {90 + 0.1 * (seeds - 1):.2f} %"
    assert verdict.exit_code(False) == 3


def test_where_the_baselines_seeds_collapse_one_more_is_no_proof():
    before = make_results(Shape(accuracy=collapsing(("cross_entropy", 0))))
    now = make_results(Shape(accuracy=collapsing(("kd", 1))))
    assert entry_of(judge(baseline_of(before), now, []), "top1", "/ kd").status == "inconclusive"


def test_a_drop_that_is_no_collapse_is_left_to_the_seeds():
    before, now = (make_results(Shape(accuracy=lambda p, loss, s, low=low: 0.9 if s else low)) for low in (0.9, 0.2))
    found = entry_of(judge(baseline_of(before), now, []), "top1", "/ kd")
    # SD 70 / sqrt(3) = 40.4 points; t must exceed 9.9 (2 degrees of freedom, 1 % / 2 rows)
    assert found.status == "inconclusive"
    assert found.message.endswith("these seeds fail no drop: they differ too much")


def test_what_the_gate_sees_is_part_of_the_verdict():
    results = make_results()
    assert "3 seeds" in judge(baseline_of(results), results, []).sees


def test_a_student_that_changed_is_judged_and_told():
    before, now = (make_results(Shape(pairs=(("big", student),))) for student in ("small", "wide"))
    verdict = judge(baseline_of(before), now, [])
    assert verdict.measured > 0
    assert "the pair 'big -> small' of the baseline is 'big -> wide' now" in verdict.notes
