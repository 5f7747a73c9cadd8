import pytest
import torch

from kdbench.spec import Choice, NamedChoice
from kdbench.spec.conditions import STANDARD
from kdbench.train.build import build_view
from kdbench.train.samples.batches import in_chunks, normalize
from kdbench.train.samples.condition import apply_condition
from kdbench.zoo import NotApplicable
from kdbench.zoo.catalog import Catalog
from tests.small import random_splits

CONDITIONS = [NamedChoice.model_validate(content) for content in STANDARD]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda choice: choice.label)
def test_the_corrupted_test_split_is_the_same_however_it_is_read(condition) -> None:
    splits, catalog = random_splits(), Catalog()

    def read(size: int) -> torch.Tensor:
        parts, start = [], 0
        for images, labels in in_chunks(splits.test, splits, size):
            positions = torch.arange(start, start + len(labels))
            parts.append(apply_condition(images, positions, build_view(condition, catalog)))
            start += len(labels)
        return torch.cat(parts)

    whole = read(1000)
    assert torch.equal(read(7), whole)
    clean = normalize(splits.test.images, splits)
    assert whole.shape == clean.shape
    assert whole.stride() == clean.stride()  # the layout that networks are trained on
    changed = (whole != clean).flatten(1).any(1)
    assert bool(changed.all())


def test_conditions_differ_from_one_another() -> None:
    splits = random_splits()
    clean, positions = normalize(splits.test.images, splits), torch.arange(40)
    seen = [apply_condition(clean, positions, build_view(choice, Catalog())) for choice in CONDITIONS]
    assert not any(torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])


def test_what_is_drawn_is_of_no_seed_and_stays_from_version_to_version() -> None:
    # Every trial, seed, suite and release is to see the same corrupted samples. Corners of squares of 2 pixels in 7x7
    # places, worked out with splitmix64 on Python's integers from seed 0, step 0 and the names of the purpose and of the streams.
    flat = torch.ones(4, 1, 8, 8)
    view = build_view(Choice(use="occlusion", options={"share": 0.25}), Catalog())
    hidden = apply_condition(flat, torch.arange(4), view) == 0
    corners = [divmod(int(first), 8) for first in hidden.flatten(1).int().argmax(1)]
    assert corners == [(5, 6), (0, 2), (5, 3), (6, 2)]


def test_a_view_that_cannot_serve_normalized_images_says_so() -> None:
    with pytest.raises(NotApplicable, match="raw uint8"):
        apply_condition(torch.zeros(1, 3, 4, 4), torch.arange(1), build_view(Choice(use="color_jitter"), Catalog()))
