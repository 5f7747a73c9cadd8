"""Residual networks for small images, and the wide ones of the distillation literature."""

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from kdbench.spec.types import ResnetDepth
from kdbench.zoo.models.initial_weights import draw_convolutions

# Channels of the stem and the three stages; the x4 networks have a stem of only twice the width.
WIDTHS = {1: (16, 16, 32, 64), 4: (32, 64, 128, 256)}


def resnet_cifar(
    classes: int, shape: tuple[int, int, int], *, depth: ResnetDepth = 20, width_factor: Literal[1, 4] = 1
) -> nn.Module:
    """The residual networks of depth 6n+2 for images of 32x32; width_factor 4 gives the "x4" networks.

    Formula: conv3x3 - 3 stages of n blocks at full, half and quarter resolution - global mean - linear.
    Shapes: images [B, *shape] to logits [B, classes].
    Raises: nothing.
    Source: He et al. 2016 (arXiv:1512.03385), section 4.2; resnet8x4 and resnet32x4: RepDistiller (arXiv:1910.10699).
    Differs: where the width changes, the shortcut is a 1x1 convolution with batch norm, as in RepDistiller; He pads
    with zeros. That adds 2,752 parameters at width_factor 1.
    """
    stem, *stages = WIDTHS[width_factor]
    blocks = (depth - 2) // 6
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(shape[0], stem, kernel_size=3, padding=1, bias=False), bn1=nn.BatchNorm2d(stem), relu=nn.ReLU()
    )
    before = stem
    for i, width in enumerate(stages, start=1):
        first = _Block(before, width, stride=1 if i == 1 else 2)
        layers[f"stage{i}"] = nn.Sequential(first, *(_Block(width, width, stride=1) for _ in range(blocks - 1)))
        before = width
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(before, classes)}
    network = nn.Sequential(layers)
    draw_convolutions(network)
    return network


class _Block(nn.Module):
    """Two 3x3 convolutions around a shortcut (He 2016, figure 2). The ReLUs are modules, so that taps see them."""

    def __init__(self, before: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
        self.relu2 = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        inner = self.relu1(self.bn1(self.conv1(images)))
        activated: Tensor = self.relu2(self.bn2(self.conv2(inner)) + self.shortcut(images))
        return activated
