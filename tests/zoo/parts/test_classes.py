import pytest
import torch

from kdbench.zoo import NotApplicable
from kdbench.zoo.parts.classes import classes
from tests.zoo.parts.drawing import draw_of

LABELS = torch.tensor([3, 0, 1, 3, 0])


def test_by_hand() -> None:
    assert classes(LABELS, draw_of(LABELS), which=(3,)).tolist() == [0, 3]
    assert classes(LABELS, draw_of(LABELS), which=(0, 1)).tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    ("which", "reason"), [((0, 2), "no sample has the label 2: labels are 0 to 3"), ((), "`which` names no class")]
)
def test_what_it_cannot_give(which, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        classes(LABELS, draw_of(LABELS), which=which)
