"""What the machine needs for a network's arithmetic alone: two lower bounds for a training step.

`matmul`: the step's FLOPs at the best rate that a float32 matrix product reaches here. `kernels`: the network's own
convolutions and linear layers, forward and backward, called one by one on the tensors that a step gives them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

SIZES = (512, 1024, 2048)  # of square matrices
Kernels = list[tuple[str, Callable[[], object]]]


def training_flops(model: nn.Module, images: Tensor, *, backward: bool = True) -> int:
    """FLOPs of a forward and backward pass over a batch, as torch counts them: 2 for each multiply-accumulate.

    Only convolutions and matrix products count. The images need no gradient, so none is counted for them.
    """
    counter = FlopCounterMode(display=False)
    with counter:
        logits = model(images)
        if backward:
            logits.sum().backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def matmul_rate(seconds: float = 0.3) -> float:
    """The best float32 FLOP/s of a matrix product, over some sizes and many tries."""
    best = 0.0
    for size in SIZES:
        left, right, out = (torch.randn(size, size) for _ in range(3))
        began = time.perf_counter()
        while time.perf_counter() - began < seconds / len(SIZES):
            best = max(best, 2 * size**3 / _seconds(lambda a=left, b=right, o=out: torch.mm(a, b, out=o)))
    return best


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer as a step calls it."""

    name: str
    module: nn.Conv2d | nn.Linear
    entered: Tensor
    gradient: Tensor  # of what it gave
    first: bool  # what enters it needs no gradient


def layers(model: nn.Module, images: Tensor, labels: Tensor) -> list[Layer]:
    """The layers of a network in the order they run, each with the tensors of one training step. Found by hooks."""
    entered: dict[str, Tensor] = {}
    gave: dict[str, Tensor] = {}
    handles = []

    def note(name: str, before: Tensor, after: Tensor) -> None:
        if name in entered:
            raise ValueError(f"{name} runs more than once a step")
        entered[name], gave[name] = before, after
        after.retain_grad()

    modules = {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    for name, module in modules.items():
        # A copy goes on: what follows may write into it (an in-place ReLU).
        handles.append(
            module.register_forward_hook(
                lambda _, before, after, name=name: (note(name, before[0].detach(), after), after.clone())[1]
            )
        )
    try:
        functional.cross_entropy(model(images), labels).backward()
    finally:
        for handle in handles:
            handle.remove()
    model.zero_grad(set_to_none=True)
    found = []
    for index, (name, before) in enumerate(entered.items()):
        gradient = gave[name].grad
        assert gradient is not None
        if before.ndim == 4:
            before, gradient = (t.contiguous(memory_format=torch.channels_last) for t in (before, gradient))
        found.append(Layer(name, modules[name], before, gradient, first=index == 0))
    return found


def kernels(found: list[Layer]) -> Kernels:
    """The layers' own work: forward in order, then backward in reverse."""
    forward = [(f"{layer.name} forward", _forward(layer)) for layer in found]
    backward = [(f"{layer.name} backward", _backward(layer)) for layer in reversed(found)]
    return [*forward, *backward]


def time_kernels(every: Kernels) -> dict[str, float]:
    """Seconds of each kernel, called once in the order of a step."""
    with unfilled(), torch.no_grad():
        return {name: round(_seconds(call), 7) for name, call in every}


@contextmanager
def unfilled() -> Iterator[None]:
    """Without the filling of fresh memory that deterministic mode does: it is no arithmetic."""
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = before


def _forward(layer: Layer) -> Callable[[], Tensor]:
    module, images = layer.module, layer.entered
    if isinstance(module, nn.Linear):
        return lambda: functional.linear(images, module.weight, module.bias)
    return lambda: functional.conv2d(
        images, module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups
    )


def _backward(layer: Layer) -> Callable[[], object]:
    module, before, gradient = layer.module, layer.entered, layer.gradient
    if isinstance(module, nn.Linear):

        def linear() -> list[Tensor]:
            own = [gradient.t() @ before]
            own += [gradient.sum(0)] if module.bias is not None else []
            return own if layer.first else [*own, gradient @ module.weight]

        return linear
    bias = None if module.bias is None else list(module.bias.shape)
    wanted = [not layer.first, True, module.bias is not None]
    how = (list(module.stride), list(module.padding), list(module.dilation), False, [0, 0], module.groups)
    return lambda: torch.ops.aten.convolution_backward(gradient, before, module.weight, bias, *how, wanted)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
