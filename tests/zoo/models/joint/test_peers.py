"""peers: independent networks beside each other, of which each is a plain one."""

import torch

from kdbench.spec import Choice
from kdbench.train.build import build_model
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.models.joint.peers import Peers

INNER = {"use": "cnn", "options": {"width": 2}}
SHAPE = (1, 8, 8)
IMAGES = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0))


def build(count: int) -> Peers:
    model = build_model(Choice(use="peers", options={"of": INNER, "count": count}), Catalog(), 4 * count, SHAPE, seed=3)
    assert isinstance(model, Peers)
    return model


def test_each_head_is_a_network_of_its_own() -> None:
    model = build(3)
    logits = model(IMAGES)
    assert logits.shape == (3, 12)
    for number, head in enumerate(model.heads):
        assert torch.equal(model.deployed(head)(IMAGES), logits[:, 4 * number : 4 * number + 4])
    assert len({tuple(logits[0, 4 * number : 4 * number + 4].tolist()) for number in range(3)}) == 3


def test_the_first_begins_as_the_student_alone_does_however_many_there_are() -> None:
    alone = build_model(Choice.model_validate(INNER), Catalog(), 4, SHAPE, seed=3)
    for count in (2, 4):
        assert torch.equal(build(count).deployed("peer 1")(IMAGES), alone(IMAGES))
