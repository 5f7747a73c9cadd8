"""A network that computes as if in 8 bits: every product and sum gets rounded inputs, gradients pass straight through.

Source: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
(arXiv:1712.05877), section 3; weights with a scale for each output: Krishnamoorthi 2018 (arXiv:1806.08342).
Differs: batch norms that follow a convolution are folded into it with the statistics that they start with, where Jacob
folds them anew at every step. Ranges are moving averages from the first to the last step, which begin at those of
calibration images; there rounding of activations may begin later.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from kdbench.zoo.interface import NotApplicable

Bits = Literal[7, 8]
LARGEST = 255  # of an activation: 8 bits without a sign
SMALLEST_STEP = 1e-8  # for what is 0 everywhere
AVERAGING = 0.01  # the weight of a batch in the ranges of activations
OPSET = 20  # of QuantizeLinear and DequantizeLinear: that of exported files

WEIGHTED: tuple[Callable[..., Any], ...] = (torch.conv2d, functional.linear)
SUMS: tuple[Callable[..., Any], ...] = (
    torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__,
)  # fmt: skip
MEANS: tuple[Callable[..., Any], ...] = (
    functional.avg_pool2d, functional.adaptive_avg_pool2d, torch.mean, Tensor.mean,
)  # fmt: skip


class Quantized(nn.Module):
    """A network under fake quantization: weights of `bits` bits, symmetric, a scale for each output; 8-bit activations.

    Rounded are the inputs of convolutions, linear layers, sums and means; of what is rounded already, nothing. Logits
    are not rounded. Between them all is float32, as in the file that ONNX Runtime fuses to integer arithmetic.
    Raises `NotApplicable` for a network without such a layer.
    """

    made_again: ClassVar[tuple[str, ...]] = ("steps",)  # by the next pass

    ranges: Tensor  # [points, 2]: lowest and highest of each rounded activation, in the order of their computation

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], bits: Bits) -> None:
        super().__init__()
        self.network = network
        self.largest = {7: 64, 8: 127}[bits]  # of a weight: with 64, sums of two products fit 16 bits (decision 15)
        self.steps: list[tuple[Tensor, Tensor]] = []  # scale and zero point of all that was rounded last, in order
        self.register_buffer("ranges", torch.zeros(0, 2))
        counting = _Rounding(self, None)
        images = _ramp(network, shape)
        with _evaluating(network), counting:
            network(images)
        if not counting.weights:
            raise NotApplicable("it has no convolution or linear layer to train in 8 bits")
        self.ranges = torch.zeros(counting.activations, 2, device=images.device)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, C] of images [B, C, H, W]."""
        with _Rounding(self, AVERAGING if self.training else 0.0):
            logits: Tensor = self.network(images)
        return logits

    def calibrate(self, images: Tensor) -> None:
        """Take the ranges of activations from these images [N, C, H, W]."""
        with _evaluating(self.network), _Rounding(self, 1.0):
            self.network(images)


def quantized(network: nn.Module, shape: tuple[int, int, int], bits: Bits) -> Quantized:
    """A network in 8 bits with its batch norms folded in place."""
    fold_batch_norms(network, shape)
    return Quantized(network, shape, bits)


class _Rounding(TorchFunctionMode):
    """While open, all that a network computes is rounded. `share` is the weight of this batch in the ranges.

    With `share` None it counts the points of rounding, and rounds nothing.
    """

    def __init__(self, model: Quantized, share: float | None) -> None:
        super().__init__()
        self.model, self.share = model, share
        self.activations = self.weights = 0
        model.steps = [] if not torch.compiler.is_exporting() else model.steps
        # Tensors are kept with what was made of them: an id alone may be given to another tensor.
        self.scale_of: dict[int, Tensor] = {}  # by the id of a rounded activation
        self.rounded: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in WEIGHTED and len(args) > 1:
            values, weight, *others = args
            values, weight = self._activation(values), self._weight(weight)
            args = (values, weight, *(self._bias(bias, values) for bias in others[:1]), *others[1:])
        elif func in SUMS and len(args) == 2 and all(map(_is_activation, args)):
            return torch.add(self._activation(args[0]), self._activation(args[1]), **kwargs or {})
        elif func in MEANS and args and _is_activation(args[0]):
            args = (self._activation(args[0]), *args[1:])
        return func(*args, **kwargs or {})

    def _activation(self, values: Tensor) -> Tensor:
        place = id(values), values._version
        if place not in self.rounded:
            self.rounded[place] = values, self._round_activation(values)
        return self.rounded[place][1]

    def _round_activation(self, values: Tensor) -> Tensor:
        number, self.activations = self.activations, self.activations + 1
        if self.share is None:
            return values
        if torch.compiler.is_exporting():
            return _in_graph(values, *self._next(), axis=None)
        found = self.model.ranges[number]
        if self.share:
            with torch.no_grad():
                found.lerp_(torch.stack(values.aminmax()), self.share)
        low, high = found.clamp(max=0)[0], found.clamp(min=0)[1]
        scale = ((high - low) / LARGEST).clamp(min=SMALLEST_STEP)
        zero = (-low / scale).round().to(torch.int32)
        self.model.steps.append((scale, zero.to(torch.uint8)))
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, LARGEST)
        self.scale_of[id(rounded)] = scale
        return rounded

    def _weight(self, weight: Tensor) -> Tensor:
        self.weights += 1
        if self.share is None:
            return weight
        if torch.compiler.is_exporting():
            return _in_graph(weight, *self._next(), axis=0)
        largest = self.model.largest
        scale = (weight.detach().abs().flatten(1).amax(1) / largest).clamp(min=SMALLEST_STEP)
        zero = torch.zeros_like(scale, dtype=torch.int32)
        self.model.steps.append((scale, zero.to(torch.int8)))
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -largest, largest)

    def _bias(self, bias: Tensor | None, values: Tensor) -> Tensor | None:
        """Rounded to whole multiples of the products' step, as integer arithmetic adds it: there is no node for it."""
        if bias is None or self.share is None or torch.compiler.is_exporting():
            return bias
        step = self.scale_of[id(values)] * self.model.steps[-1][0]
        return bias + ((bias / step).round() * step - bias).detach()

    def _next(self) -> tuple[Tensor, Tensor]:
        return self.model.steps[self.activations + self.weights - 1]


def _is_activation(value: object) -> bool:
    """Not the counter of batches of a batch norm, nor a bias."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1


def _in_graph(values: Tensor, scale: Tensor, zero: Tensor, axis: int | None) -> Tensor:
    """The same in an exported graph: the values as integers, and back."""
    attributes: dict[str, Any] = {} if axis is None else {"axis": axis}

    def node(name: str, entered: Tensor, dtype: torch.dtype) -> Tensor:
        given = entered, scale, zero
        return torch.onnx.ops.symbolic(name, given, attributes, dtype=dtype, shape=values.shape, version=OPSET)

    return node("DequantizeLinear", node("QuantizeLinear", values, zero.dtype), values.dtype)


class _Uses(TorchFunctionMode):
    """While open, it counts the tensors that are computed from each tensor, by its id; all of them are kept alive."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[int] = Counter()
        self.kept: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        gave = func(*args, **kwargs or {})
        if isinstance(gave, Tensor):
            self.counts.update(id(each) for each in args if isinstance(each, Tensor))
            self.kept.append(gave)
        return gave


def fold_batch_norms(network: nn.Module, shape: tuple[int, int, int]) -> None:
    """Put each batch norm that alone reads a convolution into its weights, in place, with the statistics that it has.

    An identity takes its place, so that layers keep their names. Which ones are folded depends on the network only, not
    on its weights.
    """
    made: dict[int, str] = {}  # by the id of its output, the convolution
    found: list[tuple[str, str, int]] = []

    def note(name: str, module: nn.Module, entered: tuple[Tensor, ...], gave: Tensor) -> None:
        if type(module) is nn.Conv2d:
            made[id(gave)] = name
        elif id(entered[0]) in made:
            found.append((made[id(entered[0])], name, id(entered[0])))

    handles = [
        module.register_forward_hook(lambda m, entered, gave, name=name: note(name, m, entered, gave))
        for name, module in network.named_modules()
        if type(module) in (nn.Conv2d, nn.BatchNorm2d)
    ]
    with _evaluating(network):
        with _Uses() as uses:
            network(_ramp(network, shape))
        for handle in handles:
            handle.remove()
        for first, second, output in found:
            convolution, norm = network.get_submodule(first), network.get_submodule(second)
            if uses.counts[output] == 1 and isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                network.set_submodule(first, fuse_conv_bn_eval(convolution, norm))
                network.set_submodule(second, nn.Identity())


def _ramp(network: nn.Module, shape: tuple[int, int, int]) -> Tensor:
    """One image that is the same everywhere, on the network's device."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    channels, height, width = shape
    return torch.linspace(-2, 2, channels * height * width, device=device).reshape(1, *shape)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """While open, the network is in eval mode and has no gradients; then each of its layers is as it was."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
