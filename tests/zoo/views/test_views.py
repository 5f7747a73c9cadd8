import re
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from kdbench.zoo import Draw, NotApplicable
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.views.brightness import brightness
from kdbench.zoo.views.clean import clean
from kdbench.zoo.views.color_jitter import color_jitter
from kdbench.zoo.views.contrast import contrast
from kdbench.zoo.views.crop import crop
from kdbench.zoo.views.cutout import cutout
from kdbench.zoo.views.flip import flip
from kdbench.zoo.views.gaussian_blur import gaussian_blur
from kdbench.zoo.views.noise.gaussian_noise import gaussian_noise
from kdbench.zoo.views.noise.masking import masking
from kdbench.zoo.views.noise.salt_pepper import salt_pepper
from kdbench.zoo.views.occlusion import occlusion
from kdbench.zoo.views.random_resized_crop import random_resized_crop
from kdbench.zoo.views.rotation import rotation
from kdbench.zoo.views.translation import translation


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 2, 6, 5, generator=torch.Generator().manual_seed(seed))


def raw_images(count: int, height: int = 6, width: int = 5, channels: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


small_cutout = partial(cutout, size=3, probability=0.7)
full_jitter = partial(color_jitter, brightness=0.8, contrast=0.8, saturation=0.8, hue=0.5)
RANDOM = [
    (crop, images),
    (crop, raw_images),
    (flip, images),
    (gaussian_noise, images),
    (salt_pepper, images),
    (salt_pepper, raw_images),
    (masking, images),
    (masking, raw_images),
    (small_cutout, images),
    (small_cutout, raw_images),
    (full_jitter, raw_images),
    (full_jitter, partial(raw_images, channels=1)),
    (partial(color_jitter, saturation=0.0), partial(raw_images, channels=2)),
    (random_resized_crop, images),
    (random_resized_crop, raw_images),
    (rotation, images),
    (translation, images),
    (translation, raw_images),
    (occlusion, images),
    (occlusion, raw_images),
]
VIEWS = [(clean, images), (gaussian_blur, images), (contrast, images), (brightness, images), *RANDOM]


def test_every_view_is_held_to_what_all_views_keep() -> None:
    """Attacks depend on a network: see test_pgd.py."""
    plain = {use for use in BUILTIN["views"] if Catalog().signature("views", use).inputs == ("images", "draw")}
    assert {getattr(view, "func", view).__name__ for view, _ in VIEWS} == plain
    assert BUILTIN["views"].keys() - plain == {"fgsm", "pgd"}


class Fixed(Draw):
    """A draw whose integers are given, for offsets worked by hand."""

    def integers(self, stream: str, below: int) -> torch.Tensor:
        assert below == 3  # padding 1 has three places
        return torch.tensor({"crop.y": [0, 1, 2], "crop.x": [1, 1, 0]}[stream])


@pytest.mark.parametrize(("view", "make"), VIEWS)
@settings(max_examples=15, deadline=None)
@given(samples=st.lists(st.integers(0, 49), min_size=1, max_size=50, unique=True), cut=st.integers(0, 50))
def test_views_depend_on_neither_batching_nor_order(view, make, samples, cut) -> None:
    everything = make(50)
    whole = view(everything, Draw(3, 2, torch.arange(50)))
    index = torch.tensor(samples)
    parts = [view(everything[part], Draw(3, 2, part)) for part in (index[:cut], index[cut:]) if len(part)]
    torch.testing.assert_close(torch.cat(parts), whole[index], rtol=0, atol=0)


@pytest.mark.parametrize("view", [small_cutout, full_jitter, random_resized_crop])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("size", [(32, 32), (37, 23)])
def test_larger_images_one_by_one_and_permuted_are_those_of_the_batch(view, dtype, size) -> None:
    # Vectorized loops treat the ends of a row of values apart: larger images have such ends, and middles.
    everything, samples = raw_images(48, *size), torch.arange(48) * 1009
    if dtype.is_floating_point and view is not full_jitter:
        everything = everything.to(dtype) / 97
    whole = view(everything, Draw(1, 4, samples))
    alone = [view(everything[i : i + 1], Draw(1, 4, samples[i : i + 1])) for i in range(48)]
    assert torch.equal(torch.cat(alone), whole)
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(view(everything[order], Draw(1, 4, samples[order])), whole[order])
    channels_last = everything.contiguous(memory_format=torch.channels_last)
    assert torch.equal(view(channels_last, Draw(1, 4, samples)), whole)


@pytest.mark.parametrize(("view", "make"), VIEWS)
def test_views_leave_the_global_random_state(view, make) -> None:
    before = torch.get_rng_state()
    view(make(4), Draw(0, 0, torch.arange(4)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("view", "make"), VIEWS)
def test_views_work_on_the_device_of_the_images_without_reading_a_value(view, make) -> None:
    # No value can be read on the meta device, and it mixes with no other: a loop over samples or a tensor made on
    # the CPU would raise.
    there = view(make(4).to("meta"), Draw(0, 0, torch.arange(4, device="meta")))
    assert there.device.type == "meta"


@pytest.mark.parametrize(("view", "make"), RANDOM)
def test_views_differ_between_seeds_epochs_and_samples(view, make) -> None:
    same = make(1).expand(64, -1, -1, -1)
    samples = torch.arange(64)
    seen = [view(same, Draw(seed, epoch, samples)) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for i, one in enumerate(seen):
        assert not torch.equal(one[0].expand_as(one), one)
        for other in seen[i + 1 :]:
            assert not torch.equal(one, other)


@pytest.mark.parametrize(("view", "make"), VIEWS)
def test_views_leave_their_input_and_its_type(view, make) -> None:
    before = make(8)
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


def test_every_use_of_a_draw_names_a_stream_of_its_own() -> None:
    folder = Path(random_resized_crop.__code__.co_filename).parent
    sources = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    streams = re.findall(r'(?:draw\.(?:words|integers|uniform|normal)\(|_factor\(draw, )"([^"]+)"', sources)
    assert len(streams) >= 15  # the pattern finds them
    assert sorted(streams) == sorted({*streams})
    draw = Draw(0, 0, torch.arange(100))
    words = [draw.words(stream)[:, 0] for stream in (*streams, "noise radius", "noise angle", "split")]
    assert len(torch.cat(words).unique()) == 100 * len(words)
