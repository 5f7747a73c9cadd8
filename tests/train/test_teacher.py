"""The teacher, live or cached: the same word, and the same students whoever asks beside, and whatever was there."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from kdbench.deploy.export.export import hash_weights
from kdbench.results.output_cache import BLOCK, CacheFolder, CacheFull, OutputCache
from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_model, build_view
from kdbench.train.ended import Trained
from kdbench.train.faculty import OpenTeacherCache, no_cache
from kdbench.train.loop import train_cohort
from kdbench.train.samples.batches import batches
from kdbench.train.teacher import LOGITS, Cached, Live, widths
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.datasets.splits import Splits, split
from kdbench.zoo.layers.taps import tapped, trace
from tests.small import random_splits, small_trial, taught_by

SPLITS = random_splits(BLOCK + 40)  # two blocks of the cache
TEACHER = small_trial(model={"use": "resnet_cifar", "options": {"depth": 8}}, seed=5)  # its norms serve overhaul
AUGMENT = [{"use": "crop", "options": {"padding": 1}}]
HINT = {"use": "fitnet", "options": {"student_layer": "embedding", "teacher_layer": "embedding"}}
LOSSES = [{"use": use, "options": {}} for use in BUILTIN["losses"]] + [HINT]

Views = Literal["fresh", "bank", "shared"]
Numbers = dict[str, str]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def guide() -> nn.Module:
    return build_model(TEACHER.model, Catalog(), SPLITS.classes, SPLITS.shape, TEACHER.seed)


def taught(loss: Mapping[str, object], views: Views, **train: object) -> Trial:
    recipe = {"epochs": 2, "batch_size": 64, "augment": AUGMENT, "views": views, **train}
    return small_trial(loss=loss, teachers=[TEACHER], train=recipe)


class Caches:
    """A folder for caches, and how often it was asked for one. With `limit`, no more than so many bytes."""

    def __init__(self, root: Path, limit: int = 10**9) -> None:
        self.root, self.limit = root, limit
        self.opened: list[OutputCache] = []
        self.asked: list[set[str]] = []

    def for_trials(self, trials: Sequence[Trial]) -> OpenTeacherCache:
        slots = trials[0].train.slots

        def open_cache(_: str, kinds: Mapping[str, int]) -> OutputCache | None:
            self.asked.append(set(kinds))
            assert slots is not None, "fresh views are not asked for"
            try:
                cache = CacheFolder(self.root, self.limit).open("teacher", {}, len(SPLITS.train), kinds, slots)
            except CacheFull:
                return None
            self.opened.append(cache)
            return cache

        return open_cache


def train(trials: Sequence[Trial], caches: Caches | None, splits: Splits = SPLITS) -> list[Trained]:
    open_cache = caches.for_trials(trials) if caches else no_cache
    training = train_cohort(trials, splits, Catalog(), taught_by(guide(), TEACHER), open_cache)
    outcomes = drain(training)
    done = [outcome for outcome in outcomes if isinstance(outcome, Trained)]
    assert len(done) == len(trials)
    return done


def numbers(outcomes: Iterable[Trained]) -> Numbers:
    return {o.trial.key: f"{hash_weights(o.model)} {[point.model_dump() for point in o.curve]}" for o in outcomes}


# What is cached is what was said


@pytest.mark.parametrize("views", ["bank", "shared"])
@pytest.mark.parametrize("mixup", [None, 0.4])
def test_what_is_cached_is_what_the_teacher_says_live(tmp_path: Path, views: Views, mixup: float | None) -> None:
    spec = taught(HINT, views, mixup=mixup).train
    model = guide().eval()
    traced = trace(model, SPLITS.shape)
    layers = ("embedding",)
    kinds = widths(layers, traced, SPLITS.classes)
    assert kinds == {LOGITS: 4, "layer.embedding": 64}
    cache = Caches(tmp_path).for_trials([taught(HINT, views)])("teacher", kinds)
    assert cache
    augment = [build_view(choice, Catalog()) for choice in spec.augment]
    cached = Cached(model, traced, cache, layers, SPLITS, spec, augment, seed=3)
    with tapped(model, traced, layers) as features:
        live = Live(model, features, torch.device("cpu"))
        for epoch in (1, 2):
            cached.prepare(epoch)
            for batch in batches(SPLITS, spec, augment, 3, epoch):
                one, other = cached(batch), live(batch)
                torch.testing.assert_close(one.logits, other.logits, rtol=1e-5, atol=1e-5)
                torch.testing.assert_close(one.features["embedding"], other.features["embedding"], rtol=1e-5, atol=1e-5)
    cache.close()


def test_what_a_loss_does_to_its_teachers_logits_stays_with_it(tmp_path: Path) -> None:
    trial = taught(HINT, "shared")
    model = guide().eval()
    cache = Caches(tmp_path).for_trials([trial])("teacher", {LOGITS: 4})
    assert cache
    cached = Cached(model, trace(model, SPLITS.shape), cache, (), SPLITS, trial.train, [], seed=0)
    cached.prepare(1)
    batch = next(batches(SPLITS, trial.train, [], 0, 1))
    first = cached(batch).logits
    kept = first.clone()
    first.zero_()
    assert torch.equal(cached(batch).logits, kept)
    cache.close()


def test_spatial_features_are_not_kept() -> None:
    traced = trace(guide(), SPLITS.shape)
    assert widths(("embedding", "stage2"), traced, 4) is None
    assert widths((), traced, 4) == {LOGITS: 4}


# Who is asked, and what it costs


def sources(outcomes: Iterable[Trained]) -> list[str]:
    return [outcome.cost.teacher for outcome in outcomes]


def test_each_learner_has_its_own_way_to_the_teacher(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    losses = [{"use": use, "options": {}} for use in ("kd", "cross_entropy", "fitnet")] + [HINT]
    done = train([taught(loss, "shared") for loss in losses], caches)
    assert sources(done) == ["cached", "none", "live", "cached"]
    assert caches.asked == [{LOGITS, "layer.embedding"}]  # one forward for both that are cached
    assert caches.opened[0].computed == 2 * 2  # slots x blocks
    assert sources(train([taught({"use": "fitnet", "options": {}}, "shared")], caches)) == ["live"]
    assert len(caches.asked) == 1


def test_fresh_views_are_asked_live(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    assert sources(train([taught({"use": "kd", "options": {}}, "fresh")], caches)) == ["live"]
    static = taught({"use": "kd", "options": {}}, "fresh", augment=[])  # one view a sample, fresh or not
    assert sources(train([static], caches)) == ["cached"]
    assert caches.opened[0].computed == 2


def test_a_full_cache_spares_the_teacher_every_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[int] = []

    def counted() -> nn.Module:
        model = build_model(TEACHER.model, Catalog(), SPLITS.classes, SPLITS.shape, TEACHER.seed)
        model.register_forward_hook(lambda *_: count.append(1))
        return model

    monkeypatch.setattr(f"{__name__}.guide", counted)
    trial = taught({"use": "kd", "options": {}}, "shared")
    train([trial], Caches(tmp_path))
    assert len(count) == 1 + 2 * 2  # the trace, and each block of each slot
    count.clear()
    train([trial, taught({"use": "logit_mse", "options": {}}, "shared")], Caches(tmp_path))
    assert len(count) == 1


def test_shared_views_are_computed_as_they_come(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    training = train_cohort(
        [trial := taught({"use": "kd", "options": {}}, "shared")],
        SPLITS,
        Catalog(),
        taught_by(guide(), TEACHER),
        caches.for_trials([trial]),
    )
    computed = [(progress.epoch, caches.opened[0].computed) for progress in training]
    assert computed == [(0, 0), (1, 2), (2, 4)]


def test_the_cache_is_let_go_of(tmp_path: Path) -> None:
    caches = Caches(tmp_path)
    train([taught({"use": "kd", "options": {}}, "shared")], caches)
    needed = 4 * 2 * len(SPLITS.train)
    CacheFolder(tmp_path, needed).open("another", {}, len(SPLITS.train), {LOGITS: 1}, 2).close()  # it may be evicted
    assert not (tmp_path / "teacher").exists()


# Numbers depend on nobody else


# Of fresh views, which no cache holds, `test_loop.py` shows it of all losses.
@pytest.mark.parametrize("views", ["bank", *(pytest.param(v, marks=pytest.mark.slow) for v in ("fresh", "shared"))])
def test_numbers_do_not_depend_on_the_grouping_nor_on_what_the_cache_holds(tmp_path: Path, views: Views) -> None:
    trials = [taught(loss, views) for loss in LOSSES]
    caches = Caches(tmp_path / "full")
    expected = numbers(train(trials, caches))
    assert len({text.split()[0] for text in expected.values()}) == len(LOSSES)
    assert numbers(train(trials[::-1], caches)) == expected  # all there already
    alone = [numbers(train([trial], caches if n % 2 else Caches(tmp_path / f"{n}"))) for n, trial in enumerate(trials)]
    assert {key: text for one in alone for key, text in one.items()} == expected  # a cache that is full, or none yet
    half = Caches(tmp_path / "half")
    groups = [trials[1::3], trials[2::3], trials[0::3]]
    train([taught(LOSSES[2], views, epochs=1)], half)  # another suite's: one epoch, so fewer slots
    grouped = [numbers(train(group, half)) for group in groups]
    assert {key: text for one in grouped for key, text in one.items()} == expected
    assert len(expected) == len(trials)


def test_a_cache_with_room_for_one_does_not_hang_on_the_other(tmp_path: Path) -> None:
    kd, hint = taught({"use": "kd", "options": {}}, "shared"), taught(HINT, "shared")
    room = 4 * 2 * len(SPLITS.train) * 6  # for 4 logits, not for 64 features beside them
    alone = train([kd], Caches(tmp_path / "a", room)) + train([hint], Caches(tmp_path / "b", room))
    together = train([kd, hint], Caches(tmp_path / "c", room))
    assert sources(alone) == sources(together) == ["cached", "live"]
    assert numbers(alone) == numbers(together)


def test_a_damaged_cache_changes_nothing(tmp_path: Path) -> None:
    trial = taught({"use": "kd", "options": {}}, "shared")
    caches = Caches(tmp_path)
    expected = numbers(train([trial], caches))
    path = tmp_path / "teacher" / "logits.f32"
    path.write_bytes(bytes(1000) + path.read_bytes()[1000:])
    assert numbers(train([trial], caches)) == expected
    assert caches.opened[-1].computed == 1


def test_cached_and_live_students_learn_the_same_but_for_rounding(tmp_path: Path) -> None:
    for loss in (LOSSES[2], HINT):
        trial = taught(loss, "bank")
        (cached,), (live,) = train([trial], Caches(tmp_path / str(loss["use"]))), train([trial], None)
        for name, value in cached.model.state_dict().items():
            torch.testing.assert_close(value, live.model.state_dict()[name], rtol=1e-3, atol=1e-4)


# What the schedules teach


SEEDS = range(5)


@pytest.mark.slow
def test_the_schedules_teach_equally_well() -> None:
    """A small CNN on digits: mean top-1 over five seeds, whose SD says what difference is noise."""
    from kdbench.spec import DataSpec
    from kdbench.zoo.datasets.digits import digits

    data = DataSpec.model_validate("digits")
    splits = split(digits(Path()), data)
    recipe = {"epochs": 5, "batch_size": 32, "augment": AUGMENT, "optimizer": {"use": "adamw", "lr": 0.005}}
    model = {"use": "cnn", "options": {"width": 8}}

    def top1(views: str, seed: int) -> float:
        training = train_cohort(
            [small_trial(model=model, train={**recipe, "views": views}, seed=seed)], splits, Catalog()
        )
        return [progress.top1 for progress in training][-1]

    found = {views: torch.tensor([top1(views, seed) for seed in SEEDS]) for views in ("fresh", "bank", "shared")}
    assert all(values.mean() > 0.7 for values in found.values())  # they learn: chance is 0.1
    pooled = torch.stack([values.var() for values in found.values()]).mean().sqrt()
    noise = float(pooled) * math.sqrt(2 / len(SEEDS))  # the SE of a difference of means
    for one in ("bank", "shared"):
        assert abs(float(found[one].mean() - found["fresh"].mean())) < 4 * noise, found
