"""A teacher from an ONNX file computes what the file computes, from copies and from stored weights as well."""

import copy

import numpy as np
import torch

from kdbench.zoo.given.onnx_network import OnnxNetwork, with_pixels
from tests.zoo.given.onnx_files import SHAPE, linear, random_weight

WEIGHT = random_weight()


def images(count: int) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def test_it_gives_the_logits_of_its_file_for_batches_of_any_size() -> None:
    network = OnnxNetwork(linear(WEIGHT))
    for count in (1, 5):
        expected = images(count).flatten(1) @ torch.from_numpy(WEIGHT)
        torch.testing.assert_close(network(images(count)), expected)


def test_a_copy_opens_a_session_of_its_own() -> None:
    network = OnnxNetwork(linear(WEIGHT))
    before = network(images(2))
    assert torch.equal(copy.deepcopy(network)(images(2)), before)


def test_its_stored_weights_are_the_file() -> None:
    network = OnnxNetwork(linear(WEIGHT))
    state = network.state_dict()
    assert state.keys() == {"content"}
    assert state["content"].numpy().tobytes() == network.file == linear(WEIGHT)


def test_pixels_are_rescaled_in_the_graph() -> None:
    # Twice the image less one: each logit is 2 w x - sum(w).
    network = OnnxNetwork(with_pixels(linear(WEIGHT), (2.0,), (-1.0,)))
    expected = 2 * images(3).flatten(1) @ torch.from_numpy(WEIGHT) - torch.from_numpy(np.sum(WEIGHT, axis=0))
    torch.testing.assert_close(network(images(3)), expected)
