"""Counts of deployed files, which are compared exactly."""

import pytest

from kdbench.analyze import judge
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.analyze.gate.runs import entry_of
from tests.records import Shape, edited, make_results


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
    assert (found.status, found.improved) == (status, change < 0)
    assert (f"({change:+d})" in found.message) == bool(change)


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


@pytest.mark.parametrize(("nodes", "status"), [(7, "pass"), (8, "regressed")])
def test_operators_are_held_where_a_gate_asks_and_by_its_limit(nodes, status):
    before = make_results(Shape(gates=(Gate(metric="operators", may_rise=0.0),)))

    def grow(record):
        operators = {**record.model.operators, "Relu": nodes - 4}
        return record.model_copy(update={"model": record.model.model_copy(update={"operators": operators})})

    found = entry_of(judge(baseline_of(before), edited(before, artifacts=grow), []), "operators", "student")
    assert (found.status, found.baseline, found.current) == (status, 7, nodes)
    assert not [e for e in judge(baseline_of(make_results()), make_results(), []).entries if e.kind == "operators"]


@pytest.mark.parametrize(("grown", "status"), [(13_200, "pass"), (13_201, "regressed")])
def test_a_count_may_rise_by_its_limit(grown, status):
    before = make_results(Shape(gates=(Gate(metric="parameters", may_rise=0.1),)))  # 12,000

    def grow(record):
        return record.model_copy(update={"model": record.model.model_copy(update={"parameters": grown})})

    found = entry_of(judge(baseline_of(before), edited(before, artifacts=grow), []), "parameters", "student")
    assert (found.status, found.message[-16:]) == (status, ", 13,200 allowed")


def test_a_model_that_is_gone_is_no_pass():
    (found,) = [
        e
        for e in judge(baseline_of(make_results()), make_results(Shape(pairs=(("a", "b"), ("c", "d")))), []).entries
        if e.kind == "parameters" and "student" in e.what
    ]
    assert (found.status, found.measured) == ("regressed", False)
