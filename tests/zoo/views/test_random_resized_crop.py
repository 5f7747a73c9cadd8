import math

import pytest
import torch
from torchvision.transforms import RandomResizedCrop, functional

from kdbench.zoo import Draw
from kdbench.zoo.views import random_resized_crop as module
from kdbench.zoo.views.random_resized_crop import random_resized_crop

THIRDS = (3 / 4, 4 / 3)


def draw(count: int) -> Draw:
    return Draw(2, 1, torch.arange(count))


def boxes(count: int, height: int, width: int, scale=(0.08, 1.0), ratio=THIRDS) -> list[torch.Tensor]:
    return [part.double() for part in module._boxes(draw(count), height, width, scale, ratio)]


def raw(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


class Fixed(Draw):
    """A draw whose words and uniform numbers are given for two samples, for boxes worked by hand."""

    def uniform(self, stream: str, count: int = 1) -> torch.Tensor:
        first = {"resize.area": [0.0, 1.0], "resize.shape": [0.5, 0.5]}[stream]
        return torch.tensor(first)[:, None].expand(-1, count)

    def words(self, stream: str, count: int = 1) -> torch.Tensor:
        return torch.tensor({"resize.y": [3 + 2, 7], "resize.x": [9 + 1, 7]}[stream])[:, None]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_box_worked_by_hand(dtype) -> None:
    # Of 4x4 pixels a quarter in the middle of the shapes is 2x2, with 3 places each way: the words 5 and 10 name row 2
    # and column 1. The whole image has one place, and comes back as it is.
    image = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0], [0, 10, 30, 0], [0, 50, 150, 0]], dtype=dtype)
    seen = random_resized_crop(image.expand(2, 1, 4, 4), Fixed(0, 0, torch.arange(2)), scale=(0.25, 1.0))
    # Twice as large, centers lie at -1/4, 1/4, 3/4 and 5/4 of a pixel: weights 1 0, 3/4 1/4, 1/4 3/4, 0 1.
    expected = torch.tensor([[10, 15, 25, 30], [20, 30, 50, 60], [40, 60, 100, 120], [50, 75, 125, 150]], dtype=dtype)
    assert torch.equal(seen[0, 0], expected)
    assert torch.equal(seen[1, 0], image)


def test_bytes_are_rounded() -> None:
    images = torch.arange(0, 250, 5, dtype=torch.uint8).view(1, 1, 5, 10).expand(200, 1, 5, 10)
    as_bytes = random_resized_crop(images, draw(200))
    as_floats = random_resized_crop(images.float(), draw(200))
    assert torch.equal(as_bytes, as_floats.round().to(torch.uint8))
    assert not torch.equal(as_bytes, as_floats.to(torch.uint8))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (19, 30)])
def test_boxes_are_resized_as_torchvision_does(height, width, antialias) -> None:
    images = raw(100, height, width)
    places = [part.int().tolist() for part in boxes(100, height, width)]
    for given, error in ((images, 1), (images / 255, 1e-5)):
        seen = random_resized_crop(given, draw(100))
        for image, mine, *box in zip(given, seen, *places, strict=True):
            other = functional.resized_crop(image, *box, size=[height, width], antialias=antialias)
            assert (mine.double() - other.double()).abs().max() <= error


def test_areas_and_shapes_are_uniform() -> None:
    # On 1000x1000 pixels rounding is small; boxes up to 0.7 of the area fit in every shape, so each is a first try.
    _, _, heights, widths = boxes(4000, 1000, 1000, (0.08, 0.7))
    area = heights * widths / 1e6
    shape = torch.log(widths / heights)
    for seen, low, high in ((area, 0.08, 0.7), (shape, math.log(3 / 4), math.log(4 / 3))):
        # Kolmogorov and Smirnov: the distance exceeds 1.95 / sqrt(n) once in a thousand draws.
        uniform = torch.linspace(low, high, 4000, dtype=torch.float64)
        assert (seen.sort().values - uniform).abs().max() < (high - low) * 1.95 / 4000**0.5 + 0.005
    assert torch.corrcoef(torch.stack((area, shape)))[0, 1].abs() < 0.06


def test_places_are_uniform_and_independent() -> None:
    # Half the area of 8x8 as a square is 5.66, so 6x6 pixels: 3 places each way.
    top, left, heights, widths = boxes(9000, 8, 8, (0.5, 0.5), (1.0, 1.0))
    assert heights.unique().tolist() == widths.unique().tolist() == [6]
    observed = torch.bincount((top * 3 + left).long(), minlength=9).double()
    # Chi-square with 8 degrees of freedom: mean 8, SD 4; five SDs is far out on a fixed draw.
    assert ((observed - 1000) ** 2 / 1000).sum() < 8 + 5 * 4


def test_boxes_are_distributed_as_those_of_torchvision() -> None:
    # A flat image, where many tries do not fit: what is accepted, and how often none is, must agree.
    torch.manual_seed(0)
    image = torch.empty(1, 16, 40)
    theirs = torch.tensor([RandomResizedCrop.get_params(image, [0.3, 1.0], [*THIRDS]) for _ in range(3000)]).double()
    ours = torch.stack(boxes(3000, 16, 40, (0.3, 1.0)), dim=1)
    for part in range(4):
        levels = torch.arange(41)
        cumulative = [(side[:, part, None] <= levels).double().mean(0) for side in (ours, theirs)]
        # Kolmogorov and Smirnov, two samples of 3000: 1.95 * sqrt(2 / 3000) is exceeded once in a thousand draws.
        assert (cumulative[0] - cumulative[1]).abs().max() < 1.95 * (2 / 3000) ** 0.5
    last = [(side == torch.tensor([0, 9, 16, 21])).all(1).double().mean().item() for side in (ours, theirs)]
    assert last[0] == pytest.approx(last[1], abs=0.03)


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio", "box"),
    [
        (8, 20, (1.0, 1.0), THIRDS, (0, 4, 8, 11)),  # too wide: 8 * 4/3 = 10.67 columns, 9 are left over
        (21, 8, (1.0, 1.0), THIRDS, (5, 0, 11, 8)),  # too high: 8 / (3/4) = 10.67 rows, 10 are left over
        (8, 8, (1.0, 1.0), (2.0, 3.0), (2, 0, 4, 8)),  # every try is wider than the image: 8 / 2 rows
        (8, 9, (1e-4, 1e-4), THIRDS, (0, 0, 8, 9)),  # every try rounds to nothing: the whole image
        (1, 1, (1.0, 1.0), (9.0, 9.0), (0, 0, 1, 1)),  # and never less than a pixel
    ],
)
def test_where_no_try_fits_the_largest_box_is_in_the_middle(height, width, scale, ratio, box) -> None:
    assert torch.stack(boxes(50, height, width, scale, ratio), dim=1).unique(dim=0).tolist() == [[*box]]


def test_boxes_lie_within_the_image_whatever_the_options() -> None:
    for options in (((1.0, 0.01), (100.0, 0.01)), ((0.01, 1.0), (1e-30, 1e30))):
        for height, width in ((1, 1), (2, 9), (30, 7)):
            top, left, heights, widths = boxes(500, height, width, *options)
            assert bool(((top >= 0) & (left >= 0) & (heights >= 1) & (widths >= 1)).all())
            assert bool(((top + heights <= height) & (left + widths <= width)).all())
