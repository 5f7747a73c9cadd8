"""What conditions are made of: torchvision as the oracle, values worked by hand, the same bits in every batch."""

import math

import pytest
import torch
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as oracle

from kdbench.zoo import Draw, NotApplicable
from kdbench.zoo.views.brightness import brightness
from kdbench.zoo.views.contrast import contrast
from kdbench.zoo.views.gaussian_blur import gaussian_blur
from kdbench.zoo.views.noise.gaussian_noise import gaussian_noise
from kdbench.zoo.views.noise.masking import masking
from kdbench.zoo.views.noise.salt_pepper import salt_pepper
from kdbench.zoo.views.occlusion import occlusion
from kdbench.zoo.views.rotation import rotation
from kdbench.zoo.views.translation import translation

CORRUPTIONS = [
    gaussian_noise,
    salt_pepper,
    masking,
    gaussian_blur,
    contrast,
    brightness,
    rotation,
    translation,
    occlusion,
]
SIZES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 37, 23), (3, 65, 64)]


def images(count: int, *shape: int) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def draw(count: int) -> Draw:
    return Draw(7, 0, torch.arange(count) * 1009)


class Fixed(Draw):
    """A draw of samples that take all places or directions in turn."""

    def integers(self, stream: str, below: int) -> torch.Tensor:
        return self.samples % below


@pytest.mark.parametrize("view", CORRUPTIONS)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_a_sample_is_the_same_bits_whatever_its_batch(view, shape) -> None:
    everything, samples = images(17, *shape), draw(17).samples
    whole = view(everything, draw(17))
    for size in (1, 7, 16):
        parts = [view(everything[i : i + size], Draw(7, 0, samples[i : i + size])) for i in range(0, 17, size)]
        assert torch.equal(torch.cat(parts), whole)
    order = torch.randperm(17, generator=torch.Generator().manual_seed(0))
    assert torch.equal(view(everything[order], Draw(7, 0, samples[order])), whole[order])
    assert torch.equal(view(everything.contiguous(memory_format=torch.channels_last), draw(17)), whole)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))
        assert torch.equal(view(everything, draw(17)), whole)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("view", [gaussian_blur, contrast, brightness, rotation])
def test_raw_images_are_refused_where_they_would_be_rounded(view) -> None:
    with pytest.raises(NotApplicable, match=rf"{view.__name__} needs normalized float images, got torch\.uint8"):
        view(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), draw(1))


@pytest.mark.parametrize("view", CORRUPTIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_keep_their_type_and_nearly_their_values(view, dtype) -> None:
    given = images(16, 2, 9, 7).to(dtype)
    seen = view(given, draw(16))
    assert seen.dtype == dtype
    torch.testing.assert_close(seen.float(), view(given.float(), draw(16)), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("sd", [0.4, 0.75, 1.0, 2.3])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 13)])
def test_blur_is_that_of_torchvision(sd, height, width) -> None:
    batch = images(4, 3, height, width)
    size = 2 * math.ceil(3 * sd) + 1
    # Theirs mirrors at the edges: of an image with repeated edges beyond its reach, the middle is ours.
    padded = functional.pad(batch, (size,) * 4, mode="replicate")
    expected = oracle.gaussian_blur(padded, [size, size], [sd, sd])[:, :, size:-size, size:-size]
    torch.testing.assert_close(gaussian_blur(batch, draw(4), sd=sd), expected, rtol=0, atol=2e-6)


def test_blur_worked_by_hand() -> None:
    # exp(-k^2 / 2 sd^2) = 2^-(k^2) for sd = 1 / sqrt(2 ln 2) = .85: 1/512, 1/16, 1/2, 1, ... for k = 3, 2, 1, 0, with
    # the sum 1 + 2 * (1/2 + 1/16 + 1/512) = 2.12890625 = 545/256.
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1.0
    line = torch.tensor([0, 1 / 512, 1 / 16, 1 / 2, 1, 1 / 2, 1 / 16, 1 / 512, 0]) * 256 / 545
    seen = gaussian_blur(point, draw(1), sd=1 / math.sqrt(2 * math.log(2)))
    torch.testing.assert_close(seen[0, 0], line[:, None] * line[None, :])
    torch.testing.assert_close(gaussian_blur(torch.full((1, 1, 4, 4), 5.0), draw(1)), torch.full((1, 1, 4, 4), 5.0))


def test_contrast_worked_by_hand() -> None:
    # Means 2 and -1: half of each distance is left, or it is doubled.
    given = torch.tensor([[[0.0, 4.0]], [[-1.0, -1.0]]])[None]  # [1, 2, 1, 2]
    assert contrast(given, draw(1), factor=0.5).flatten().tolist() == [1.0, 3.0, -1.0, -1.0]
    assert contrast(given, draw(1), factor=2.0).flatten().tolist() == [-2.0, 6.0, -1.0, -1.0]


@pytest.mark.parametrize("factor", [0.4, 1.7])
def test_contrast_is_the_same_change_of_the_raw_pixels(factor) -> None:
    # The formula of Hendrycks and Dietterich (2019) on raw pixels, in float64, against ours after normalization.
    raw = torch.randint(0, 256, (6, 3, 40, 50), generator=torch.Generator().manual_seed(0)).double()
    mean, sd = torch.tensor([120.0, 90.0, 30.0])[:, None, None], torch.tensor([60.0, 70.0, 20.0])[:, None, None]
    means = raw.mean((2, 3), keepdim=True)
    expected = ((raw - means) * factor + means - mean) / sd
    seen = contrast(((raw - mean) / sd).float(), draw(6), factor=factor)
    torch.testing.assert_close(seen.double(), expected, rtol=0, atol=1e-5)


def test_brightness_adds_standard_deviations() -> None:
    given = torch.tensor([[[[0.0, -1.5]]]])
    assert brightness(given, draw(1), shift=0.5).flatten().tolist() == [0.5, -1.0]
    assert brightness(given, draw(1), shift=-1.0).flatten().tolist() == [-1.0, -2.5]


@pytest.mark.parametrize("degrees", [5.0, 15.0, 30.0, 90.0, 135.0])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 8), (13, 20)])
def test_rotation_is_that_of_torchvision(degrees, height, width) -> None:
    batch = images(2, 3, height, width)
    # Theirs fills with a constant: of an image with repeated edges beyond its reach, the middle is ours.
    padded = functional.pad(batch, (40,) * 4, mode="replicate")
    both = [oracle.rotate(padded, sign * degrees, InterpolationMode.BILINEAR)[:, :, 40:-40, 40:-40] for sign in (1, -1)]
    expected = torch.stack((both[0][0], both[1][1]))  # the first sample to the left, the second to the right
    seen = rotation(batch, Fixed(0, 0, torch.arange(2)), degrees=degrees)
    torch.testing.assert_close(seen, expected, rtol=0, atol=3e-4)  # theirs finds its places less exactly


def test_rotation_worked_by_hand() -> None:
    # A quarter turn to the left takes the right column to the top row; to the right, the left one.
    given = torch.arange(9.0).view(1, 1, 3, 3).expand(2, 1, 3, 3)
    seen = rotation(given, Fixed(0, 0, torch.arange(2)), degrees=90.0)
    expected = torch.stack((torch.rot90(given[0, 0]), torch.rot90(given[0, 0], -1)))
    torch.testing.assert_close(seen[:, 0], expected, rtol=0, atol=1e-5)
    # An eighth turn to the left: the middle of the top row comes from (1 - cos 45, 1 + sin 45) = (.2929, 1.7071).
    # There the values are 3 * row + column: .8787 + 1.7071. Corners come from outside: 0 from the middle of the top.
    turned = rotation(given, Fixed(0, 0, torch.arange(2)), degrees=45.0)[0, 0]
    assert turned[0, 1].item() == pytest.approx(2.5858, abs=1e-4)
    assert turned[1, 1].item() == pytest.approx(4.0, abs=1e-5)
    assert turned[0, 0].item() == pytest.approx(1.0, abs=1e-5)  # from (1 - sqrt 2, 1), so from row 0, column 1


def test_a_half_of_the_samples_turns_left() -> None:
    given = torch.arange(4.0).view(1, 1, 2, 2).expand(4000, 1, 2, 2)
    seen = rotation(given, draw(4000), degrees=90.0)[:, 0, 0, 0]
    assert seen.unique().tolist() == pytest.approx([1.0, 2.0], abs=1e-5)  # right column up, or left column up
    assert (seen < 1.5).double().mean().item() == pytest.approx(0.5, abs=0.04)


def test_translation_worked_by_hand() -> None:
    # A quarter of 8 is 2 pixels; 2 / sqrt(2) is 1.41, so 1 pixel both ways along the diagonals.
    given = torch.arange(64.0).view(1, 1, 8, 8).expand(8, 1, 8, 8)
    seen = translation(given, Fixed(0, 0, torch.arange(8)), share=0.25)[:, 0, 4, 4]
    moves = [(-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert seen.tolist() == [8 * (4 - down) + 4 - right for down, right in moves]
    # Moved down by 2: the first row stands three times.
    assert translation(given, Fixed(0, 0, torch.arange(8)), share=0.25)[1, 0, :, 0].tolist() == [
        0, 0, 0, 8, 16, 24, 32, 40,
    ]  # fmt: skip
    assert not torch.equal(translation(given, draw(8), share=0.001), given)  # at least one pixel


def test_directions_of_translation_are_uniform() -> None:
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 1.0
    counts = translation(point.expand(8000, 1, 5, 5), draw(8000), share=0.2).sum((0, 1)).flatten()
    ring = torch.cat((counts[6:9], counts[11:12], counts[13:14], counts[16:19]))
    assert ring.sum().item() == 8000
    # Chi-square with 7 degrees of freedom: mean 7, SD 3.7; five SDs is far out on a fixed draw.
    assert ((ring - 1000) ** 2 / 1000).sum() < 7 + 5 * 14**0.5


def test_occlusion_worked_by_hand() -> None:
    # .5 of 4 rows is 2 pixels; in 4 rows and 5 columns there are 3 and 4 places. Sample 5: row 2, column 1.
    given = torch.ones(1, 2, 4, 5)
    seen = occlusion(given, Fixed(0, 0, torch.tensor([5])), share=0.5)
    expected = torch.ones(4, 5)
    expected[2:4, 1:3] = 0.0
    assert torch.equal(seen[0], expected.expand(2, 4, 5))


@pytest.mark.parametrize(("share", "side"), [(0.01, 1), (0.35, 3), (0.4, 3), (1.0, 8)])
def test_occlusion_hides_the_same_area_everywhere_at_uniform_places(share, side) -> None:
    hidden = occlusion(torch.ones(9000, 1, 8, 8), draw(9000), share=share) == 0
    assert hidden.flatten(1).sum(1).unique().tolist() == [side**2]
    places = 8 - side + 1
    first = hidden.flatten(1).int().argmax(1)  # of each square the upper left pixel
    observed = torch.bincount(first, minlength=64).view(8, 8)[:places, :places].double()
    freedom, expected = places**2 - 1, 9000 / places**2
    assert ((observed - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5
