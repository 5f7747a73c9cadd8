"""Which views the schedules show: fresh ones, a bank's in turn, or the same for all seeds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from kdbench.spec import TrainSpec
from kdbench.train.build import build_view
from kdbench.train.samples.bank import bank_draw, slots_of
from kdbench.train.samples.batches import Batch, batches, view_samples
from kdbench.zoo.catalog import BUILTIN, Catalog
from tests.small import random_splits

SPLITS = random_splits(shape=(3, 8, 8))
SAMPLES = torch.arange(1000)
AUGMENT = [{"use": "crop", "options": {"padding": 1}}]
NORMALIZED = {"gaussian_noise", "gaussian_blur", "contrast", "brightness", "rotation"}  # what these views are for
ATTACKS = {"fgsm", "pgd"}  # refused as augmentation
RAW_VIEWS = [name for name in BUILTIN["views"] if name not in NORMALIZED | ATTACKS]


def recipe(views: str, epochs: int = 6, **changes: object) -> TrainSpec:
    return TrainSpec.model_validate({"views": views, "epochs": epochs, "augment": AUGMENT, "batch_size": 16, **changes})


def slots(spec: TrainSpec, seed: int, epoch: int) -> Tensor:
    found = slots_of(spec, seed, epoch, SAMPLES)
    assert isinstance(found, Tensor)
    return found


def test_fresh_views_stand_in_no_bank() -> None:
    assert [slots_of(recipe("fresh"), 0, epoch, SAMPLES) for epoch in (1, 2)] == [None, None]


def test_shared_views_are_the_epochs_own() -> None:
    for seed in (0, 7):
        assert [slots_of(recipe("shared"), seed, epoch, SAMPLES) for epoch in range(1, 7)] == list(range(6))


@pytest.mark.parametrize("views", ["fresh", "bank", "shared"])
def test_without_augmentation_there_is_one_view(views: str) -> None:
    spec = recipe(views, augment=[])
    assert spec.slots == 1
    assert {slots_of(spec, seed, epoch, SAMPLES) for seed in (0, 3) for epoch in range(1, 7)} == {0}
    assert recipe(views, augment=[], mixup=0.2).slots != 1  # partners change


def test_the_bank_is_twice_the_epochs_unless_it_is_given() -> None:
    assert recipe("bank", epochs=6).slots == 12
    assert recipe("bank", epochs=6, bank=5).slots == 5


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_every_view_of_the_bank_is_shown_once_before_one_comes_back(seed: int, count: int, first: int) -> None:
    spec = recipe("bank", epochs=100, bank=count)
    samples = torch.arange(20)
    round_ = torch.stack([slots_of(spec, seed, epoch, samples) for epoch in range(first, first + count)])  # type: ignore[misc]
    assert torch.equal(round_.sort(dim=0).values, torch.arange(count)[:, None].expand(count, 20))
    after = slots_of(spec, seed, first + count, samples)
    assert isinstance(after, Tensor)
    assert torch.equal(after, round_[0])


def test_samples_begin_anywhere_in_the_bank() -> None:
    counts = torch.bincount(slots(recipe("bank"), 0, 1), minlength=12).numpy()
    assert len(counts) == 12
    assert stats.chisquare(counts).pvalue > 1e-3


def test_seeds_go_ways_of_their_own() -> None:
    one, other = (slots(recipe("bank"), seed, 1) for seed in (0, 1))
    assert 0.02 < (one == other).float().mean() < 0.2  # a twelfth by chance


def test_a_slot_does_not_depend_on_the_batch() -> None:
    whole = slots(recipe("bank"), 3, 2)
    part = slots_of(recipe("bank"), 3, 2, SAMPLES[500:510])
    assert isinstance(part, Tensor)
    assert torch.equal(part, whole[500:510])


def test_draws_of_several_epochs_are_the_rows_of_each() -> None:
    epochs = torch.tensor([4, 0, 9, 4, 2])
    samples = torch.tensor([8, 1, 5, 9, 8])
    mixed = bank_draw(epochs, samples)
    for row, epoch in enumerate(epochs.tolist()):
        alone = bank_draw(epoch, samples[row : row + 1])
        assert torch.equal(mixed.words("w", 3)[row : row + 1], alone.words("w", 3))
        assert torch.equal(mixed.integers("i", 12)[row : row + 1], alone.integers("i", 12))
        assert torch.equal(mixed.uniform("u", 2)[row : row + 1], alone.uniform("u", 2))
        assert torch.equal(mixed.normal("n", 3)[row : row + 1], alone.normal("n", 3))


@pytest.mark.parametrize("use", RAW_VIEWS)
@pytest.mark.parametrize("mixup", [None, 0.4])
def test_what_the_bank_shows_is_what_each_slot_holds(use: str, mixup: float | None) -> None:
    from kdbench.spec import Choice

    view = build_view(Choice(use=use), Catalog())
    spec = recipe("bank", mixup=mixup)
    numbers, samples = torch.tensor([3, 0, 11, 3, 7]), torch.tensor([10, 69, 0, 5, 10])
    images, labels = view_samples(SPLITS, spec, [view], bank_draw(numbers, samples))
    for row, (slot, sample) in enumerate(zip(numbers.tolist(), samples, strict=True)):
        alone, label = view_samples(SPLITS, spec, [view], bank_draw(slot, sample[None]))
        assert torch.equal(images[row], alone[0])
        assert torch.equal(labels[row], label[0])


def epoch_of(views: str, seed: int, epoch: int) -> dict[int, tuple[Tensor, Batch]]:
    """The images of one epoch by sample, with their batch."""
    crop = build_view(recipe(views).augment[0], Catalog())
    seen = {}
    for batch in batches(SPLITS, recipe(views), [crop], seed, epoch):
        seen |= {
            sample: (image, batch) for sample, image in zip(batch.draw.samples.tolist(), batch.images, strict=True)
        }
    return seen


def same(one: dict[int, tuple[Tensor, Batch]], other: dict[int, tuple[Tensor, Batch]]) -> float:
    assert one.keys() == other.keys()
    return sum(torch.equal(one[sample][0], other[sample][0]) for sample in one) / len(one)


def test_seeds_share_the_views_of_an_epoch_where_they_are_shared() -> None:
    assert same(epoch_of("shared", 0, 2), epoch_of("shared", 1, 2)) == 1
    for views in ("fresh", "bank"):
        assert same(epoch_of(views, 0, 2), epoch_of(views, 1, 2)) < 0.5


@pytest.mark.parametrize("views", ["fresh", "bank", "shared"])
def test_epochs_show_other_views(views: str) -> None:
    assert same(epoch_of(views, 0, 1), epoch_of(views, 0, 2)) < 0.5  # a crop may fall where another did


@pytest.mark.parametrize("views", ["fresh", "bank", "shared"])
def test_the_students_own_view_is_the_seeds_and_epochs_in_every_schedule(views: str) -> None:
    for _, batch in epoch_of(views, 4, 3).values():
        assert (batch.draw.seed, batch.draw.step) == (4, 3)


def test_shared_views_are_the_first_of_the_bank() -> None:
    crop = build_view(recipe("bank").augment[0], Catalog())
    for slot in range(3):
        stand = view_samples(SPLITS, recipe("bank"), [crop], bank_draw(slot, torch.arange(70)))[0]
        shown = epoch_of("shared", 5, slot + 1)
        assert all(torch.equal(image, stand[sample]) for sample, (image, _) in shown.items())
