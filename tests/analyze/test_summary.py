from dataclasses import replace

import pytest

from kdbench.analyze import summarize
from kdbench.results import Layout, Outcome
from tests.records import Shape, edited, make_results

TWO = (("big", "small"), ("wide", "thin"))


def table(pair, loss, seed):
    return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92}[loss] + 0.001 * seed * (1 + (loss == "kd"))


def test_figures_of_a_row_by_hand():
    summary = summarize(make_results(Shape(accuracy=table)))
    alone, kd = summary.students
    assert alone.alone
    assert alone.gain is None
    assert kd.top1.values == (0.92, 0.922, 0.924)
    assert kd.gain.estimate.values == (pytest.approx(0.02), pytest.approx(0.021), pytest.approx(0.022))
    assert kd.gain.verdict == "undecided"  # three seeds make no claim
    assert kd.gain.least_detectable == pytest.approx(3.27 * 0.001, rel=0.01)
    assert kd.holm_p == kd.gain.p_value
    assert kd.retention == pytest.approx((0.92 + 0.922 + 0.924) / 3 / 0.95)
    assert (kd.compression_parameters, kd.compression_bytes) == (8.0, 8.0)
    assert kd.speedup.estimate == pytest.approx(8, rel=0.02)
    assert kd.speedup.low < kd.speedup.estimate < kd.speedup.high


def test_correct_per_compute_by_hand():
    row = summarize(make_results(Shape(accuracy=lambda *_: 0.9))).students[0]
    # 10,000 samples of 900,000 FLOPs are 9 GFLOP; 9,000 are right, 1,000 would be by chance; 0.5 CPU-seconds
    assert row.efficiency.per_gflop == pytest.approx(1000)
    assert row.efficiency.per_gflop_above_chance == pytest.approx(8000 / 9)
    assert row.efficiency.per_cpu_second == pytest.approx(18_000)
    assert row.efficiency.per_cpu_second_above_chance == pytest.approx(16_000)


def test_training_cost_by_hand():
    cost = summarize(make_results(Shape(seeds=1))).students[0].training
    assert cost.step_milliseconds == pytest.approx(0.8 / 200 * 1000)
    assert cost.samples_per_second == pytest.approx(25_000 / 0.8)
    assert cost.cohort == 2


LOSSES = ("cross_entropy", "kd", "dkd", "fitnet")


def test_parts_of_the_cost_are_means_over_seeds() -> None:
    # Seeds 0 and 1: own steps 0.80 and 0.81 s of 200 steps; the rest is the same for both
    rows = {row.loss: row for row in summarize(make_results(Shape(seeds=2, losses=LOSSES))).students}
    kd, fitnet, alone = (rows[loss].training for loss in ("kd", "fitnet", "cross_entropy"))
    assert (kd.evaluation_seconds, kd.data_seconds) == (pytest.approx(0.1), pytest.approx(0.2))
    assert kd.alone_seconds == pytest.approx(0.805 + 0.1 + 0.2 + 0.9)
    assert kd.shared_seconds == pytest.approx(0.805 + 0.1 + 0.2 / 4 + 0.06 / 2)
    assert fitnet.shared_seconds == pytest.approx(0.805 + 0.1 + 0.2 / 4 + 0.9)
    assert alone.alone_seconds == pytest.approx(1.105)
    assert [(cost.teacher, cost.teacher_shared_by) for cost in (kd, fitnet, alone)] == [
        ("cached", 2), ("live", 1), ("none", 1),
    ]  # fmt: skip
    # 0.06 s in 200 steps are 0.3 ms a step, 0.9 s are 4.5 ms
    assert (kd.teacher_milliseconds, kd.teacher_milliseconds_alone) == (pytest.approx(0.3), pytest.approx(4.5))
    assert (alone.teacher_milliseconds, alone.teacher_milliseconds_alone) == (0, 0)
    assert kd.layouts == ((2, 1),)


def changed(results, loss, seed, **cost):
    """The results with other training costs in one record."""
    key = next(e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", loss, seed))
    training = results.trials[key].training.model_copy(update=cost)
    return edited(results, trials=lambda r: r.model_copy(update={"training": training}) if r.key == key else r)


def test_losses_are_ranked_by_the_cost_of_training_them_alone() -> None:
    results = make_results(Shape(seeds=1, losses=LOSSES, pairs=TWO[:1]))
    results = changed(results, "dkd", 0, step_seconds=3.0)
    results = changed(results, "fitnet", 0, step_seconds=0.1, teacher_seconds_alone=0.1)
    found = {row.loss: (row.cost_rank, row.relative_cost) for row in summarize(results).students}
    # Alone: 1.1 s, kd 2.0 s, dkd 3.0 + 0.3 + 0.9 = 4.2 s, fitnet 0.1 + 0.3 + 0.1 = 0.5 s, though it shared nothing
    assert {loss: rank for loss, (rank, _) in found.items()} == {"fitnet": 1, "cross_entropy": 2, "kd": 3, "dkd": 4}
    assert found["cross_entropy"][1] == 1
    assert found["kd"][1] == pytest.approx(2.0 / 1.1)
    assert found["fitnet"][1] == pytest.approx(0.5 / 1.1)


def test_equal_costs_share_a_place_and_each_pair_has_its_own_ranks() -> None:
    rows = summarize(make_results(Shape(losses=LOSSES, pairs=TWO))).students
    assert [row.cost_rank for row in rows] == [1, 2, 2, 2] * 2


def test_without_the_student_alone_there_is_a_rank_and_no_relative_cost() -> None:
    rows = summarize(make_results(Shape(losses=("kd", "fitnet")))).students
    assert [(row.cost_rank, row.relative_cost) for row in rows] == [(1, None), (1, None)]


def test_seeds_that_were_trained_otherwise_are_told() -> None:
    results = changed(
        make_results(Shape(losses=LOSSES)), "kd", 1, teacher="live", processes=1, threads=4, device="cuda"
    )
    cost = next(row for row in summarize(results).students if row.loss == "kd").training
    assert (cost.teacher, cost.layouts, cost.device) == ("cached, live", ((1, 4), (2, 1)), "cpu, cuda")


def test_notes_and_layouts_of_the_run_are_kept() -> None:
    results = make_results()
    layout = Layout(processes=2, threads=1, epoch_seconds=1.5, seconds=30.0)
    run = results.run.model_copy(update={"notes": ("no room",), "layouts": (layout,)})
    summary = summarize(replace(results, run=run))
    assert (summary.notes, summary.layouts) == (("no room",), (layout,))


def test_retention_uses_the_teacher_of_the_seed():
    def accuracy(pair, loss, seed):
        return 0.8 if loss == "teacher" and seed == 0 else 0.9 if loss == "teacher" else 0.72

    row = summarize(make_results(Shape(seeds=3, teacher_seeds=2, accuracy=accuracy))).students[0]
    assert row.retention == pytest.approx((0.9 + 0.8 + 0.9) / 3)


def test_one_seed_gives_figures_without_intervals():
    kd = summarize(make_results(Shape(seeds=1))).students[1]
    assert kd.top1.interval is None
    assert kd.gain.estimate.interval is None
    assert (kd.gain.verdict, kd.gain.least_detectable, kd.holm_p) == ("undecided", None, None)


def test_failed_and_skipped_trials_are_kept_with_their_reasons():
    outcomes = {
        ("big -> small", "kd", 1): Outcome(status="failed", reason="NaN"),
        ("big -> small", "kd", 2): Outcome(status="skipped", reason="no teacher"),
    }
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert [(t.row, t.seed, t.status, t.reason) for t in summary.trouble] == [
        ("kd", 1, "failed", "NaN"),
        ("kd", 2, "skipped", "no teacher"),
    ]
    assert [len(row.seeds) for row in summary.students] == [3, 1]
    assert summary.students[1].gain.seeds == (0,)


def test_a_loss_without_any_result_is_only_trouble():
    outcomes = {("big -> small", "kd", s): Outcome(status="failed", reason=None) for s in range(3)}
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert [row.loss for row in summary.students] == ["cross_entropy"]
    assert {t.reason for t in summary.trouble} == {"no reason was recorded"}


def test_an_entry_without_outcome_is_missing_not_forgotten():
    results = make_results()
    key = results.run.entries[-1].key
    outcomes = {k: v for k, v in results.run.outcomes.items() if k != key}
    run = results.run.model_copy(update={"outcomes": outcomes})
    left = edited(results, trials=lambda record: None if record.key == key else record)
    (trouble,) = summarize(replace(left, run=run)).trouble
    assert trouble.status == "missing"


def test_without_a_teacher_nothing_is_compared_with_it():
    outcomes = {("big -> small", "teacher", 0): Outcome(status="failed", reason="out of memory")}
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert summary.pairs[0].teacher is None
    row = summary.students[0]
    assert (row.retention, row.compression_bytes, row.speedup) == (None, None, None)


def test_nothing_finished():
    outcomes = {
        ("big -> small", loss, s): Outcome(status="failed", reason="x")
        for loss in ("teacher", "cross_entropy", "kd")
        for s in range(3)
    }
    summary = summarize(make_results(Shape(outcomes=outcomes)))
    assert summary.models == ()
    assert len(summary.trouble) == summary.entries == 7
    assert (summary.reference, summary.test_samples) == (None, None)


def test_missing_latency_falls_back_to_flops_and_says_so():
    summary = summarize(make_results(Shape(latency=False)))
    assert summary.reference is None
    assert all(row.p50_microseconds is None for row in summary.models)
    assert all(model.not_measured[0].reason.startswith("asked for") for model in summary.deployed)
    assert any(row.pareto for row in summary.models)


def test_unmeasured_provider_keeps_its_reason():
    summary = summarize(make_results(Shape(not_measured=(("cuda", "no such provider"),))))
    assert [(m.how.provider, m.reason) for d in summary.deployed for m in d.not_measured] == [
        ("cuda", "no such provider")
    ] * 2
    assert summary.reference.how.provider == "cpu"


def test_pareto_front_over_all_pairs():
    level = {(0, "cross_entropy"): 0.90, (0, "kd"): 0.91, (1, "cross_entropy"): 0.89, (1, "kd"): 0.93}
    results = make_results(Shape(pairs=TWO, accuracy=lambda p, loss, s: level.get((p, loss), 0.95)))
    flags = {(row.pair, row.loss): row.pareto for row in summarize(results).students}
    assert flags == {
        ("big -> small", "cross_entropy"): False,
        ("big -> small", "kd"): True,
        ("wide -> thin", "cross_entropy"): False,
        ("wide -> thin", "kd"): True,
    }


def test_the_student_alone_is_known_by_its_loss_not_its_name():
    results = make_results()
    suite = results.run.suite | {"losses": [{"use": "cross_entropy", "name": "labels"}, {"use": "kd", "name": "kd"}]}
    entries = tuple(
        e.model_copy(update={"loss": "labels"}) if e.role == "student" and e.loss == "cross_entropy" else e
        for e in results.run.entries
    )
    run = results.run.model_copy(update={"suite": suite, "entries": entries})
    summary = summarize(replace(results, run=run))
    assert summary.pairs[0].alone.loss == "labels"
    assert summary.students[1].gain is not None


def test_validation_is_that_of_the_selected_epoch_and_apart_from_test():
    shape = Shape(accuracy=table, validation=lambda pair, loss, seed: 0.8 + 0.001 * seed * (loss == "kd"))
    kd = summarize(make_results(shape)).students[1]
    assert [seed.validation_top1 for seed in kd.seeds] == [pytest.approx(value) for value in (0.8, 0.801, 0.802)]
    assert kd.gain.estimate.values[0] == pytest.approx(0.02)


def test_records_of_another_machine_are_counted_once_each():
    results = make_results()
    keys = list(results.trials)
    versions = results.run.machine["versions"] | {"torch": "2.8.0"}
    elsewhere = {keys[0]: {"cpu": "Other CPU", "versions": versions}, keys[1]: {"cpu": "Other CPU"}}

    def move(record):
        changes = elsewhere.get(record.key, {})
        return record.model_copy(update={"machine": record.machine | changes | {"load_average": [9.0, 9.0, 9.0]}})

    timing = results.latencies[0].model_copy(update={"machine": results.run.machine | {"kdbench_source": "another"}})
    shared = results.run.model_copy(update={"entries": (*results.run.entries, results.run.entries[0])})
    found = summarize(replace(edited(results, trials=move), run=shared, latencies=(timing, *results.latencies[1:])))
    assert [(e.fact, e.value, e.trials, e.timings) for e in found.elsewhere] == [
        ("cpu", "Other CPU", 2, 0),
        ("torch", "2.8.0", 1, 0),
        ("kdbench_source", "another", 0, 1),
    ]
    assert summarize(results).elsewhere == ()
