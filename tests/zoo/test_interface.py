import pytest
import torch

import kdbench.zoo
from kdbench.zoo import Draw, Split


def test_words_are_those_of_splitmix64() -> None:
    # The first outputs of splitmix64 from state 0 are public: e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f.
    from kdbench.zoo.interface import _GAMMA, _mix

    state = _GAMMA * torch.arange(3)
    seen = [word % 2**64 for word in _mix(state).tolist()]
    assert seen == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_draws_depend_on_seed_epoch_stream_and_sample_alone() -> None:
    samples = torch.arange(100)
    base = Draw(1, 2, samples).words("a")
    assert torch.equal(Draw(1, 2, samples.flip(0)).words("a"), base.flip(0))
    for other in (Draw(2, 2, samples).words("a"), Draw(1, 3, samples).words("a"), Draw(1, 2, samples).words("b")):
        assert not (other == base).any()
    assert len(base.unique()) == 100
    assert base.min() >= 0


def test_seed_and_epoch_do_not_stand_in_for_each_other() -> None:
    samples = torch.arange(50)
    assert not (Draw(0, 1, samples).words("a") == Draw(1, 0, samples).words("a")).any()


def test_uniform_and_normal_have_their_moments() -> None:
    draw = Draw(0, 0, torch.arange(20_000))
    uniform, normal = draw.uniform("u", 3), draw.normal("n", 3)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    torch.testing.assert_close(uniform.mean(0), torch.full((3,), 0.5), rtol=0, atol=0.01)
    torch.testing.assert_close(normal.mean(0), torch.zeros(3), rtol=0, atol=0.03)
    torch.testing.assert_close(normal.std(0), torch.ones(3), rtol=0, atol=0.03)
    torch.testing.assert_close(torch.corrcoef(normal.T), torch.eye(3), rtol=0, atol=0.03)


def test_integers_cover_their_range_evenly() -> None:
    seen = torch.bincount(Draw(0, 0, torch.arange(9000)).integers("i", 9), minlength=9)
    assert len(seen) == 9
    assert (seen - 1000).abs().max() < 5 * 1000**0.5


def test_seeds_of_generators_never_change() -> None:
    # What `printf '1 training 2 order' | b2sum -l 64` prints, without its last bit.
    assert Draw(1, 2).seed_of("order") == 0x8A3B816256B81FF0 >> 1
    assert Draw(0).seed_of("order") == 0x05076DFADA6C9AAD >> 1


def test_seeds_of_generators_depend_on_seed_epoch_and_stream_alone() -> None:
    base = Draw(1, 2, torch.arange(3)).seed_of("a")
    assert base == Draw(1, 2).seed_of("a") == Draw(1, torch.tensor(2), torch.arange(7)).seed_of("a")
    assert len({base, *(Draw(*at).seed_of(stream) for *at, stream in ((2, 1, "a"), (12, 0, "a"), (1, 2, "b")))}) == 4
    assert 0 <= base < 2**63


def test_a_generator_draws_from_its_seed() -> None:
    draw = Draw(3, 1)
    expected = torch.rand(4, generator=torch.Generator().manual_seed(draw.seed_of("a")))
    assert torch.equal(torch.rand(4, generator=draw.generator("a")), expected)


def test_take_picks_samples() -> None:
    split = Split(torch.arange(4)[:, None, None, None], torch.tensor([5, 6, 7, 8]))
    part = split.take(torch.tensor([2, 0]))
    assert (part.images.flatten().tolist(), part.labels.tolist(), len(part)) == ([2, 0], [7, 5], 2)


@pytest.mark.parametrize("name", kdbench.zoo.__all__)
def test_every_public_name_is_there(name) -> None:
    assert getattr(kdbench.zoo, name).__module__.startswith("kdbench.zoo")


def test_unknown_attributes_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kdbench.zoo.nothing
