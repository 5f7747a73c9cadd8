import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbench.zoo import NotApplicable
from kdbench.zoo.parts import shard as module
from kdbench.zoo.parts.shard import shard
from tests.zoo.parts.drawing import LABELS, counts, draw_of


def shards(labels: torch.Tensor, of: int, alpha: float, seed: int = 0) -> list[torch.Tensor]:
    """All shards; one to which no sample falls is empty."""
    found = []
    for index in range(of):
        try:
            found.append(shard(labels, draw_of(labels, seed), index=index, of=of, alpha=alpha))
        except NotApplicable:
            found.append(torch.empty(0, dtype=torch.int64))
    return found


@settings(max_examples=60, deadline=None)
@given(labels=LABELS, of=st.integers(1, 7), alpha=st.sampled_from([1e-6, 0.01, 0.5, 1e6]), seed=st.integers(0, 5))
def test_shards_are_disjoint_and_hold_every_sample(labels, of, alpha, seed) -> None:
    together = torch.cat(shards(labels, of, alpha, seed))
    assert together.sort().values.tolist() == list(range(len(labels)))


def test_shares_by_hand(monkeypatch) -> None:
    # Shares of .1, .6 and .3 of 10 samples end at 1, 7 and 10; of 5 samples at .5 -> 0 (to the even), 3.5 -> 4 and 5.
    monkeypatch.setattr(module, "_shares", lambda *_: torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64))
    labels = torch.tensor([0] * 10 + [3] * 5)
    assert [counts(labels, each) for each in shards(labels, 3, 1.0)] == [
        [1, 0, 0, 0, 0],
        [6, 0, 0, 4, 0],
        [3, 0, 0, 1, 0],
    ]


def test_alpha_decides_how_much_the_clients_differ() -> None:
    labels = torch.arange(5).repeat_interleave(1000)
    alike, apart = (np.array([counts(labels, each) for each in shards(labels, 4, alpha)]) for alpha in (1e6, 0.05))
    assert abs(alike - 250).max() <= 2
    assert np.median(apart.max(axis=0)) > 900  # most classes lie almost whole with one client
    assert len({tuple(row) for row in apart.tolist()}) == 4


def test_shares_are_dirichlet() -> None:
    # A share of Dirichlet(a, a, a, a) has the mean 1/4 and the variance 3/16 / (4 a + 1).
    draws = [draw_of(torch.zeros(1), seed) for seed in range(2000)]
    shares = torch.stack([module._shares(draw, torch.tensor([2]), 4, 0.5) for draw in draws])
    torch.testing.assert_close(shares.mean(0), torch.full((4,), 0.25, dtype=torch.float64), atol=0.02, rtol=0)
    torch.testing.assert_close(shares.var(0), torch.full((4,), 1 / 16, dtype=torch.float64), atol=0.006, rtol=0)


def test_the_seed_decides() -> None:
    labels = torch.zeros(50, dtype=torch.int64)
    one, other, again = (shards(labels, 2, 10.0, seed)[0].tolist() for seed in (0, 1, 0))
    assert one == again != other


def test_what_it_cannot_give() -> None:
    labels = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(NotApplicable, match="index is 2, but of 2 shards the last has the index 1"):
        shard(labels, draw_of(labels), index=2, of=2)
    empty = [at for at, each in enumerate(shards(labels, 20, 0.5)) if not len(each)]
    with pytest.raises(NotApplicable, match=f"no sample falls to shard {empty[0]} of 20; raise alpha or lower `of`"):
        shard(labels, draw_of(labels), index=empty[0], of=20)
