import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.zoo.parts.per_class import per_class
from tests.zoo.parts.drawing import LABELS, counts, draw_of


def test_by_hand() -> None:
    labels = torch.tensor([0] * 80 + [1] * 5 + [4] * 3)
    assert counts(labels, per_class(labels, draw_of(labels), count=5)) == [5, 5, 0, 0, 3]


@settings(max_examples=40, deadline=None)
@given(labels=LABELS, sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)), seed=st.integers(0, 5))
def test_a_smaller_count_lies_within_a_larger_one(labels, sizes, seed) -> None:
    small, large = (set(per_class(labels, draw_of(labels, seed), count=count).tolist()) for count in sorted(sizes))
    assert small <= large
    whole = counts(labels, torch.arange(len(labels)))
    assert counts(labels, torch.tensor(sorted(large))) == [min(max(sizes), count) for count in whole]


def test_the_seed_decides() -> None:
    labels = torch.zeros(40, dtype=torch.int64)
    one, other = (set(per_class(labels, draw_of(labels, seed), count=20).tolist()) for seed in (0, 1))
    assert one != other


def test_each_seed_of_a_part_takes_other_samples_and_is_nested_as_well() -> None:
    labels = torch.arange(80) % 4
    parts = [set(per_class(labels, draw_of(labels), count=5, seed=seed).tolist()) for seed in range(3)]
    assert len(set(map(frozenset, parts))) == 3
    for seed, part in enumerate(parts):
        assert part < set(per_class(labels, draw_of(labels), count=10, seed=seed).tolist())
        assert counts(labels, torch.tensor(sorted(part))) == [5, 5, 5, 5, 0]
    assert parts[0] == set(per_class(labels, draw_of(labels), count=5).tolist())
