"""Environments and variants of finished models: once each, only what is missing, and nothing that breaks a run."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kdbench import api
from kdbench.deploy.runtime.evaluate import evaluate_onnx
from kdbench.execute.deployment import MODELS_AT_ONCE, evaluate_environments, make_variants, to_be_timed
from kdbench.execute.jobs import deployment as deployed_stages
from kdbench.execute.workers.executors import Item
from kdbench.execute.workers.messages import Crashed, Evaluated, Message, Noted, Refused, TrialEnded
from kdbench.results import Outcome, Store, load_suite_results
from kdbench.results.records import EnvironmentRecord, VariantRecord
from kdbench.results.store import environment_key, variant_key
from kdbench.spec import Plan, Problem, Suite, UserError
from kdbench.spec.variants import Fp16, Int8Dynamic
from tests.execute.running import Scripted, place, run
from tests.small import small_suite

UNTIMED = {"latency": {"batch_sizes": []}}
TILTED = {"use": "rotation", "degrees": 15.0, "name": "tilted"}
FADED = {"use": "contrast", "factor": 0.4, "name": "faded"}


def suite(**changes: object) -> Suite:
    return small_suite(**{"seeds": 1, **UNTIMED, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a teacher and two students, in one environment."""
    root = tmp_path_factory.mktemp("trained")
    run(suite(environments=[TILTED]), place(root))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(trained, tmp_path / "results"))


def evaluated(heard: Iterable[Message]) -> list[tuple[str, int]]:
    return [(message.what, message.models) for message in heard if isinstance(message, Evaluated)]


def times(root: Path, folder: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (root / folder).glob("*")}


# Environments


def test_every_model_is_evaluated_on_the_corrupted_test_split(trained: Path) -> None:
    results = load_suite_results(Store(trained), "small")
    assert len(results.environments) == len(results.trials) == 3
    for record in results.environments:
        clean = results.trials[record.trial].test
        assert record.environment == "tilted"
        assert record.choice["options"] == {"degrees": 15.0}
        assert record.test.samples == clean.samples == 359
        assert 0.05 < record.test.top1 <= clean.top1 + 0.1
        assert record.test.loss != clean.loss
        assert (record.test.correct != clean.correct).any()


def test_what_was_evaluated_is_not_evaluated_again(root: Path) -> None:
    before = times(root, Store.ENVIRONMENTS)
    record, heard = run(suite(environments=[TILTED]), place(root))
    assert heard == []
    assert len(record.environments) == 3
    assert times(root, Store.ENVIRONMENTS) == before


def test_another_list_of_environments_evaluates_what_is_new_and_trains_nothing(root: Path) -> None:
    before = times(root, Store.ENVIRONMENTS)
    record, heard = run(suite(environments=[FADED, TILTED]), place(root))
    assert evaluated(heard) == [("environment faded", 3)]
    assert not [message for message in heard if isinstance(message, TrialEnded)]
    assert record.trained == ()
    assert len(record.environments) == 6
    after = times(root, Store.ENVIRONMENTS)
    assert len(after) == 6
    assert before.items() <= after.items()
    names = [found.environment for found in load_suite_results(Store(root), "small").environments]
    assert sorted(names) == ["faded"] * 3 + ["tilted"] * 3


def test_fewer_environments_are_fewer_records_of_the_run(root: Path) -> None:
    record, heard = run(suite(environments=[]), place(root))
    assert record.environments == ()
    assert load_suite_results(Store(root), "small").environments == ()
    assert heard == []
    assert len(times(root, Store.ENVIRONMENTS)) == 3  # they stay, for a suite that asks for them


def test_another_name_evaluates_nothing_and_is_the_one_that_is_told(root: Path) -> None:
    _, heard = run(suite(environments=[{**TILTED, "name": "crooked"}]), place(root))
    assert heard == []
    assert {found.environment for found in load_suite_results(Store(root), "small").environments} == {"crooked"}


def test_another_severity_is_another_environment(root: Path) -> None:
    record, heard = run(suite(environments=[{**TILTED, "degrees": 30.0}]), place(root))
    assert evaluated(heard) == [("environment tilted", 3)]
    assert len(record.environments) == 3
    assert len(times(root, Store.ENVIRONMENTS)) == 6


def test_a_new_loss_is_evaluated_alone(root: Path) -> None:
    record, heard = run(suite(environments=[TILTED], losses=["cross_entropy", "kd", "logit_mse"]), place(root))
    assert evaluated(heard) == [("environment tilted", 1)]
    assert len(record.environments) == 4


def test_an_environment_that_cannot_serve_is_a_note_and_the_others_are_evaluated(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weather.py").write_text(
        "from kdbench.zoo.interface import NotApplicable\n"
        "def fog(images, draw):\n    raise NotApplicable('it is indoors')\n"
        "def storm(images, draw):\n    raise RuntimeError('struck by lightning')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    places = [{"use": "weather:fog", "name": "fog"}, {"use": "weather:storm", "name": "storm"}, FADED]
    record, heard = run(suite(environments=places), place(root, plugins=("weather",)))
    assert record.notes == (
        "environment 'fog' was not evaluated: it is indoors",
        "a job broke after training, and its figures are missing: RuntimeError: struck by lightning",
    )
    assert evaluated(heard) == [("environment faded", 3)]
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.environments) == 3


def test_a_model_that_is_damaged_costs_its_figures_and_no_more(root: Path) -> None:
    store = Store(root)
    key = next(entry.key for entry in store.latest_run("small").entries if entry.loss == "kd")
    (store.trial_folder(key) / Store.ONNX).write_bytes(b"not a graph")
    record, _ = run(suite(environments=[FADED], variants=["fp32", "fp16"]), place(root))
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.environments) == 2  # all three are evaluated in one job, and then one by one
    assert len(record.variants) == 2
    assert any("a job broke after training" in note or "was not made" in note for note in record.notes)


def plan_and_done(where: Suite) -> tuple[Plan, dict[str, Outcome]]:
    plan = api.plan(where)
    return plan, dict.fromkeys(plan.trials, Outcome(status="done"))


def evaluate(root: Path, where: Suite, answer: Callable[[str, Item], Iterable[Message]], **outcomes: Outcome):
    plan, done = plan_and_done(where)
    executor, heard = Scripted(answer), list[Message]()
    keys = api.drain(evaluate_environments(plan, {**done, **outcomes}, place(root, executor=executor)), heard.append)
    return keys, heard, executor


def test_models_share_the_corrupted_images_in_jobs_of_bounded_size(tmp_path: Path) -> None:
    many = suite(seeds=20, losses=["cross_entropy"], environments=[TILTED, FADED])
    keys, _, executor = evaluate(tmp_path, many, lambda stage, item: [])
    sizes = [(item["environment"]["name"], len(item["trials"]), item["of"]) for _, item in executor.asked]
    assert MODELS_AT_ONCE == 16
    assert sizes == [("tilted", 16, 21), ("tilted", 5, 21), ("faded", 16, 21), ("faded", 5, 21)]
    trials = [trial for _, item in executor.asked[:2] for trial in item["trials"]]
    assert len(set(trials)) == 21
    assert keys == ()  # nothing was written


def test_only_finished_models_are_evaluated(tmp_path: Path) -> None:
    key = next(iter(api.plan(suite()).trials))
    for status in ("failed", "skipped"):
        _, _, executor = evaluate(
            tmp_path, suite(environments=[TILTED]), lambda stage, item: [], **{key: Outcome(status=status)}
        )
        ((_, item),) = executor.asked
        assert len(item["trials"]) == 2
        assert key not in item["trials"]


def test_bad_input_found_by_a_job_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data"):
        evaluate(tmp_path, suite(environments=[TILTED]), lambda stage, item: [Refused(problems=(Problem("no data"),))])


# Variants


def test_every_model_is_made_into_every_variant(root: Path) -> None:
    store = Store(root)
    record, heard = run(suite(variants=["fp32", "fp16", "int8_dynamic"]), place(root))
    assert record.trained == ()
    assert len(record.variants) == 6
    assert evaluated(heard) == [("variant fp16", 1)] * 3 + [("variant int8_dynamic", 1)] * 3
    assert record.notes == ()
    for key in record.outcomes:
        exported = store.read_trial(key)
        for variant in (Fp16(), Int8Dynamic()):
            at = variant_key(key, variant)
            assert at in record.variants
            found = store.read(Store.VARIANTS, at, VariantRecord)
            assert found is not None
            assert (found.trial, found.label) == (key, variant.label)
            size = store.variant_onnx(at).stat().st_size
            assert found.model.onnx_bytes == size < exported.model.onnx_bytes
            assert found.model.architecture != exported.model.architecture
            assert found.model.weights_sha256 == exported.model.weights_sha256
            assert found.test.samples == 359
            assert 0 < found.largest_drift < 0.5
            assert found.flips <= 36
            assert abs(found.test.top1 - exported.test.top1) <= found.flips / 359 + 1e-9
    assert len(load_suite_results(store, "small").variants) == 6


def test_a_variants_accuracy_is_that_of_its_file(root: Path) -> None:
    from kdbench.execute.jobs.context import Job
    from kdbench.execute.jobs.samples import chunks_of_test

    record, _ = run(suite(variants=["int8_static"]), place(root))
    key = record.variants[0]
    found = Store(root).read(Store.VARIANTS, key, VariantRecord)
    assert found is not None
    splits = Job(place(root).item()).splits(suite().data)
    result, logits = evaluate_onnx(Store(root).variant_onnx(key), lambda: chunks_of_test(splits))
    assert result.correct_bits == found.test.correct_bits
    exported, others = evaluate_onnx(Store(root).trial_folder(found.trial) / Store.ONNX, lambda: chunks_of_test(splits))
    assert exported.top1 == Store(root).read_trial(found.trial).test.top1
    assert found.flips == int((logits.argmax(1) != others.argmax(1)).sum())
    assert found.largest_drift == pytest.approx(np.abs(logits - others).max() / others.std(), rel=1e-4)


def test_a_further_variant_is_made_alone(root: Path) -> None:
    run(suite(variants=["fp16"]), place(root))
    before = times(root, Store.VARIANTS)
    record, heard = run(suite(variants=["int8_dynamic", "fp32", "fp16"]), place(root))
    assert evaluated(heard) == [("variant int8_dynamic", 1)] * 3
    assert len(record.variants) == 6
    assert before.items() <= times(root, Store.VARIANTS).items()
    _, heard = run(suite(variants=["int8_dynamic", "fp32", "fp16"]), place(root))
    assert heard == []


def test_a_variant_that_cannot_be_made_is_a_note_and_no_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = deployed_stages.make.make_variant

    def make_variant(variant, source, target, images):
        if isinstance(variant, Fp16):
            raise deployed_stages.VariantError("no fp16: the model has a constant of 70,000")
        return real(variant, source, target, images)

    monkeypatch.setattr(deployed_stages.make, "make_variant", make_variant)
    record, _ = run(suite(variants=["fp16", "int8_dynamic"]), place(root))
    assert record.notes == ("variant fp16 was not made: no fp16: the model has a constant of 70,000",)
    assert {outcome.status for outcome in record.outcomes.values()} == {"done"}
    assert len(record.variants) == 3
    assert not list((root / Store.VARIANTS).glob(".*"))


def test_a_job_that_dies_is_a_note_and_its_variant_is_missing(tmp_path: Path) -> None:
    plan, done = plan_and_done(suite(variants=["fp16"]))
    executor = Scripted(lambda stage, item: [Crashed(reason="its process died: signal 9")])
    heard: list[Message] = []
    assert api.drain(make_variants(plan, done, place(tmp_path, executor=executor)), heard.append) == ()
    assert [stage for stage, _ in executor.asked] == ["make_variant"] * 3
    assert {message.reason for message in heard if isinstance(message, Crashed)} == {"its process died: signal 9"}


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
        facts = store.read_trial(network.trial).model
        assert (network.architecture, network.sha256, network.flops) == (
            facts.architecture,
            facts.onnx_sha256,
            facts.flops,
        )
        assert network.onnx == store.trial_folder(network.trial) / Store.ONNX
        assert network.variant == "fp32"


def test_where_the_first_seed_failed_the_next_stands_in(root: Path) -> None:
    plan, done = plan_and_done(suite(seeds=2))
    run(suite(seeds=2), place(root))
    first = next(entry.key for entry in plan.entries if entry.loss == "kd")
    _, ties = to_be_timed(plan, {**done, first: Outcome(status="failed", reason="NaN")}, Store(root))
    assert [plan.trials[network.trial].seed for network in ties] == [1]


def test_every_variants_architecture_is_timed_once(root: Path) -> None:
    changes = {"variants": ["fp32", "fp16", "int8_dynamic"]}
    run(suite(**changes), place(root))
    plan, done = plan_and_done(suite(**changes))
    networks, ties = to_be_timed(plan, done, Store(root))
    assert sorted((network.label, network.variant) for network in networks) == [
        ("mlp(hidden=32)", "fp32"),
        ("mlp(hidden=32) as fp16", "fp16"),
        ("mlp(hidden=32) as int8_dynamic", "int8_dynamic"),
        ("mlp(hidden=8)", "fp32"),
        ("mlp(hidden=8) as fp16", "fp16"),
        ("mlp(hidden=8) as int8_dynamic", "int8_dynamic"),
    ]
    assert len({network.architecture for network in networks}) == 6
    assert all(network.onnx.is_file() for network in networks)
    assert len(ties) == 1


def test_the_keys_of_a_run_are_those_of_the_store(root: Path) -> None:
    plan = api.plan(suite(environments=[TILTED]))
    record = Store(root).latest_run("small")
    (environment,) = plan.suite.environments
    assert set(record.environments) == {environment_key(key, environment) for key in plan.trials}
    for key in record.environments:
        assert Store(root).read(Store.ENVIRONMENTS, key, EnvironmentRecord)


def test_a_note_is_kept_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make_variant(item: Item) -> Iterator[Message]:
        yield Noted(text="the same for all")

    monkeypatch.setattr(deployed_stages, "make_variant", make_variant)
    record, heard = run(suite(variants=["fp16"]), place(root))
    assert record.notes == ("the same for all",)
    assert sum(isinstance(message, Noted) for message in heard) == 3
