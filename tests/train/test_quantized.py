"""Fake quantization: what is rounded to what, that gradients pass, and that training makes up for rounding."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.train.quantized import AVERAGING, Quantized, fold_batch_norms, quantized
from kdbench.zoo.interface import NotApplicable
from tests.deploy.networks import SHAPE, Resnet, mlp

ONE = (1, 1, 2)


def linear(*weights: list[float], bias: bool = False) -> Quantized:
    """A linear layer of two inputs under 7-bit weights, whose inputs range from -1 to 3."""
    layer = nn.Linear(2, len(weights), bias=bias)
    layer.weight.data = torch.tensor(weights)
    model = Quantized(nn.Sequential(nn.Flatten(), layer), ONE, 7)
    model.ranges[0] = torch.tensor([-1.0, 3.0])
    return model.eval()


def images(*values: list[float]) -> Tensor:
    return torch.tensor(values).reshape(-1, *ONE)


def test_inputs_take_256_levels_and_each_row_of_weights_128() -> None:
    # Steps: 4 / 255 of inputs, with 0 at level round(63.75) = 64; 1/64 and 2/64 of weights.
    model, step = linear([1.0, 0.505], [-2.0, 0.25]), 4 / 255
    found = model(images([1.0, 0.5], [9.0, -9.0]))
    one, half, highest, lowest = 64 * step, 32 * step, 191 * step, -64 * step  # 63.75 and 31.875 steps; clipped
    expected = [
        [one + 32 / 64 * half, -2 * one + 0.25 * half],
        [highest + 32 / 64 * lowest, -2 * highest + 0.25 * lowest],
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_weights_of_eight_bits_reach_127() -> None:
    assert Quantized(mlp(), SHAPE, 8).largest == 127


def test_biases_are_whole_multiples_of_the_products_step() -> None:
    model = linear([1.0, 0.0], bias=True)
    layer = model.network[1]  # type: ignore[index]
    layer.bias.data.fill_(0.1)
    step = 4 / 255 / 64
    torch.testing.assert_close(model(images([0.0, 0.0])), torch.tensor([[round(0.1 / step) * step]]))


def test_gradients_pass_straight_through_but_for_what_is_clipped() -> None:
    model = linear([1.0, 0.505], [-2.0, 0.25], bias=True)
    seen = images([1.0, 0.5], [9.0, 1.0]).requires_grad_()
    model(seen).sum().backward()  # type: ignore[no-untyped-call]
    layer = model.network[1]  # type: ignore[index]
    step = 4 / 255
    inputs = torch.tensor([64 * step + 191 * step, 32 * step + 64 * step])  # rounded, summed over the batch
    torch.testing.assert_close(layer.weight.grad, torch.stack([inputs, inputs]))
    torch.testing.assert_close(layer.bias.grad, torch.tensor([2.0, 2.0]))
    rows = torch.tensor([1.0 - 2.0, 0.5 + 0.25])  # of rounded weights, summed over the outputs
    assert seen.grad is not None
    torch.testing.assert_close(seen.grad.flatten(1), torch.stack([rows, rows * torch.tensor([0.0, 1.0])]))


def test_ranges_begin_at_those_of_calibration_and_move_with_training_only() -> None:
    model = linear([1.0, 1.0])
    model.calibrate(images([-2.0, 1.0], [4.0, 0.0]))
    assert model.ranges.tolist() == [[-2.0, 4.0]]
    model(images([-9.0, 9.0]))
    assert model.ranges.tolist() == [[-2.0, 4.0]]
    model.train()(images([-3.0, 9.0]))
    assert model.ranges.tolist() == [[pytest.approx(-2 - AVERAGING), pytest.approx(4 + 5 * AVERAGING)]]


def test_what_two_layers_read_is_rounded_once() -> None:
    # The image, what enters the block and the shortcut, what leaves the block, the sum, and what enters the head.
    assert quantized(Resnet(), SHAPE, 8).ranges.shape == (5, 2)


def test_a_network_without_weights_is_refused() -> None:
    with pytest.raises(NotApplicable, match="no convolution or linear layer"):
        Quantized(nn.Flatten(), SHAPE, 8)


def stirred(network: nn.Module) -> nn.Module:
    """With statistics in its batch norms."""
    torch.manual_seed(0)
    for _ in range(5):
        network.train()(3 * torch.randn(16, *SHAPE) + 1)
    return network.eval()


def test_batch_norms_are_folded_and_layers_keep_their_names() -> None:
    network = stirred(Resnet())
    samples = torch.randn(8, *SHAPE)
    expected, names = network(samples), [name for name, _ in network.named_modules()]
    fold_batch_norms(network, SHAPE)
    torch.testing.assert_close(network(samples), expected, rtol=1e-4, atol=1e-5)
    assert [name for name, _ in network.named_modules()] == names
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


class PreActivated(nn.Module):
    """A convolution that a batch norm and a shortcut read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.conv(images)
        logits: Tensor = self.head((features + torch.relu(self.norm(features))).mean((2, 3)))
        return logits


def test_a_convolution_that_others_read_keeps_its_batch_norm_whatever_its_weights() -> None:
    for network in (PreActivated(), stirred(PreActivated())):
        fold_batch_norms(network, SHAPE)
        assert isinstance(network.norm, nn.BatchNorm2d)


def test_training_makes_up_for_what_rounding_takes() -> None:
    """Under weights of -1, 0 and 1 steps a trained network loses much of its accuracy, and learns it back."""
    torch.manual_seed(0)
    samples = torch.randn(400, *SHAPE)
    labels = (samples.mean((2, 3)) @ torch.randn(3, 4)).argmax(1)
    network = mlp()
    train(network, samples, labels, lr=0.1)
    assert accuracy(network, samples, labels) > 0.99
    model = Quantized(network, SHAPE, 8)
    model.largest = 1
    model.calibrate(samples)
    assert accuracy(model.eval(), samples, labels) < 0.9
    train(model, samples, labels, lr=0.02)
    assert accuracy(model.eval(), samples, labels) > 0.97


def train(model: nn.Module, samples: Tensor, labels: Tensor, lr: float) -> None:
    optimizer = torch.optim.SGD(model.train().parameters(), lr=lr, momentum=0.9)
    for _ in range(100):
        optimizer.zero_grad()
        functional.cross_entropy(model(samples), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def accuracy(model: nn.Module, samples: Tensor, labels: Tensor) -> float:
    return float((model(samples).argmax(1) == labels).float().mean())
