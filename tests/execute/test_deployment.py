"""What follows training: only what is missing is exported, made and evaluated, and nothing of it breaks a run."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from kdbench import api
from kdbench.deploy.runtime.evaluate import agree, predict_all, score
from kdbench.execute.deployment import AT_ONCE, Deployed, deploy, to_be_timed
from kdbench.execute.events import Evaluated, Exported, NotExported, RunEvent, TrialEnded
from kdbench.execute.jobs import export as export_jobs
from kdbench.execute.jobs.context import Context
from kdbench.execute.jobs.records import Done, ExportTrials, MakeVariant, TrialsExported
from kdbench.execute.jobs.samples import chunks_of_test
from kdbench.execute.workers.job import Job
from kdbench.execute.workers.messages import Crashed, Noted, Refused
from kdbench.results import Outcome, ResultSet, Store, load_suite_results
from kdbench.results.keys import artifact_key
from kdbench.results.machine.processor import instruction_set
from kdbench.spec import Gate, Plan, Problem, Record, Suite, Trial, UserError
from kdbench.spec.variants import Fp16, Fp32, Int8Dynamic, Variant
from tests.execute.running import Scripted, place, put_onnx, put_weights, run
from tests.results.machine.machines import ALDER_LAKE, ZEN3, ZEN4, linux
from tests.small import small_suite

KILLED = "its process was killed by SIGKILL"
UNTIMED = {"latency": {"batch_sizes": []}}
ONCE = {"batch_sizes": [1], "margin": 10.0, "largest_batch": 1}
TILTED = {"use": "rotation", "degrees": 15.0, "name": "tilted"}
FADED = {"use": "contrast", "factor": 0.4, "name": "faded"}
TOP_3 = {"use": "top_k", "k": 3}
SEVEN_BITS = Int8Dynamic(reduce_range=True)  # what it computes does not depend on the processor


def suite(**changes: object) -> Suite:
    return small_suite(**{"seeds": 1, **UNTIMED, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a teacher and two students, clean and under one condition."""
    root = tmp_path_factory.mktemp("trained")
    run(suite(conditions=[TILTED]), place(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(trained, tmp_path / "results"))


def loaded(root: Path) -> ResultSet:
    return load_suite_results(Store(root), "small")


def evaluated(heard: Iterable[RunEvent]) -> list[tuple[str, int]]:
    return [(event.what, event.models) for event in heard if isinstance(event, Evaluated)]


def exported(heard: Iterable[RunEvent]) -> list[str]:
    return [event.variant for event in heard if isinstance(event, Exported)]


def times(root: Path, folder: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (root / folder).glob("*")}


def artifact(trial: str, variant: Variant | None = None) -> str:
    return artifact_key(trial, variant or Fp32(), instruction_set())


def test_files_that_are_not_those_of_their_records_are_refused(root: Path) -> None:
    """One bit of the weights, and another network's file."""
    store, (teacher, student, *_) = Store(root), loaded(root).trials
    weights, file = store.weights(teacher), store.onnx(artifact(student))
    damaged, whole = bytearray(weights.read_bytes()), weights.read_bytes()
    damaged[-3] ^= 1
    weights.write_bytes(damaged)
    shutil.rmtree(store.artifact_folder(artifact(teacher)))
    with pytest.raises(UserError, match=r"weights.safetensors' does not hold .*\n.*remove '.*', and run again"):
        run(suite(), place(root))
    weights.write_bytes(whole)
    run(suite(), place(root))
    shutil.copy(store.onnx(artifact(teacher)), file)
    with pytest.raises(UserError, match=r"model.onnx' is not the file .*\n.*remove '.*', and run again"):
        run(suite(conditions=[TILTED]), place(root))
    shutil.rmtree(file.parent)  # as it is told
    run(suite(conditions=[TILTED]), place(root))


# Export


def test_a_trial_without_its_file_is_exported_and_not_trained_again(root: Path) -> None:
    before = loaded(root)
    for key in before.artifacts:
        shutil.rmtree(Store(root).artifact_folder(key))
    record, heard = run(suite(conditions=[TILTED]), place(root))
    assert exported(heard) == ["fp32"] * 3
    assert not [event for event in heard if isinstance(event, TrialEnded)]
    assert evaluated(heard) == []  # by the same keys
    after = loaded(root)
    assert set(record.artifacts) == set(before.run.artifacts)
    for key, found in after.trials.items():
        assert found.model == before.trials[key].model  # the same bytes of the file
        assert found.parity == before.trials[key].parity


def test_a_file_that_differs_from_its_network_fails_the_row_and_no_student(root: Path) -> None:
    """The network of the weights is compared: here weights that are not finite, which agree with nothing."""
    teacher = next(entry.key for entry in loaded(root).run.entries if entry.role == "teacher")
    shutil.rmtree(Store(root).artifact_folder(artifact(teacher)))
    weights = load_file(Store(root).weights(teacher))
    put_weights(Store(root), teacher, {name: value * float("nan") for name, value in weights.items()})
    record, heard = run(suite(conditions=[TILTED]), place(root))
    (event,) = (event for event in heard if isinstance(event, NotExported))
    assert event.key == teacher
    outcomes = {key: outcome.status for key, outcome in record.outcomes.items()}
    assert outcomes.pop(teacher) == "failed"
    assert set(outcomes.values()) == {"done"}
    assert "differs from torch" in (record.outcomes[teacher].reason or "")
    assert teacher not in loaded(root).trials


# Evaluation


def test_every_file_is_evaluated_clean_and_under_every_condition(trained: Path) -> None:
    results = loaded(trained)
    (condition,) = results.suite.conditions
    assert len(results.evaluations) == 2 * len(results.trials) == 6
    for trial in results.trials.values():
        tilted = results.evaluation(trial.exported.key, condition)
        assert tilted is not None
        assert tilted.condition == {"use": "rotation", "options": {"degrees": 15.0}, "origin": None}
        assert (tilted.cpu_seconds, tilted.agreement) == (None, None)
        assert tilted.predictions.samples == trial.test.samples == 359
        assert 0.05 < tilted.predictions.top1 <= trial.test.top1 + 0.1
        assert tilted.predictions.loss != trial.test.loss
        assert (tilted.predictions.correct != trial.test.correct).any()
        assert 0 < trial.cpu_seconds < 5


def test_what_was_evaluated_is_not_evaluated_again(root: Path) -> None:
    before = times(root, Store.EVALUATIONS)
    record, heard = run(suite(conditions=[TILTED]), place(root))
    assert heard == []
    assert len(record.evaluations) == 6
    assert times(root, Store.EVALUATIONS) == before


def test_another_list_of_conditions_evaluates_what_is_new_and_trains_nothing(root: Path) -> None:
    before = times(root, Store.EVALUATIONS)
    record, heard = run(suite(conditions=[FADED, TILTED]), place(root))
    assert evaluated(heard) == [("condition faded", 3)]
    assert record.trained == ()
    assert len(record.evaluations) == 9
    after = times(root, Store.EVALUATIONS)
    assert len(after) == 9
    assert before.items() <= after.items()


def test_fewer_conditions_are_fewer_records_of_the_run(root: Path) -> None:
    record, heard = run(suite(conditions=[]), place(root))
    assert len(record.evaluations) == len(loaded(root).evaluations) == 3
    assert heard == []
    assert len(times(root, Store.EVALUATIONS)) == 6  # they stay, for a suite that asks for them


def test_a_check_measures_only_what_its_gates_hold_and_finds_what_is_there(root: Path) -> None:
    pale = {"use": "contrast", "factor": 0.2, "name": "pale"}
    asked = suite(conditions=[TILTED, FADED, pale], variants=["fp32", "fp16"], latency=ONCE)
    record, heard = run(asked, place(root), gates=(Gate(metric="top1", condition="faded", may_drop=0.1),))
    assert evaluated(heard) == [("condition faded", 3)]
    assert exported(heard) == []
    assert len(record.evaluations) == 9  # clean, faded, and tilted from the earlier run
    assert (record.latencies, record.not_measured) == ((), ())
    assert record.notes == ("not evaluated by this check, as no gate is of such a condition: pale",)


def test_another_name_evaluates_nothing(root: Path) -> None:
    _, heard = run(suite(conditions=[{**TILTED, "name": "crooked"}]), place(root))
    assert heard == []
    results = loaded(root)
    (condition,) = results.suite.conditions
    assert condition.label == "crooked"
    assert all(results.evaluation(trial.exported.key, condition) for trial in results.trials.values())


def test_another_severity_is_another_condition(root: Path) -> None:
    _, heard = run(suite(conditions=[{**TILTED, "degrees": 30.0}]), place(root))
    assert evaluated(heard) == [("condition tilted", 3)]
    assert len(times(root, Store.EVALUATIONS)) == 9


def test_a_new_loss_is_evaluated_alone(root: Path) -> None:
    _, heard = run(suite(conditions=[TILTED], losses=["cross_entropy", "kd", "logit_mse"]), place(root))
    assert evaluated(heard) == [("clean images", 1), ("condition tilted", 1)]


def test_another_metric_is_another_evaluation_of_everything(root: Path) -> None:
    record, heard = run(suite(conditions=[TILTED], metrics=[TOP_3]), place(root))
    assert evaluated(heard) == [("clean images", 3), ("condition tilted", 3)]
    results = loaded(root)
    assert all(evaluation.scores.keys() == {"top_k(k=3)"} for evaluation in results.evaluations.values())
    named = {**TOP_3, "name": "best three"}
    again, heard = run(suite(conditions=[TILTED], metrics=[named]), place(root))
    assert (heard, again.evaluations) == ([], record.evaluations)
    results = loaded(root)
    assert all(results.scores(found).keys() == {"best three"} for found in results.evaluations.values())


def test_a_condition_that_cannot_serve_is_a_note_and_the_others_are_evaluated(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weather.py").write_text(
        "from kdbench.zoo.interface import NotApplicable\n"
        "def fog(images, draw):\n    raise NotApplicable('it is indoors')\n"
        "def storm(images, draw):\n    raise RuntimeError('struck by lightning')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    places = [{"use": "weather:fog", "name": "fog"}, {"use": "weather:storm", "name": "storm"}, FADED]
    record, heard = run(suite(conditions=places), place(root, plugins=("weather",)))
    assert record.notes == (
        "condition 'fog' was not evaluated: it is indoors",
        "a job crashed after training, and its figures are missing: RuntimeError: struck by lightning",
    )
    assert evaluated(heard) == [("condition faded", 3)]
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.evaluations) == 6


def test_a_damaged_file_loses_its_own_figures_alone(root: Path) -> None:
    store = Store(root)
    key = next(entry.key for entry in store.latest_run("small").entries if entry.loss == "kd")
    put_onnx(store, artifact(key), b"not a graph")
    record, heard = run(suite(conditions=[FADED], variants=["fp32", "fp16"]), place(root))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert evaluated(heard) == [("clean images", 2), ("condition faded", 1), ("condition faded", 1)]  # one by one
    assert len(loaded(root).variants) == 2
    assert any("a job crashed after training" in note or "was not made" in note for note in record.notes)


def plan_and_done(where: Suite) -> tuple[Plan, dict[str, Outcome]]:
    plan = api.plan(where)
    return plan, dict.fromkeys(plan.trials, Outcome(status="done"))


def deployed(
    root: Path, where: Suite, answer: Callable[[Job[Any]], Iterable[Record]], **outcomes: Outcome
) -> tuple[Deployed, list[RunEvent], Scripted]:
    plan, done = plan_and_done(where)
    executor, heard = Scripted(answer), list[RunEvent]()
    events = deploy(plan, {**done, **outcomes}, place(root, executor=executor), plan.suite)
    found = api.drain(events, heard.append)
    return found, heard, executor


def put_files(root: Path, where: Suite) -> None:
    """Records and empty files of all trials of a suite, as if they had been exported."""
    for trial in api.plan(where).trials:
        with Store(root).new_artifact(artifact(trial)) as folder:
            for name in (Store.ARTIFACT, Store.ONNX):
                (folder / name).write_bytes(b"")


def test_files_share_the_corrupted_images_in_jobs_of_bounded_size(tmp_path: Path) -> None:
    many = suite(seeds=20, losses=["cross_entropy"], conditions=[TILTED, FADED])
    put_files(tmp_path, many)
    found, heard, executor = deployed(tmp_path, many, lambda job: [Done()])
    sizes = [(job.condition and job.condition.label, len(job.keys)) for job in executor.asked]
    assert AT_ONCE == 16
    assert sizes == [(None, 16), (None, 5), ("tilted", 16), ("tilted", 5), ("faded", 16), ("faded", 5)]
    assert len({key for job in executor.asked[:2] for key in job.keys}) == 21
    assert {(event.models, event.of) for event in heard if isinstance(event, Evaluated)} == {(16, 21), (5, 21)}
    assert found.evaluations == ()  # nothing was written
    assert len(found.artifacts) == 21


def test_trials_of_one_model_are_exported_together(tmp_path: Path) -> None:
    many = suite(seeds=20, losses=["cross_entropy"])
    _, _, executor = deployed(tmp_path, many, lambda job: [])
    assert [(type(job), len(job.keys)) for job in executor.asked] == [
        (ExportTrials, 1),
        (ExportTrials, 16),
        (ExportTrials, 4),
    ]


def test_only_finished_trials_are_exported(tmp_path: Path) -> None:
    key = next(iter(api.plan(suite()).trials))
    for status in ("failed", "skipped"):
        _, _, executor = deployed(tmp_path, suite(), lambda job: [], **{key: Outcome(status=status)})
        keys = [key for job in executor.asked for key in job.keys]
        assert len(keys) == 2
        assert key not in keys


def test_an_export_that_dies_is_repeated_one_by_one_and_fails_that_trial_alone(tmp_path: Path) -> None:
    plan = api.plan(suite())
    first = next(entry.key for entry in plan.entries if entry.role == "student")

    def answer(job: ExportTrials) -> list[Record]:
        return [Crashed(reason=KILLED) if first in job.keys else TrialsExported(failures={})]

    _, heard, executor = deployed(tmp_path, suite(), answer)
    assert [len(job.keys) for job in executor.asked] == [1, 2, 1, 1]
    assert [event for event in heard if isinstance(event, NotExported)] == [NotExported(key=first, reason=KILLED)]
    assert {event.key for event in heard if isinstance(event, Exported)} == {*plan.trials} - {first}


def test_a_file_that_is_not_right_is_reported_and_the_others_of_its_job_are_there(tmp_path: Path) -> None:
    first = next(entry.key for entry in api.plan(suite()).entries if entry.role == "student")

    def answer(job: ExportTrials) -> list[Record]:
        return [TrialsExported(failures={first: "it differs"} if first in job.keys else {})]

    _, heard, executor = deployed(tmp_path, suite(), answer)
    assert len(executor.asked) == 2  # nothing is repeated
    assert [event for event in heard if isinstance(event, NotExported)] == [NotExported(key=first, reason="it differs")]
    assert len([event for event in heard if isinstance(event, Exported)]) == 2


def test_bad_input_found_by_a_job_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data"):
        deployed(tmp_path, suite(), lambda job: [Refused(problems=(Problem("no data"),))])


# Variants


def test_every_file_is_made_into_every_variant(root: Path) -> None:
    store = Store(root)
    record, heard = run(suite(variants=["fp32", "fp16", SEVEN_BITS]), place(root))
    assert record.trained == ()
    assert exported(heard) == ["fp16"] * 3 + [SEVEN_BITS.label] * 3
    assert evaluated(heard) == [("clean images", 6)]
    assert record.notes == ()
    results = loaded(root)
    assert len(results.variants) == 6
    for made in results.variants:
        source = results.trials[made.trial]
        assert made.key == artifact(made.trial, {"fp16": Fp16(), SEVEN_BITS.label: SEVEN_BITS}[made.label])
        assert made.artifact.parity is None
        size = store.onnx(made.key).stat().st_size
        assert made.model.onnx_bytes == size < source.model.onnx_bytes
        assert made.model.architecture != source.model.architecture
        assert made.model.weights_sha256 == source.model.weights_sha256
        assert made.test.samples == made.drift.samples == 359
        assert 0 < made.drift.largest < 0.5
        assert made.drift.flips <= 36
        assert abs(made.test.top1 - source.test.top1) <= made.drift.share + 1e-9
        assert made.clean.agreement is None


def test_a_variants_accuracy_is_that_of_its_file(root: Path) -> None:
    run(suite(variants=["int8_static"]), place(root))
    made = loaded(root).variants[0]
    source = loaded(root).trials[made.trial]
    splits = Context(place(root).setting()).splits(suite().data)
    files = [Store(root).onnx(source.exported.key), Store(root).onnx(made.key)]
    (others, logits), labels = predict_all(files, chunks_of_test(splits))
    assert score(logits, labels) == made.test
    assert score(others, labels) == source.test
    assert made.drift.flips == int((logits.argmax(1) != others.argmax(1)).sum())
    assert made.drift.largest == pytest.approx(np.abs(logits - others).max() / others.std(), rel=1e-4)


def variants_made(root: Path) -> set[tuple[str, object, tuple[str, ...]]]:
    """Label, 7 bits or not, and the instruction set of the processor that they were made on."""
    made = (result.artifact for result in loaded(root).variants)
    return {(m.label, m.variant["reduce_range"], tuple(m.machine["instruction_set"])) for m in made}


def test_the_processor_decides_how_many_bits_weights_take(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = suite(variants=["int8_dynamic", {"use": "int8_static", "reduce_range": False, "samples": 8}])
    for cpuinfo, made in (
        (ZEN4, {("int8_dynamic", False), ("int8_static(samples=8)", False)}),
        (ZEN3, {("int8_dynamic(reduce_range=true)", True), ("int8_static(samples=8)", False)}),  # the latter insists
        (ALDER_LAKE, {("int8_dynamic", False), ("int8_static(samples=8)", False)}),
    ):
        linux(monkeypatch, cpuinfo)
        record, heard = run(asked, place(root))
        assert len(exported(heard)) == 6, "what was made on another processor says nothing of this one"
        assert len(record.artifacts) == 9
        assert variants_made(root) == {(label, seven_bits, instruction_set()) for label, seven_bits in made}


def test_variants_that_come_to_the_same_are_made_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linux(monkeypatch, ZEN3)
    _, heard = run(suite(variants=["int8_dynamic", SEVEN_BITS]), place(root))
    assert exported(heard) == [SEVEN_BITS.label] * 3


def test_a_further_variant_is_made_alone(root: Path) -> None:
    run(suite(variants=["fp16"]), place(root))
    before = times(root, "artifacts")
    record, heard = run(suite(variants=[SEVEN_BITS, "fp32", "fp16"]), place(root))
    assert exported(heard) == [SEVEN_BITS.label] * 3
    assert len(record.artifacts) == 9
    assert before.items() <= times(root, "artifacts").items()
    _, heard = run(suite(variants=[SEVEN_BITS, "fp32", "fp16"]), place(root))
    assert heard == []


def test_a_variant_that_cannot_be_made_is_a_note_and_no_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = export_jobs.make.make_variant

    def make_variant(variant, source, target, images):
        if isinstance(variant, Fp16):
            raise export_jobs.VariantError("no fp16: the model has a constant of 70,000")
        return real(variant, source, target, images)

    monkeypatch.setattr(export_jobs.make, "make_variant", make_variant)
    record, _ = run(suite(variants=["fp16", SEVEN_BITS]), place(root))
    assert record.notes == ("variant fp16 was not made: no fp16: the model has a constant of 70,000",)
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(loaded(root).variants) == 3
    assert not list((root / "artifacts").glob(".*"))


def test_a_job_that_dies_is_a_note_and_its_variant_is_missing(tmp_path: Path) -> None:
    where = suite(variants=["fp16"])
    put_files(tmp_path, where)
    found, heard, executor = deployed(
        tmp_path, where, lambda job: [Crashed(reason=KILLED) if isinstance(job, MakeVariant) else Done()]
    )
    assert len(executor.all(MakeVariant)) == 3
    text = f"a job crashed after training, and its figures are missing: {KILLED}"
    assert [event.text for event in heard if isinstance(event, Noted)] == [text] * 3
    assert len(found.artifacts) == 3


def test_the_keys_of_a_run_are_those_of_the_store(root: Path) -> None:
    record = Store(root).latest_run("small")
    results = loaded(root)
    assert set(record.artifacts) == {artifact(key) for key in record.outcomes}
    assert list(results.artifacts) == list(record.artifacts)
    assert list(results.evaluations) == list(record.evaluations)
    for key, evaluation in results.evaluations.items():
        assert evaluation.key == key


def test_a_note_is_kept_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make_variant(job: MakeVariant) -> Done:
        return Done(reason="the same for all")

    monkeypatch.setattr(export_jobs, "make_variant", make_variant)
    record, heard = run(suite(variants=["fp16"]), place(root))
    assert record.notes == ("variant fp16 was not made: the same for all",)
    assert sum(isinstance(message, Noted) for message in heard) == 3


# What is timed of it


def test_one_network_for_each_architecture_and_one_for_each_further_loss(root: Path) -> None:
    store = Store(root)
    run(suite(seeds=2, losses=["cross_entropy", "kd", "logit_mse"]), place(root))
    plan, done = plan_and_done(suite(seeds=2, losses=["cross_entropy", "kd", "logit_mse"]))
    networks, ties = to_be_timed(plan, done, store)
    entries = {entry.key: entry for entry in plan.entries}
    assert [(n.label, entries[n.trial].role, entries[n.trial].seed) for n in networks] == [
        ("mlp(hidden=32)", "teacher", 0),
        ("mlp(hidden=8)", "student", 0),
    ]
    assert [(entries[n.trial].loss, entries[n.trial].seed) for n in ties] == [("kd", 0), ("logit_mse", 0)]
    for network in (*networks, *ties):
        facts = store.read_artifact(artifact(network.trial)).model
        assert (network.architecture, network.sha256, network.flops) == (
            facts.architecture,
            facts.onnx_sha256,
            facts.flops,
        )
        assert network.onnx == store.onnx(artifact(network.trial))
        assert network.variant == "fp32"


def test_where_the_first_seed_failed_the_next_stands_in(root: Path) -> None:
    plan, done = plan_and_done(suite(seeds=2))
    run(suite(seeds=2), place(root))
    first = next(entry.key for entry in plan.entries if entry.loss == "kd")
    _, ties = to_be_timed(plan, {**done, first: Outcome(status="failed", reason="NaN")}, Store(root))
    assert [plan.trials[network.trial].seed for network in ties] == [1]


def test_every_variants_architecture_is_timed_once(root: Path) -> None:
    changes = {"variants": ["fp32", "fp16", SEVEN_BITS]}
    run(suite(**changes), place(root))
    plan, done = plan_and_done(suite(**changes))
    networks, ties = to_be_timed(plan, done, Store(root))
    assert sorted((network.label, network.variant) for network in networks) == [
        ("mlp(hidden=32)", "fp32"),
        ("mlp(hidden=32) as fp16", "fp16"),
        (f"mlp(hidden=32) as {SEVEN_BITS.label}", "int8_dynamic"),
        ("mlp(hidden=8)", "fp32"),
        ("mlp(hidden=8) as fp16", "fp16"),
        (f"mlp(hidden=8) as {SEVEN_BITS.label}", "int8_dynamic"),
    ]
    assert len({network.architecture for network in networks}) == 6
    assert all(network.onnx.is_file() for network in networks)
    assert len(ties) == 1


# Steps on the way to a reported student


def test_steps_are_trained_and_neither_exported_nor_evaluated_nor_timed(tmp_path: Path) -> None:
    generations = [{"use": "generations", "count": 2}]
    where = suite(losses=["kd"], teaching=generations, conditions=[TILTED], latency=ONCE)
    record, _ = run(where, place(tmp_path))
    results = loaded(tmp_path)
    (step,) = (entry.key for entry in record.entries if entry.role == "step")
    assert record.outcomes[step].status == "done"
    assert Store(tmp_path).is_trained(step)
    reported = {entry.key for entry in record.entries if entry.role != "step"}
    assert results.trials.keys() == reported == results.records.keys() - {step}
    assert {found.trial for found in results.artifacts.values()} == reported
    assert {found.trial for found in results.evaluations.values()} == reported
    assert step not in {timing.trial for timing in results.latencies}


def test_a_step_that_is_reported_later_is_exported_without_training(tmp_path: Path) -> None:
    """The first generation is the student that a single teacher teaches."""
    run(suite(losses=["kd"], teaching=[{"use": "generations", "count": 2}]), place(tmp_path))
    before = loaded(tmp_path)
    (step,) = (entry.key for entry in before.run.entries if entry.role == "step")
    record, heard = run(suite(losses=["kd"]), place(tmp_path))
    assert record.trained == ()
    assert exported(heard) == ["fp32"]
    after = loaded(tmp_path)
    assert step in after.trials
    assert after.trials[step].record == before.records[step]


def test_a_student_of_several_teachers_agrees_with_what_they_put_out_together(tmp_path: Path) -> None:
    wanted = suite(losses=["kd"], teaching=[{"use": "ensemble", "count": 2, "combine": "logits"}])
    run(wanted, place(tmp_path))
    results = loaded(tmp_path)
    (student,) = (entry.key for entry in results.run.entries if entry.role == "student")
    splits = Context(place(tmp_path).setting()).splits(wanted.data)
    keys = [
        artifact(student),
        *(artifact(key) for key in Trial.model_validate(results.records[student].trial).teachers),
    ]
    (own, *taught), _ = predict_all([Store(tmp_path).onnx(key) for key in keys], chunks_of_test(splits))
    expected = agree(own, np.mean(taught, axis=0))
    agreement = results.trials[student].agreement
    assert agreement is not None
    assert len(taught) == 2
    assert agreement.top1 == expected.top1
    assert agreement.kl == pytest.approx(expected.kl, rel=1e-4)
