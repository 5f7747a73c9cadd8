from kdbench.results import DriftFacts
from kdbench.results.timings import Energy
from tests.records import Shape, latency_record, make_results


def test_costs_alone_and_shared_by_hand() -> None:
    # Own steps 0.80 s, evaluation 0.10 s; data 0.20 s for 4 models; a live teacher 0.90 s, recalled 0.06 s for 2 models
    results = make_results(Shape(seeds=1, losses=("cross_entropy", "kd", "dkd", "fitnet")))
    costs = {entry.loss: results.trials[entry.key].training for entry in results.run.entries if entry.role == "student"}
    found = {
        loss: (cost.teacher, round(cost.alone_seconds, 9), round(cost.shared_seconds, 9))
        for loss, cost in costs.items()
    }
    assert found == {
        "cross_entropy": ("none", 1.1, 0.95),  # 0.80 + 0.10 + 0.20; 0.80 + 0.10 + 0.05
        "kd": ("cached", 2.0, 0.98),  # + 0.90 live; + 0.06 / 2
        "dkd": ("cached", 2.0, 0.98),
        "fitnet": ("live", 2.0, 1.85),  # alone in asking live, so all 0.90 s are its own
    }


def test_the_cost_of_two_parts_adds_up() -> None:
    first = next(iter(make_results(Shape()).records.values())).training
    first = first.model_copy(update={"step_seconds": 2.0, "teacher_seconds_alone": 0.5, "peak_memory_bytes": 7})
    counted = {"steps": 80, "samples": 10_000}  # from the beginning
    second = first.model_copy(update={"step_seconds": 3.0, "peak_memory_bytes": 5, "wall_seconds": 1.0, **counted})
    both = second.after(first)
    assert (both.step_seconds, both.teacher_seconds_alone, both.wall_seconds) == (5.0, 1.0, 13.0)
    assert (both.steps, both.samples, both.peak_memory_bytes) == (80, 10_000, 7)


def test_the_validation_accuracy_of_a_trial_is_that_of_the_selected_epoch() -> None:
    record = next(iter(make_results(Shape(epochs=3)).records.values()))
    chosen = record.model_copy(update={"selected_epoch": 1})
    assert chosen.validation_top1 == record.curve[1].validation_top1 != record.validation_top1


def test_the_share_of_flips_is_of_all_samples() -> None:
    assert DriftFacts(largest=0.1, flips=3, samples=12).share == 0.25


def test_a_record_knows_what_it_was_timed_against() -> None:
    assert latency_record().kind == "noise"
    assert latency_record(onnx_sha256="2" * 64).kind == "tie"
    assert latency_record(architecture="big").kind == "latency"
    # Another graph is another network even where, by mistake, the files are the same.
    assert latency_record(architecture="big", onnx_sha256="1" * 64).kind == "latency"


def test_energy_is_net_of_the_power_at_rest() -> None:
    # 150 J in 10 s at 10 W of rest are 50 J for 1000 samples.
    assert Energy(joules=150.0, idle_watts=10.0, seconds=10.0, units=1000).joules_per_unit == 0.05


def test_no_energy_is_told_without_a_counter() -> None:
    for energy in (
        Energy(reason="none"),
        Energy(joules=150.0, seconds=10.0, units=1000),
        Energy(joules=150.0, idle_watts=10.0, seconds=10.0),
    ):
        assert energy.joules_per_unit is None
