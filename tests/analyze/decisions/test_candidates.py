"""What may be deployed, and the cheapest of it that is not shown to be worse."""

from dataclasses import replace

import pytest

from kdbench.analyze import Budgets, candidates, choose, summarize
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)


def found_in(small, thin, seeds=5, **shape):
    """Two pairs with the student alone: the second takes twice as long and leads on validation by a point."""

    def accuracy(pair, row, seed):
        return (small, thin)[pair] + WOBBLE[(seed + pair) % 5]

    asked = Shape(
        pairs=(("big", "small"), ("wide", "thin")),
        seeds=seeds,
        losses=("cross_entropy",),
        accuracy=accuracy,
        validation=lambda pair, row, seed: 0.90 + 0.01 * pair,
        **shape,
    )
    summary = summarize(make_results(asked))
    return candidates(summary, summary.reference)


@pytest.mark.parametrize(
    ("small", "ships"),
    [
        (0.90, 0),  # equal on test
        (0.92, 0),  # better
        (0.897, 0),  # worse by .3 points: within the margin
        (0.88, 1),  # worse by 2 points
    ],
)
def test_the_cheapest_that_is_not_shown_to_be_worse(small, ships):
    both = found_in(small, 0.90)
    assert choose(both, Budgets()) is both[ships]
    assert both[0].worse_than == ((1,) if ships else ())


@pytest.mark.parametrize(("seeds", "small"), [(1, 0.90), (2, 0.15), (2, 0.90), (4, 0.92)])
def test_with_too_few_seeds_for_a_claim_validation_chooses(seeds, small):
    both = found_in(small, 0.90, seeds=seeds)
    assert [each.worse_than for each in both] == [(1,), ()]
    assert choose(both, Budgets()) is both[1]


def test_with_too_few_seeds_variants_of_one_file_are_as_good_unless_shown_to_be_worse():
    exported, variant = found_in(0.90, 0.90, seeds=3, variants=("fp32", "int8_dynamic"))[2:]
    assert (exported.worse_than, variant.worse_than) == ((), ())
    assert exported.validation == variant.validation


def test_of_equally_cheap_ones_the_better_on_validation_is_chosen():
    first, second = found_in(0.90, 0.90)
    as_cheap = replace(second, cost=first.cost)
    assert choose([first, as_cheap], Budgets()) is as_cheap


def test_budgets_leave_candidates_out():
    small, thin = both = found_in(0.80, 0.90)
    assert choose(both, Budgets()) is thin
    assert choose(both, Budgets(max_microseconds=small.microseconds)) is small
    assert choose(both, Budgets(max_microseconds=small.microseconds / 2)) is None
    assert choose(both, Budgets(max_bytes=thin.bytes - 1)) is (small if small.bytes < thin.bytes else None)
    assert choose(both, Budgets(max_parameters=max(small.parameters, thin.parameters))) is thin
    assert choose(both, Budgets(min_top1=0.85)) is thin
    assert choose(both, Budgets(min_top1=0.95)) is None
    assert choose([replace(each, microseconds=None) for each in both], Budgets(max_microseconds=1e9)) is None


def test_variants_are_candidates_unless_damaged():
    both = found_in(0.90, 0.90, variants=("fp32", "int8_dynamic"))
    assert [each.name for each in both] == [
        "small trained alone",
        "small trained alone, as int8_dynamic",
        "thin trained alone",
        "thin trained alone, as int8_dynamic",
    ]
    exported, variant = both[:2]
    assert variant.answer.headline == "Ship small trained alone, as int8_dynamic"
    assert variant.answer.reason.endswith(f" As int8_dynamic it gets {100 * variant.top1:.2f} % right.")
    assert variant.bytes == variant.variant.onnx_bytes < exported.bytes
    # A byte budget that only variants are within: of equal ones that of the best on validation is no worse, and dearer.
    assert choose(both, Budgets(max_bytes=exported.bytes - 1)).variant


def test_a_variant_costs_what_its_file_does_unless_it_is_shown_to_differ():
    summary = summarize(make_results(Shape(seeds=5, losses=("cross_entropy",), variants=("fp32", "int8_dynamic"))))
    exported, variant = candidates(summary, summary.reference)
    ratio = summary.reference.speedup(variant.variant.architecture, exported.row.architecture)
    assert not ratio.low <= 1 <= ratio.high
    assert variant.cost == variant.microseconds == summary.reference.scaled(variant.variant.architecture)
    same = replace(
        summary.reference,
        ratio={
            name: replace(each, low=0.5, high=2.0) if name == variant.variant.architecture else each
            for name, each in summary.reference.ratio.items()
        },
    )
    exported, variant = candidates(summary, same)
    assert variant.cost == exported.cost


def test_without_latencies_flops_are_the_cost():
    both = found_in(0.90, 0.90, latency=False)
    assert [each.cost for each in both] == [float(each.row.flops) for each in both]
    assert [each.microseconds for each in both] == [None, None]


def test_what_is_not_to_be_shipped_is_no_candidate():
    summary = summarize(make_results(Shape(seeds=5, losses=("kd",))))
    assert candidates(summary, summary.reference) == ()
