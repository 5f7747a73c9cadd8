"""What networks of several heads have in common: which outputs fit, and which heads there are."""

import pytest
import torch

from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.zoo import NotApplicable
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.joint.heads import classes_of_each, merged, numbered

INNER = {"use": "cnn", "options": {"width": 2}}


def test_names_and_classes() -> None:
    assert numbered("exit", 3) == ("exit 1", "exit 2", "exit 3")
    assert classes_of_each(12, numbered("exit", 3)) == 4


@pytest.mark.parametrize("use", ["peers", "branches", "exits"])
def test_outputs_that_its_heads_cannot_share_are_refused(use: str) -> None:
    with pytest.raises(NotApplicable, match="was asked for 10001 outputs, which are not a multiple"):
        build_model(Choice(use=use, options={"of": INNER}), Catalog(), 10001, (1, 8, 8), 0)


def test_an_unknown_head_is_told_with_those_that_there_are() -> None:
    model = build_model(Choice(use="peers", options={"of": INNER}), Catalog(), 8, (1, 8, 8), 0)
    with pytest.raises(NotApplicable, match="no head 'peer 3' in this network; did you mean 'peer 2'"):
        model.deployed("peer 3")


def test_parts_that_kept_their_names_are_put_together_again() -> None:
    whole, fresh = cnn(4, (1, 8, 8), width=2), cnn(4, (1, 8, 8), width=2)
    merged(fresh, [whole])
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(fresh(images), whole(images))
