"""Streamed images answer as the tensor of the same images does, and stay where they are."""

import numpy as np
import pytest
import torch

from kdbench.zoo.interface import Split
from kdbench.zoo.streamed import Streamed

IMAGES = torch.randint(256, (9, 3, 4, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
WHERE = [
    torch.tensor([8, 0, 3, 3]),
    torch.tensor([], dtype=torch.int64),
    torch.arange(9) > 5,
    torch.tensor(-1),
    slice(2, 5),
    slice(7, 100),
    slice(None, None, 2),
]


@pytest.mark.parametrize("where", WHERE, ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_it_answers_as_a_tensor_does(where, dtype) -> None:
    images = IMAGES.to(dtype)
    for index in (torch.arange(9), torch.tensor([8, 1, 1, 0, 5, 6, 7, 2, 3])):
        tensor, streamed = images[index], Streamed.of(images).take(index)
        assert torch.equal(streamed[where], tensor[where])
        assert (streamed.shape, streamed.dtype, len(streamed)) == (tensor.shape, tensor.dtype, len(tensor))
        assert streamed.device == tensor.device


def test_what_is_outside_is_an_error() -> None:
    with pytest.raises(IndexError):
        Streamed.of(IMAGES).take(torch.arange(4))[torch.tensor([4])]


def test_a_part_copies_no_images_and_a_batch_is_a_copy() -> None:
    images = IMAGES.clone()
    part = Split(Streamed.of(images), torch.arange(9)).take(torch.tensor([7, 2])).take(torch.tensor([1]))
    assert isinstance(part.images, Streamed)
    assert np.shares_memory(part.images.source, images.numpy())
    assert part.labels.tolist() == [2]
    for where in (slice(0, 1), torch.tensor([0])):
        part.images[where].zero_()
    assert torch.equal(images, IMAGES)


def test_another_device_gets_batches_only() -> None:
    streamed = Streamed.of(IMAGES)
    there = streamed.to("meta")
    assert (there.device.type, there[:2].device.type, there.take(torch.tensor([1])).device.type) == ("meta",) * 3
    assert there.source is streamed.source
    assert streamed.device.type == "cpu"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_batches_on_a_gpu() -> None:
    streamed, index = Streamed.of(IMAGES).to("cuda"), torch.tensor([3, 1], device="cuda")
    assert streamed.device == index.device  # cuda:0, as tensors name it
    assert streamed[index].device == index.device
    assert torch.equal(streamed[index].cpu(), IMAGES[[3, 1]])
    assert torch.equal(streamed.take(index)[:].cpu(), IMAGES[[3, 1]])
