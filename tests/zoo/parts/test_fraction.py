import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.zoo.parts.fraction import fraction
from tests.zoo.parts.drawing import LABELS, counts, draw_of


def test_by_hand() -> None:
    # A quarter of 80, 32, 9 (2.25) and 1 (at least one).
    labels = torch.tensor([0] * 80 + [1] * 32 + [2] * 9 + [4])
    assert counts(labels, fraction(labels, draw_of(labels), share=0.25)) == [20, 8, 2, 0, 1]


@settings(max_examples=40, deadline=None)
@given(labels=LABELS, shares=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)), seed=st.integers(0, 5))
def test_a_smaller_share_lies_within_a_larger_one(labels, shares, seed) -> None:
    small, large = (set(fraction(labels, draw_of(labels, seed), share=share).tolist()) for share in sorted(shares))
    assert small <= large
    assert set(labels[list(small)].tolist()) == set(labels.tolist())
    assert len(fraction(labels, draw_of(labels, seed), share=1.0)) == len(labels)


def test_the_seed_decides() -> None:
    labels = torch.zeros(40, dtype=torch.int64)
    one, other = (set(fraction(labels, draw_of(labels, seed), share=0.5).tolist()) for seed in (0, 1))
    assert one != other
    assert one == set(fraction(labels, draw_of(labels, 0), share=0.5).tolist())


def test_each_seed_of_a_part_takes_other_samples_and_is_nested_as_well() -> None:
    labels = torch.arange(80) % 4
    parts = [set(fraction(labels, draw_of(labels), share=0.25, seed=seed).tolist()) for seed in range(3)]
    assert len(set(map(frozenset, parts))) == 3
    for seed, part in enumerate(parts):
        assert part < set(fraction(labels, draw_of(labels), share=0.5, seed=seed).tolist())
        assert counts(labels, torch.tensor(sorted(part))) == [5, 5, 5, 5, 0]
    assert parts[0] == set(fraction(labels, draw_of(labels), share=0.25).tolist())


def test_the_rest_is_all_that_a_share_leaves() -> None:
    labels = torch.tensor([0, 1] * 30)
    draw = draw_of(labels)
    taken, rest = (fraction(labels, draw, share=0.2, rest=rest) for rest in (False, True))
    assert sorted([*taken.tolist(), *rest.tolist()]) == list(range(60))
    assert len(taken) == 12
