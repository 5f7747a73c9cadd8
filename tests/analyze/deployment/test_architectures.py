"""What was deployed: which timing compares, whether the machine was quiet, who ties, and what is missing."""

import math
from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.analyze.deployment.architectures import (
    ReferenceTiming,
    choose_reference,
    describe_deployed,
)
from kdbench.results import LatencyRecord, NotMeasured, ResultSet
from kdbench.results.timings import ColdStart, Energy, ThroughputRecord
from kdbench.spec import How
from kdbench.statistics.ratios import RatioEstimate
from tests.records import HOW, Shape, latency_record, make_results, pair_of

TWO_THREADS, BATCH_8 = HOW.model_copy(update={"threads": 2}), HOW.model_copy(update={"batch": 8})


def deployed_of(results: ResultSet):
    done = [(entry, results.trials[entry.key]) for entry in results.run.entries if entry.key in results.trials]
    return describe_deployed(done, results)


def timed(*ways: tuple[How, ...]) -> ResultSet:
    """The usual two architectures, of which the n-th was timed in the n-th argument's ways."""
    results = make_results()
    names = list(dict.fromkeys(record.model.architecture for record in results.trials.values()))
    latencies = [
        latency_record(architecture=name, reference=names[-1], how=how, call_microseconds=(100.0 * how.batch,))
        for name, hows in zip(names, ways, strict=True)
        for how in hows
    ]
    return replace(results, latencies=tuple(latencies))


# Which timing compares


def test_models_are_compared_on_the_cpu_by_fewest_threads_then_smallest_batch() -> None:
    gpu = HOW.model_copy(update={"provider": "cuda"})
    spinning = HOW.model_copy(update={"spinning": True})
    everything = (TWO_THREADS, BATCH_8, gpu, spinning, HOW)
    found = choose_reference(deployed_of(timed(everything, everything)))
    assert found is not None
    assert found.how == HOW
    # The reference's own p50, and for the other 100 times its ratio to it (a made-up 1.0001 or so).
    ((big, ratio),) = found.ratio.items()
    assert list(found.p50.values()) == [100.0, 100.0]
    assert found.scaled(big) == 100.0 * ratio.estimate
    eight = choose_reference(deployed_of(timed((gpu, TWO_THREADS, BATCH_8), (gpu, TWO_THREADS, BATCH_8))))
    assert eight is not None
    assert eight.how == BATCH_8
    assert 800.0 in eight.p50.values()


@pytest.mark.parametrize(
    "ways", [((HOW,), ()), ((HOW,), (TWO_THREADS,)), ((), ()), ((HOW.model_copy(update={"provider": "cuda"}),),) * 2]
)
def test_without_a_common_timing_on_the_cpu_nothing_is_compared(ways: tuple[tuple[How, ...], ...]) -> None:
    assert choose_reference(deployed_of(timed(*ways))) is None


def test_a_variant_that_was_not_timed_takes_nothing_from_the_exported_models() -> None:
    results = make_results(Shape(variants=("fp32", "fp16")))
    halves = {variant.model.architecture for variant in results.variants}
    kept = tuple(record for record in results.latencies if record.architecture not in halves)
    found = choose_reference(deployed_of(replace(results, latencies=kept)))
    assert found is not None
    assert not halves & found.p50.keys()
    with_them = choose_reference(deployed_of(results))
    assert with_them is not None
    assert halves < with_them.p50.keys()


def ratio(log: float, half: float) -> RatioEstimate:
    return RatioEstimate(math.exp(log), math.exp(log - half), math.exp(log + half), 5, 40)


REFERENCE = ReferenceTiming(
    HOW, {"big": 8.0, "mid": 2.0, "small": 1.0}, {"big": ratio(2, 0.03), "mid": ratio(0.5, 0.04)}
)


def logs(found: RatioEstimate | None) -> list[float]:
    assert found is not None
    return [math.log(each) for each in (found.estimate, found.low, found.high)]


def test_speed_against_the_reference_itself_is_the_measured_ratio() -> None:
    assert REFERENCE.speedup("big", "small") == ratio(2, 0.03)
    assert logs(REFERENCE.speedup("small", "big")) == pytest.approx([-2, -2.03, -1.97])


def test_speed_by_way_of_the_reference_by_hand() -> None:
    # 3-4-5: errors of .03 and .04 add up to .05
    assert logs(REFERENCE.speedup("big", "mid")) == pytest.approx([1.5, 1.45, 1.55])
    assert logs(REFERENCE.speedup("mid", "big")) == pytest.approx([-1.5, -1.55, -1.45])


def test_an_architecture_has_no_speed_over_itself() -> None:
    assert REFERENCE.speedup("big", "big") is None
    assert REFERENCE.speedup("small", "small") is None


def test_without_a_timing_there_is_no_speed() -> None:
    assert REFERENCE.speedup("unknown", "small") is None
    assert REFERENCE.speedup("big", "unknown") is None


def test_models_are_ordered_by_the_ratio_and_shown_with_what_their_own_calls_took() -> None:
    # Minutes later, when the machine was half as fast: calls of 900 us where the ratio to 100 us says 400.
    results = make_results(Shape(losses=("cross_entropy",)))
    small, big = (record.architecture for record in results.latencies)
    sessions = tuple((pair_of(4 * math.exp(n * 0.001), 1.0),) for n in (-1, 0, 1))
    records = (
        latency_record(architecture=small, reference=small, call_microseconds=(100.0,)),
        latency_record(architecture=big, reference=small, call_microseconds=(900.0,), sessions=sessions),
    )
    found = choose_reference(deployed_of(replace(results, latencies=records)))
    assert found is not None
    assert found.p50 == {small: 100.0, big: 900.0}
    assert (found.scaled(small), found.scaled(big)) == (100.0, pytest.approx(400.0))
    assert found.scaled("unknown") is None
    assert found.ratio.keys() == {big}


def test_students_of_two_pairs_have_their_own_teachers_ratio() -> None:
    # FLOPs, and so times, of 8, 1, 16 and 2 units: the second pair's ratio goes by way of the first pair's student.
    summary = summarize(make_results(Shape(pairs=(("big", "small"), ("wide", "thin")), losses=("kd",))))
    direct, by_way = [row.speedup for row in summary.students]
    to_small = {model.models[0][1]: model.timings[0].ratio for model in summary.deployed}
    assert direct == to_small["big"]
    wide, thin = to_small["wide"], to_small["thin"]
    assert wide is not None
    assert thin is not None
    assert by_way == wide.over(thin)
    assert [row.speedup.estimate for row in summary.students if row.speedup] == pytest.approx([8, 8], rel=0.03)


def test_a_tie_is_no_timing_of_its_architecture() -> None:
    with_tie, without = (deployed_of(make_results(Shape(ties=ties))) for ties in (True, False))
    assert [len(model.timings) for model in with_tie] == [1, 1]
    assert with_tie == without


# A timing, a sweep, and what is missing


def around(center: float, step: float):
    """Three sessions whose log ratios are a step apart. An interval of 3 looks is 2 x 7.6488 / sqrt(3) steps wide."""
    return tuple((pair_of(math.exp(center + n * step)),) for n in (-1, 0, 1))


def one_timing(**changes: object):
    results = make_results(Shape(losses=("cross_entropy",)))
    small = results.latencies[0].architecture
    record = latency_record(architecture=small, reference=small, **changes)
    (model,) = [model for model in deployed_of(replace(results, latencies=(record,))) if model.architecture == small]
    (timing,) = model.timings
    return timing


def test_cold_figures_are_medians_of_processes() -> None:
    starts = [(0.1, 0.01, 100), (0.9, 0.02, 300), (0.2, 0.09, 101)]
    cold = tuple(ColdStart(load_seconds=a, first_run_seconds=b, memory_bytes=c) for a, b, c in starts)
    timing = one_timing(cold=cold)
    assert (timing.load_seconds, timing.first_run_seconds, timing.memory_bytes) == (0.2, 0.02, 101)


def test_the_reference_has_no_ratio_and_others_have() -> None:
    assert one_timing().ratio is None
    big = next(model for model in deployed_of(make_results()) if ("teacher", "big") in model.models)
    assert big.timings[0].ratio is not None
    assert big.timings[0].ratio.estimate == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize(("step", "settled"), [(0.005, True), (0.006, False)])  # .0223 and .0268 of 0.05 / 2
def test_a_timing_that_is_wider_than_asked_for_is_told(step: float, settled: bool) -> None:
    assert one_timing(sessions=around(0.0, step)).settled == settled


def test_energy_is_passed_on_with_its_reason() -> None:
    assert one_timing().energy == Energy(reason="no RAPL counter")
    joules = deployed_of(make_results(Shape(joules=0.002)))[0].timings[0].energy.joules_per_unit
    assert joules == pytest.approx(0.002)


def test_throughput_by_hand() -> None:
    results = make_results()
    small = results.latencies[0].architecture
    # 100, 110, 150 and 290 us a call for 1, 2, 4 and 8 samples: 10,000, 18,182, 26,667 and 27,586 samples a second.
    # 95 % of the peak are 26,207, which a batch of 4 reaches.
    batches = [
        {"batch": batch, "sessions": [[pair_of(took).model_dump(), pair_of(took).model_dump()], [pair_of(9e9).model_dump()]]}
        for batch, took in ((1, 100.0), (2, 110.0), (4, 150.0), (8, 290.0))
    ]  # fmt: skip
    record = ThroughputRecord.model_validate(
        {"architecture": small, "reference": small, "how": HOW, "batches": batches, "ended": "enough", "machine": {},
         "finished": ""}
    )  # fmt: skip
    deployed = deployed_of(replace(results, throughputs=(record,)))
    (found,) = next(model.throughputs for model in deployed if model.architecture == small)
    assert [(batch, round(rate)) for batch, rate in found.rates] == [(1, 10000), (2, 18182), (4, 26667), (8, 27586)]
    assert (round(found.peak), found.batch, found.ended) == (27586, 4, "enough")
    assert next(model.throughputs for model in deployed if model.architecture != small) == ()


def missing_of(results: ResultSet) -> list[tuple[str, str, str]]:
    return [(m.models[0][1], each.how.label, each.reason) for m in deployed_of(results) for each in m.not_measured]


SILENT = "asked for, but the run has neither a timing nor a reason"


def test_what_was_asked_for_and_has_neither_timing_nor_reason_is_named() -> None:
    results = make_results(Shape(batch_sizes=(1, 32), not_measured=(("cuda", "no such provider"),)))
    big = next(record.architecture for record in results.latencies if record.kind == "latency")
    kept = tuple(r for r in results.latencies if (r.architecture, r.how.batch) != (big, 32))
    assert missing_of(replace(results, latencies=kept)) == [
        ("big", "cuda, 1 thread, batch 1", "no such provider"),
        ("big", "cuda, 1 thread, batch 32", "no such provider"),
        ("big", "cpu, 1 thread, batch 32", SILENT),
        ("small", "cuda, 1 thread, batch 1", "no such provider"),
        ("small", "cuda, 1 thread, batch 32", "no such provider"),
    ]
    assert missing_of(make_results(Shape(batch_sizes=(1, 32)))) == []


@pytest.mark.parametrize(("cores", "label"), [(6, "cpu, 6 threads, batch 1"), (None, "cpu, 1 thread, batch 1")])
def test_all_cores_are_those_of_the_machine_that_ran(cores: int | None, label: str) -> None:
    results = make_results(Shape(losses=("cross_entropy",), latency=False))
    suite = results.run.suite | {"latency": {"batch_sizes": [1], "threads": ["cores"]}}
    environment = {key: value for key, value in results.run.machine.items() if key != "timing_cores"}
    environment |= {} if cores is None else {"timing_cores": cores}
    run = results.run.model_copy(update={"suite": suite, "machine": environment})
    assert missing_of(replace(results, run=run)) == [("big", label, SILENT), ("small", label, SILENT)]


def test_variants_are_architectures_of_their_own_and_stand_last() -> None:
    results = make_results(Shape(variants=("fp32", "fp16", "int8_static")))
    found = deployed_of(results)
    assert [(model.models, model.variant) for model in found] == [
        ((("teacher", "big"),), "fp32"),
        ((("student", "small"),), "fp32"),
        ((("teacher", "big"),), "fp16"),
        ((("student", "small"),), "fp16"),
        ((("teacher", "big"),), "int8_static"),
        ((("student", "small"),), "int8_static"),
    ]
    assert [model.onnx_bytes for model in found] == [400_000, 50_000, 200_000, 25_000, 100_000, 12_500]
    reason = NotMeasured(architecture=found[3].architecture, how=HOW, reason="half precision has no kernels")
    run = results.run.model_copy(update={"not_measured": (reason,)})
    kept = tuple(record for record in results.latencies if record.architecture != found[3].architecture)
    assert deployed_of(replace(results, run=run, latencies=kept))[3].not_measured == (reason,)


def test_every_record_kind_is_made_up_for_other_tests() -> None:
    results = make_results(Shape(ties=True))
    assert {record.kind for record in results.latencies} == {"latency", "noise", "tie"}
    assert all(LatencyRecord.model_validate_json(record.model_dump_json()) == record for record in results.latencies)
