import torch

from kdbench.spec import TrainSpec
from kdbench.train.samples.batches import batches, epoch_order, normalize, steps_per_epoch
from tests.small import random_splits


def test_an_epoch_is_a_permutation_of_its_seed_and_number() -> None:
    order = epoch_order(seed=1, epoch=2, samples=100)
    assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(order, epoch_order(1, 2, 100))
    assert not torch.equal(order, epoch_order(1, 3, 100))
    assert not torch.equal(order, epoch_order(2, 2, 100))


def test_a_last_batch_of_one_is_left_out() -> None:
    assert [steps_per_epoch(n, 16) for n in (15, 16, 17, 18, 32)] == [1, 1, 1, 2, 2]


def test_labels_stay_with_their_images() -> None:
    splits = random_splits()
    for batch in batches(splits, TrainSpec(batch_size=16), [], seed=0, epoch=1):
        raw = splits.train.images[batch.draw.samples]
        assert torch.equal(batch.labels, splits.train.labels[batch.draw.samples])
        assert torch.equal(batch.images, normalize(raw, splits))


def test_augmentation_does_not_depend_on_the_batch_size() -> None:
    from kdbench.spec import Choice
    from kdbench.train.build import build_view
    from kdbench.zoo.catalog import Catalog

    splits = random_splits()
    crop = build_view(Choice(use="crop", options={"padding": 2}), Catalog())

    def by_sample(size: int) -> dict[int, torch.Tensor]:
        seen = {}
        for batch in batches(splits, TrainSpec(batch_size=size), [crop], seed=0, epoch=1):
            seen |= dict(zip(batch.draw.samples.tolist(), batch.images, strict=True))
        return seen

    small, large = by_sample(7), by_sample(35)
    assert small.keys() == large.keys() == set(range(70))
    assert all(torch.equal(small[sample], large[sample]) for sample in small)


def test_normalized_training_images_have_mean_zero_and_sd_one() -> None:
    splits = random_splits()
    images = normalize(splits.train.images, splits)
    assert abs(images.mean().item()) < 1e-5
    assert abs(images.std().item() - 1) < 1e-3
