from functools import partial

import pytest
import torch
from torchvision.transforms import functional

from kdbench.zoo import Draw, NotApplicable
from kdbench.zoo.views.color_jitter import _mean_grey, color_jitter

OFF = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
ADJUST = {
    "contrast": functional.adjust_contrast,
    "brightness": functional.adjust_brightness,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}


class Fixed(Draw):
    """A draw that gives every stream the same uniform numbers, one a sample: 0 to 1 in equal steps."""

    def uniform(self, stream: str, count: int = 1) -> torch.Tensor:
        assert stream.startswith("jitter.")
        return torch.linspace(0, 1, len(self.samples))[:, None].expand(-1, count)


def only(**options: float):
    return partial(color_jitter, **(OFF | options))


def raw(*values: int) -> torch.Tensor:
    """One color, as an image of one pixel."""
    return torch.tensor(values, dtype=torch.uint8)[None, :, None, None]


def photos(count: int, channels: int) -> torch.Tensor:
    """Noise, and beside it flat, black, white and saturated areas, as photos have them."""
    images = torch.randint(0, 256, (count, channels, 9, 7), generator=torch.Generator().manual_seed(0))
    images[:, :, :2] = images[:, :1, :2]
    images[:, :, 2, :3] = 0
    images[:, :, 2, 3:] = 255
    images[:, 0, 3] = 255
    images[:, -1, 4] = 0
    return images.to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("option", "spread"), [("brightness", 0.5), ("contrast", 0.5), ("saturation", 0.5), ("hue", 0.5)]
)
def test_one_change_is_that_of_torchvision(option, spread, channels) -> None:
    batch = photos(21, channels)
    seen = only(**{option: spread})(batch, Fixed(0, 0, torch.arange(21)))
    middle = 0 if option == "hue" else 1
    factors = torch.linspace(middle - spread, middle + spread, 21).tolist()
    expected = torch.stack([ADJUST[option](image, factor) for image, factor in zip(batch, factors, strict=True)])
    assert (seen.int() - expected.int()).abs().max() <= 1
    # Torchvision cuts to whole levels; on floats it does not, and each of ours is the nearest level.
    exact = torch.stack([ADJUST[option](image / 255, factor) for image, factor in zip(batch, factors, strict=True)])
    assert (255 * exact - seen).abs().max() < 0.501
    assert torch.equal(seen, batch) == (channels == 1 and option in ("saturation", "hue"))


def test_all_changes_are_those_of_torchvision_in_the_order_that_is_said() -> None:
    batch = photos(21, 3)
    seen = color_jitter(batch, Fixed(0, 0, torch.arange(21)), brightness=0.9, contrast=1.5, saturation=2.0, hue=0.3)
    steps = torch.linspace(0, 1, 21).tolist()
    for image, mine, u in zip(batch, seen, steps, strict=True):
        other = functional.adjust_contrast(image / 255, 2.5 * u)  # not below 0: max(0, 1 - 1.5)
        other = functional.adjust_brightness(other, 0.1 + 1.8 * u)
        other = functional.adjust_saturation(other, 3 * u)
        other = functional.adjust_hue(other, -0.3 + 0.6 * u)
        assert (255 * other - mine).abs().max() < 0.501


def test_colors_worked_by_hand() -> None:
    ends = Fixed(0, 0, torch.arange(2))  # the lowest and the highest factor
    both = partial(torch.Tensor.expand, size=(2, -1, -1, -1))
    # Factors 0.5 and 1.5, cut off at 255.
    assert only(brightness=0.5)(both(raw(200, 51, 0)), ends).flatten(1).tolist() == [[100, 26, 0], [255, 76, 0]]
    # Factors 0 and 2 on one pixel of luma 0.2989 * 100 = 29.89: grey, and twice as far from it.
    assert only(saturation=1.0)(both(raw(100, 0, 0)), ends).flatten(1).tolist() == [[30, 30, 30], [170, 0, 0]]
    # Grey pixels 50 and 150 around their mean of 100: factors 0 and 2.
    pair = torch.tensor([50, 150], dtype=torch.uint8).view(1, 1, 1, 2)
    assert only(contrast=1.0)(both(pair), ends).flatten(1).tolist() == [[100, 100], [0, 200]]
    # A third of a turn back and forth takes red to blue and to green; value 200 and saturation 3/4 stay.
    assert only(hue=1 / 3)(both(raw(200, 50, 50)), ends).flatten(1).tolist() == [[50, 50, 200], [50, 200, 50]]
    # A twelfth of a turn from green (120 degrees) is halfway to yellow or to cyan.
    assert only(hue=1 / 12)(both(raw(0, 200, 0)), ends).flatten(1).tolist() == [[100, 200, 0], [0, 200, 100]]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mean_grey_is_the_same_bits_in_whatever_order_it_is_summed(channels) -> None:
    # So large that a sum in float32 would be rounded on its way.
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, channels, 400, 500), dtype=torch.uint8, generator=generator)
    means = _mean_grey(images)
    weights = torch.tensor([0.2989, 0.587, 0.114] if channels == 3 else [1.0], dtype=torch.float64)
    exact = images.double().mean((2, 3)) @ weights
    torch.testing.assert_close(means.flatten().double(), exact, rtol=2e-7, atol=0)
    assert torch.equal(torch.cat([_mean_grey(image[None]) for image in images]), means)
    for other in (images.flip(2, 3), images.mT.contiguous(), images.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(_mean_grey(other), means)


def test_nothing_changes_where_nothing_is_asked_for() -> None:
    for channels in (1, 2, 3, 4):
        batch = photos(4, channels)
        assert torch.equal(only()(batch, Draw(0, 0, torch.arange(4))), batch)


@pytest.mark.parametrize(("spread", "low", "high"), [(0.4, 0.6, 1.4), (1.2, 0.0, 2.2)])
def test_factors_are_uniform_in_their_range(spread, low, high) -> None:
    batch = torch.full((4000, 1, 1, 1), 100, dtype=torch.uint8)
    factors = only(brightness=spread)(batch, Draw(0, 0, torch.arange(4000))).double().flatten() / 100
    # Kolmogorov and Smirnov: the distance exceeds 1.95 / sqrt(n) once in a thousand draws; levels add half of one.
    uniform = torch.linspace(low, high, 4000, dtype=torch.float64)
    assert (factors.sort().values - uniform).abs().max() < (high - low) * 1.95 / 4000**0.5 + 0.005


def test_factors_of_one_sample_are_independent() -> None:
    draw = Draw(0, 0, torch.arange(4000))
    bright = only(brightness=0.5)(torch.full((4000, 1, 1, 1), 100, dtype=torch.uint8), draw).flatten()
    pair = torch.tensor([50, 150], dtype=torch.uint8).expand(4000, 1, 1, 2)
    contrast = only(contrast=0.5)(pair, draw)[:, 0, 0, 1]
    saturated = only(saturation=0.5)(raw(100, 0, 0).expand(4000, -1, -1, -1), draw)[:, 0, 0, 0]
    turned = only(hue=0.15)(raw(0, 200, 0).expand(4000, -1, -1, -1), draw).int()
    changes = torch.stack((bright, contrast, saturated, turned[:, 2, 0, 0] - turned[:, 0, 0, 0])).double()
    assert bool((changes.std(1) > 5).all())
    assert (torch.corrcoef(changes) - torch.eye(4)).abs().max() < 0.06


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16])
def test_images_without_a_known_white_are_refused(dtype) -> None:
    with pytest.raises(NotApplicable, match=f"raw uint8 images, got {dtype}"):
        color_jitter(torch.zeros(1, 3, 2, 2, dtype=dtype), Draw(0, 0, torch.arange(1)))


@pytest.mark.parametrize(("channels", "options"), [(2, {"saturation": 0.1}), (4, {"hue": 0.1})])
def test_images_of_other_channels_have_neither_saturation_nor_hue(channels, options) -> None:
    batch = photos(2, channels)
    with pytest.raises(NotApplicable, match=f"need 1 or 3 channels, got {channels}; set both to 0"):
        only(**options)(batch, Draw(0, 0, torch.arange(2)))
    seen = only(contrast=1.0)(batch, Fixed(0, 0, torch.arange(2)))
    # Factor 0 leaves the mean of all channels.
    assert seen[0].unique().tolist() == [round(batch[0].double().mean().item())]
