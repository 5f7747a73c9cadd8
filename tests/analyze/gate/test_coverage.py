"""What a baseline holds, and what a suite has beyond it."""

from dataclasses import replace

from kdbench.analyze.gate.coverage import beyond, covers
from kdbench.results.baselines.freezing import baseline_of
from kdbench.spec import Gate
from tests.records import Shape, make_results

SHAPE = Shape(seeds=3)


def test_what_is_held_is_said():
    results = make_results(replace(SHAPE, gates=(Gate(metric="latency", may_rise=0.05),)))
    run = results.run
    assert covers(baseline_of(results)) == (
        f"The baseline holds 1 pair, 2 rows and 3 seeds of students (run {run.run_id}, {run.started}), "
        "by gates of top1, parameters, flops, onnx_bytes, latency."
    )


def test_what_a_suite_has_beyond_is_named():
    baseline = baseline_of(make_results(SHAPE))
    assert beyond(baseline, make_results(SHAPE)) == ()
    more = make_results(replace(SHAPE, seeds=5, losses=("cross_entropy", "kd", "dkd")))
    assert beyond(baseline, more) == ("1 row: big -> small / student / dkd", "2 seeds: 3 and 4")
    gated = make_results(replace(SHAPE, gates=(Gate(metric="top1", may_drop=0.3),)))
    assert beyond(baseline, gated) == (
        "the gates of the suite are others now: those of the baseline hold, until a new one is frozen",
    )
