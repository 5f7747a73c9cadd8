import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.zoo import Draw
from kdbench.zoo.parts.strata import by_class, count_of
from tests.zoo.parts.drawing import LABELS, draw_of


@settings(max_examples=40, deadline=None)
@given(labels=LABELS, seed=st.integers(0, 5))
def test_every_sample_stands_once_among_those_of_its_class(labels, seed) -> None:
    strata = by_class(labels, draw_of(labels, seed), "any")
    assert torch.cat(strata).sort().values.tolist() == list(range(len(labels)))
    assert [labels[members].unique().tolist() for members in strata] == [[each] for each in labels.unique().tolist()]


def test_the_order_of_two_samples_does_not_depend_on_others() -> None:
    labels = torch.zeros(30, dtype=torch.int64)
    (whole,) = by_class(labels, draw_of(labels), "any")
    few = torch.arange(0, 30, 3)
    (part,) = by_class(labels[few], Draw(0, samples=100 + few, purpose="data"), "any")
    assert few[part].tolist() == [at for at in whole.tolist() if at % 3 == 0]


def test_seed_and_stream_decide_the_order() -> None:
    labels = torch.zeros(30, dtype=torch.int64)
    orders = [
        by_class(labels, draw_of(labels, seed), stream)[0].tolist() for seed, stream in ((0, "a"), (1, "a"), (0, "b"))
    ]
    assert len({tuple(order) for order in orders}) == 3


def test_halves_are_rounded_up() -> None:
    assert [count_of(share, 5) for share in (0.1, 0.3, 0.49, 0.5, 1.0)] == [1, 2, 2, 3, 5]
