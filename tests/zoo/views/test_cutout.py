import pytest
import torch

from kdbench.zoo import Draw
from kdbench.zoo.views.cutout import cutout


class Fixed(Draw):
    """A draw whose centers are given, for squares worked by hand; no square is left out."""

    def integers(self, stream: str, below: int) -> torch.Tensor:
        assert below == {"cutout.y": 3, "cutout.x": 4}[stream]
        return torch.tensor({"cutout.y": [0, 1, 2], "cutout.x": [3, 1, 0]}[stream])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_squares_worked_by_hand(dtype) -> None:
    batch = torch.full((3, 2, 3, 4), 7, dtype=dtype)
    # Size 2 around (0, 3) is rows -1 and 0, columns 2 and 3: one row lies outside. Size 3 reaches one pixel each way.
    two = torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]],
                        [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]],
                        [[1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]])  # fmt: skip
    three = torch.tensor([[[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]],
                          [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]],
                          [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]])  # fmt: skip
    for size, kept in ((2, two), (3, three)):
        expected = (7 * kept).to(dtype)[:, None].expand(3, 2, 3, 4)
        assert torch.equal(cutout(batch, Fixed(0, 0, torch.arange(3)), size=size), expected)


@pytest.mark.parametrize("size", [4, 5, 16])
def test_squares_are_those_of_a_slice_around_the_center(size) -> None:
    batch, draw = torch.rand(60, 3, 9, 11) + 1, Draw(4, 1, torch.arange(60) * 3)
    expected = batch.clone()
    centers = zip(draw.integers("cutout.y", 9).tolist(), draw.integers("cutout.x", 11).tolist(), strict=True)
    for image, (y, x) in zip(expected, centers, strict=True):
        top, left = y - size // 2, x - size // 2
        image[:, max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)] = 0
    assert torch.equal(cutout(batch, draw, size=size), expected)


def test_centers_are_uniform_and_independent() -> None:
    count, height, width = 16_000, 8, 10
    seen = cutout(torch.ones(count, 1, height, width), Draw(0, 0, torch.arange(count)), size=1)
    assert bool((seen.flatten(1).sum(1) == height * width - 1).all())
    observed = (1 - seen).sum((0, 1)).double()
    # Chi-square with 79 degrees of freedom: mean 79, SD 12.6; five SDs is far out on a fixed draw.
    assert ((observed - 200) ** 2 / 200).sum() < 79 + 5 * 158**0.5


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_squares_have_their_probability_wherever_they_are(probability) -> None:
    draw = Draw(0, 0, torch.arange(4000))
    cut = cutout(torch.ones(4000, 1, 4, 4), draw, size=1, probability=probability).flatten(1).sum(1) < 16
    assert cut.double().mean().item() == pytest.approx(probability, abs=0.04)
    for row in range(4):
        there = draw.integers("cutout.y", 4) == row
        assert cut[there].double().mean().item() == pytest.approx(probability, abs=0.08)
