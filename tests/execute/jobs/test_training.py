"""Teacher outputs in a run: read from the store's caches, computed on every batch with a note, or refused as asked."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from kdbench import api
from kdbench.execute.events import TrialEnded
from kdbench.execute.jobs.records import Probed, ProbeStep
from kdbench.execute.workers.executors import Inline
from kdbench.execute.workers.job import Job, run_job
from kdbench.execute.workers.messages import Noted
from kdbench.results import RunRecord, Store
from kdbench.results.output_cache import CacheFolder
from kdbench.spec import Suite, UserError
from tests.execute.running import place, put_weights, run
from tests.small import small_suite

QUICK = {"latency": {"batch_sizes": []}}  # not timed
TRAIN = {"epochs": 2, "batch_size": 64}
CROP = {"use": "crop", "padding": 1}
SAMPLES = 1293  # of digits, once validation is held out
NEEDED = 4 * SAMPLES * 10  # bytes of one view: 10 classes, float32


def suite(**changes: object) -> Suite:
    return small_suite(**{"seeds": 1, "losses": ["kd", "logit_mse"], **QUICK, **changes})


def students(record: RunRecord, root: Path) -> dict[str, str]:
    """How each loss's students got at their teacher."""
    store = Store(root)
    return {e.loss: store.read_trial(e.key).training.teacher for e in record.entries if e.role == "student"}


def weights(record: RunRecord, root: Path) -> dict[str, str]:
    return {e.key: Store(root).read_trial(e.key).weights_sha256 for e in record.entries}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the teacher alone."""
    root = tmp_path_factory.mktemp("taught")
    run(suite(losses=["cross_entropy"]), place(root))
    return root


@pytest.fixture
def root(taught: Path, tmp_path: Path) -> Iterator[Path]:
    return Path(shutil.copytree(taught, tmp_path / "results"))


def caches(root: Path) -> list[Path]:
    return sorted(path.parent for path in (root / "cache").glob("*/about.json"))


def test_a_teachers_outputs_are_kept_for_all_losses_seeds_and_suites(root: Path) -> None:
    record, _ = run(suite(), place(root))
    assert students(record, root) == {"kd": "cached", "logit_mse": "cached"}
    assert record.notes == ()
    (cache,) = caches(root)
    stamp = (cache / "logits.f32").stat().st_mtime_ns
    about = json.loads((cache / "about.json").read_text())
    teacher = next(Store(root).read_trial(e.key) for e in record.entries if e.role == "teacher")
    assert (about["teacher"], about["teacher_weights"]) == (teacher.key, teacher.weights_sha256)
    run(suite(name="other", seeds=2, losses=["pseudo_label"]), place(root))
    assert caches(root) == [cache]
    assert (cache / "logits.f32").stat().st_mtime_ns == stamp


def test_another_teachers_weights_have_another_cache(root: Path) -> None:
    record, _ = run(suite(losses=["kd"]), place(root))
    key = next(e.key for e in record.entries if e.role == "teacher")
    put_weights(Store(root), key, {name: value + 1 for name, value in load_file(Store(root).weights(key)).items()})
    run(suite(losses=["logit_mse"]), place(root))
    assert len(caches(root)) == 2


def test_the_schedules_of_one_recipe_share_a_cache(root: Path) -> None:
    for views in ("shared", "bank"):
        train = {**TRAIN, "augment": [CROP], "views": views}
        run(suite(name=views, losses=["kd"], train=train, teacher_train=TRAIN), place(root))
    (cache,) = caches(root)
    assert (cache / "logits.f32").stat().st_size == 4 * NEEDED  # the bank's four views


@pytest.mark.parametrize(("limit", "expected"), [(NEEDED, "cached"), (NEEDED - 1, "live")])
def test_where_there_is_no_room_the_teacher_is_asked_live_and_a_note_says_so(
    root: Path, limit: int, expected: str
) -> None:
    record, heard = run(suite(), place(root, cache_limit=limit))
    assert students(record, root) == {"kd": expected, "logit_mse": expected}
    notes = [event.text for event in heard if isinstance(event, Noted)]
    if expected == "cached":
        assert notes == []
        assert record.notes == ()
    else:
        text = (
            "no room for the cache of teacher outputs: it needs 0.1 MB, and the limit is 0.1 MB; "
            "the teacher runs on every batch"
        )
        assert notes == [text]
        assert Store(root).latest_run("small").notes == (text,)


def test_no_cache_is_kept_where_none_is_wanted(root: Path) -> None:
    record, heard = run(suite(), place(root, cache="off"))
    assert students(record, root) == {"kd": "live", "logit_mse": "live"}
    assert not [m for m in heard if isinstance(m, Noted)]
    assert caches(root) == []


def test_a_cache_that_is_required_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no room for the cache of teacher outputs: it needs 0\.1 MB, and the limit"
    ) as no:
        run(suite(), place(tmp_path, cache="require", cache_limit=NEEDED - 1))
    assert no.value.exit_code == 2
    assert "--cache-limit" in (no.value.problems[0].help or "")
    assert not list(tmp_path.rglob("trial.json"))


def test_a_cache_that_is_required_and_has_room_is_used(root: Path) -> None:
    record, _ = run(suite(), place(root, cache="require", cache_limit=NEEDED))
    assert students(record, root) == {"kd": "cached", "logit_mse": "cached"}


def test_a_requirement_is_for_teachers_that_would_be_cached(root: Path) -> None:
    fresh = {"epochs": 1, "batch_size": 64, "augment": [CROP]}
    where = place(root, cache="require", cache_limit=0)
    record, _ = run(suite(train=fresh, teacher_train=TRAIN, losses=["kd"]), where)
    assert students(record, root) == {"kd": "live"}


def test_others_in_use_are_found_when_the_students_begin(root: Path) -> None:
    other = CacheFolder(root / "cache", 10**9).open("other", {}, SAMPLES, {"logits": 10}, 1)
    where = {"cache_limit": 2 * NEEDED - 1}
    with pytest.raises(UserError, match="others in use leave"):
        run(suite(), place(root, cache="require", **where))
    record, _ = run(suite(), place(root, **where))
    assert set(students(record, root).values()) == {"live"}
    assert "others in use" in record.notes[0]
    other.close()


def test_live_and_cached_are_the_same_but_for_rounding(root: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    cached, _ = run(suite(losses=["kd"]), place(root))
    live, _ = run(suite(losses=["kd"]), place(other, cache="off"))
    key = next(e.key for e in cached.entries if e.role == "student")
    one, two = (load_file(Store(at).trial_folder(key) / Store.WEIGHTS) for at in (root, other))
    assert all(abs(one[name] - two[name]).max() < 1e-4 for name in one)
    assert weights(live, other).keys() == weights(cached, root).keys()


def test_a_damaged_cache_is_rebuilt_and_changes_nothing(root: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    expected, _ = run(suite(losses=["kd"]), place(other))
    run(suite(losses=["logit_mse"]), place(root))
    (cache,) = caches(root)
    whole = (cache / "logits.f32").read_bytes()
    (cache / "logits.f32").write_bytes(whole[:2000] + bytes(3000) + whole[5000:])
    found, _ = run(suite(losses=["kd"]), place(root))
    assert weights(found, root) == weights(expected, other)
    assert (cache / "logits.f32").read_bytes() == whole


# A cohort that breaks, and how it is laid out


PLUGIN = """\
import torch
from torch.nn import functional

def hungry(student, teacher, labels):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory: tried to allocate 20 GiB")

def shy(student, teacher, labels, *, weight: float = 1.0):
    import kdbench.train.loop as loop
    if shy.cohort() > 1:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory: tried to allocate 20 GiB")
    return weight * functional.cross_entropy(student.logits, labels)

def cohort():
    import sys
    frame = sys._getframe()
    while frame and "learners" not in frame.f_locals:
        frame = frame.f_back
    return len(frame.f_locals["learners"])

shy.cohort = cohort
"""


def test_a_cohort_that_breaks_is_tried_one_by_one(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    record, heard = run(suite(losses=["kd", "memory:shy", "memory:hungry"]), place(root, plugins=("memory",)))
    text = (
        "a cohort of 2 models crashed and was trained one by one: "
        "OutOfMemoryError: CUDA out of memory: tried to allocate 20 GiB"
    )
    assert [event.text for event in heard if isinstance(event, Noted)] == [text]
    assert record.notes == (text,)
    ended = [event for event in heard if isinstance(event, TrialEnded)]
    assert len(ended) == 3  # each once; what is hungry by itself ended in the rehearsal
    by_loss = {e.loss: record.outcomes[e.key] for e in record.entries if e.role == "student"}
    assert by_loss["kd"].status == by_loss["memory:shy"].status == "done"
    assert by_loss["memory:hungry"].status == "failed"
    assert "out of memory" in (by_loss["memory:hungry"].reason or "")


def test_threads_are_those_asked_for_and_recorded(root: Path) -> None:
    record, _ = run(suite(losses=["kd"]), place(root, threads=2))
    assert [(layout.processes, layout.threads) for layout in record.layouts] == [(1, 2)]
    assert all(layout.epoch_seconds is None for layout in record.layouts)  # nothing was probed
    for entry in record.entries:
        if entry.key in record.trained:
            cost = Store(root).read_trial(entry.key).training
            assert (cost.threads, cost.processes) == (2, 1)
    about = json.loads((caches(root)[0] / "about.json").read_text())
    assert about["threads"] == 2  # other threads, other bits, so another cache


def test_one_core_is_laid_out_without_a_probe(root: Path) -> None:
    record, _ = run(suite(), place(root))
    assert [(layout.processes, layout.threads) for layout in record.layouts] == [(1, 1)]


class Several(Inline):
    """Jobs in this process, but said to be on four cores; probes are answered by `seconds` an epoch."""

    workers = 4

    def __init__(self, seconds: Mapping[int, float]) -> None:
        super().__init__()
        self.seconds = seconds
        self.probed: list[tuple[int, int]] = []

    def map(self, jobs: Sequence[Job[Any]], at_once: int | None = None) -> Iterator[tuple[int, Any]]:
        if not any(isinstance(job, ProbeStep) for job in jobs):
            yield from super().map(jobs, at_once)
            return
        for position, job in enumerate(jobs):
            layout = job.setting.layout
            self.probed.append((layout.processes, layout.threads))
            yield position, Probed(epoch_seconds=self.seconds[layout.threads])


@pytest.mark.parametrize(("faster", "expected"), [(30.0, (2, 2)), (45.0, (2, 1))])
def test_a_wave_is_laid_out_as_its_probe_finds(root: Path, faster: float, expected: tuple[int, int]) -> None:
    executor = Several({1: 50.0, 2: faster, 4: 100.0})
    record, _ = run(suite(seeds=2, losses=["kd"]), place(root, executor=executor))
    assert executor.probed == [(2, 1)] * 2 + [(2, 2)] * 2 + [(1, 4)]  # in as many processes as it would train in
    (layout,) = record.layouts
    assert (layout.processes, layout.threads) == expected
    assert layout.epoch_seconds == (faster if expected[1] == 2 else 50.0)
    assert layout.seconds == pytest.approx(2 * (layout.epoch_seconds or 0))  # of two epochs
    costs = [Store(root).read_trial(key).training for key in record.trained]
    assert {(cost.threads, cost.processes) for cost in costs} == {(expected[1], expected[0])}


def test_a_probe_times_the_step(root: Path) -> None:
    plan = api.plan(suite(losses=["kd"]))
    trial = next(trial for trial in plan.trials.values() if trial.teachers)
    parents = tuple(plan.trials[key] for key in trial.teachers)
    (probed,) = run_job(ProbeStep(setting=place(root).setting(), trial=trial, parents=parents))
    assert isinstance(probed, Probed)
    assert probed.epoch_seconds
    assert 1e-4 < probed.epoch_seconds < 10


def test_what_does_not_train_has_no_probe(root: Path) -> None:
    hopeless = {**TRAIN, "optimizer": {"use": "sgd", "lr": 1e38}}
    trial = next(iter(api.plan(suite(train=hopeless, losses=["kd"])).trials.values()))
    job = ProbeStep(setting=place(root).setting(), trial=trial, parents=())
    assert list(run_job(job)) == [Probed(epoch_seconds=None)]
