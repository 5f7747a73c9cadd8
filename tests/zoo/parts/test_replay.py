import pytest
import torch

from kdbench.zoo import NotApplicable
from kdbench.zoo.parts.replay import replay
from tests.zoo.parts.drawing import counts, draw_of

LABELS = torch.arange(5).repeat(20)  # 20 samples of each of five classes


def test_all_of_the_new_classes_and_some_of_the_old() -> None:
    by_class = replay(LABELS, draw_of(LABELS), new=(4,), old=(0, 1), count=3, kept="class")
    assert counts(LABELS, by_class) == [3, 3, 0, 0, 20]
    reservoir = replay(LABELS, draw_of(LABELS), new=(3, 4), old=(0, 1, 2), count=7)
    assert counts(LABELS, reservoir)[3:] == [20, 20]
    assert sum(counts(LABELS, reservoir)[:3]) == 7
    all_of_them = replay(LABELS, draw_of(LABELS), new=(4,), old=(0,), count=1000)
    assert counts(LABELS, all_of_them) == [20, 0, 0, 0, 20]


@pytest.mark.parametrize("kept", ["reservoir", "class"])
def test_what_a_memory_has_of_a_class_later_it_had_before(kept) -> None:
    earlier = replay(LABELS, draw_of(LABELS), new=(2,), old=(0, 1), count=6, kept=kept)
    later = replay(LABELS, draw_of(LABELS), new=(3,), old=(0, 1, 2), count=6, kept=kept)
    kept_of_first = {at for at in later.tolist() if LABELS[at] < 2}
    assert kept_of_first <= set(earlier.tolist())
    assert kept_of_first


def test_a_reservoir_is_a_random_part_of_all_that_was_seen() -> None:
    """Over 200 seeds class 0, half of what was seen, has half of the 10 places: 5, SD .11."""
    labels = torch.tensor([0] * 100 + [1] * 100 + [2] * 5)
    found = [
        counts(labels, replay(labels, draw_of(labels, seed), new=(2,), old=(0, 1), count=10)) for seed in range(200)
    ]
    assert sum(each[0] for each in found) / 200 == pytest.approx(5, abs=0.45)


def test_a_class_without_samples() -> None:
    with pytest.raises(NotApplicable, match="no sample has the label 5"):
        replay(LABELS, draw_of(LABELS), new=(5,), old=(0,), count=1)
