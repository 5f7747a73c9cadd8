import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from kdbench.zoo import Draw, NotApplicable
from kdbench.zoo.views.clean import clean
from kdbench.zoo.views.crop import crop
from kdbench.zoo.views.flip import flip
from kdbench.zoo.views.gaussian_noise import gaussian_noise

VIEWS = [clean, crop, flip, gaussian_noise]
RANDOM = [crop, flip, gaussian_noise]


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 2, 6, 5, generator=torch.Generator().manual_seed(seed))


class Fixed(Draw):
    """A draw whose integers are given, for offsets worked by hand."""

    def integers(self, stream: str, below: int) -> torch.Tensor:
        assert below == 3  # padding 1 has three places
        return torch.tensor({"crop.y": [0, 1, 2], "crop.x": [1, 1, 0]}[stream])


@pytest.mark.parametrize("view", VIEWS)
@settings(max_examples=15, deadline=None)
@given(samples=st.lists(st.integers(0, 49), min_size=1, max_size=50, unique=True), cut=st.integers(0, 50))
def test_views_depend_on_neither_batching_nor_order(view, samples, cut) -> None:
    everything = images(50)
    whole = view(everything, Draw(3, 2, torch.arange(50)))
    index = torch.tensor(samples)
    parts = [view(everything[part], Draw(3, 2, part)) for part in (index[:cut], index[cut:]) if len(part)]
    torch.testing.assert_close(torch.cat(parts), whole[index], rtol=0, atol=0)


@pytest.mark.parametrize("view", RANDOM)
def test_views_differ_between_seeds_epochs_and_samples(view) -> None:
    same = images(1).expand(64, -1, -1, -1)
    samples = torch.arange(64)
    seen = [view(same, Draw(seed, epoch, samples)) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for i, one in enumerate(seen):
        assert not torch.equal(one[0].expand_as(one), one)
        for other in seen[i + 1 :]:
            assert not torch.equal(one, other)


@pytest.mark.parametrize("view", VIEWS)
def test_views_leave_their_input_and_its_type(view) -> None:
    before = images(8)
    after = before.clone()
    given_back = view(after, Draw(0, 0, torch.arange(8)))
    assert torch.equal(before, after)
    assert given_back.shape == before.shape
    assert given_back.dtype == before.dtype


def test_clean_is_the_same_tensor() -> None:
    batch = images(2)
    assert clean(batch, Draw(0, 0, torch.arange(2))) is batch


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crop_with_offsets_worked_by_hand(dtype) -> None:
    # One image of 2x2: 1 2 / 3 4; with one pixel of padding its window starts at row, column:
    # (0, 1) is a row of zeros above 1 2; (1, 1) the image itself; (2, 0) is 0 3 above a row of zeros.
    batch = torch.tensor([[[[1, 2], [3, 4]]]], dtype=dtype).expand(3, 1, 2, 2)
    seen = crop(batch, Fixed(0, 0, torch.arange(3)), padding=1)
    expected = torch.tensor([[[0, 0], [1, 2]], [[1, 2], [3, 4]], [[0, 3], [0, 0]]], dtype=dtype)
    torch.testing.assert_close(seen[:, 0], expected)


def test_crop_agrees_with_slicing_each_sample() -> None:
    batch, draw = images(40), Draw(5, 1, torch.arange(40) * 7)
    padded = functional.pad(batch, (3,) * 4)
    top, left = draw.integers("crop.y", 7).tolist(), draw.integers("crop.x", 7).tolist()
    expected = torch.stack([padded[i, :, y : y + 6, x : x + 5] for i, (y, x) in enumerate(zip(top, left, strict=True))])
    torch.testing.assert_close(crop(batch, draw, padding=3), expected, rtol=0, atol=0)


def test_crop_offsets_are_uniform_and_independent() -> None:
    count, places = 16_200, 9
    draw = Draw(0, 0, torch.arange(count))
    pairs = draw.integers("crop.y", places) * places + draw.integers("crop.x", places)
    observed = torch.bincount(pairs, minlength=places**2).double()
    # Chi-square with 80 degrees of freedom: mean 80, SD 12.6; five SDs is far out on a fixed draw.
    assert ((observed - 200) ** 2 / 200).sum() < 80 + 5 * 160**0.5


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_flip_mirrors_columns_with_its_probability(probability) -> None:
    count = 4000
    batch = images(1).expand(count, -1, -1, -1)
    seen = flip(batch, Draw(0, 0, torch.arange(count)), probability=probability)
    mirrored = (seen == batch.flip(3)).flatten(1).all(1)
    kept = (seen == batch).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    assert mirrored.double().mean().item() == pytest.approx(probability, abs=0.04)


def test_gaussian_noise_has_its_sd_and_no_correlations() -> None:
    noise = gaussian_noise(torch.zeros(4000, 1, 4, 4), Draw(0, 0, torch.arange(4000)), sd=0.3).flatten(1)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    off_diagonal = torch.corrcoef(noise.T) - torch.eye(16)
    assert off_diagonal.abs().max() < 0.1


def test_gaussian_noise_refuses_raw_images() -> None:
    with pytest.raises(NotApplicable, match=r"normalized float images, got torch\.uint8"):
        gaussian_noise(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), Draw(0, 0, torch.arange(1)))


def test_streams_are_distinct_within_seven_bytes() -> None:
    # Draw.words reads 7 bytes of a name: the names in use must differ there.
    streams = ["crop.y", "crop.x", "flip", "noiser", "noisea", "split"]
    assert len({stream.encode()[:7].ljust(7, b"\0") for stream in streams}) == len(streams)
    draw = Draw(0, 0, torch.arange(100))
    words = [draw.words(stream)[:, 0] for stream in streams]
    assert len(torch.cat(words).unique()) == 100 * len(streams)
