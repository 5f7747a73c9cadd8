"""The small convolutional network of tutorials, in any width."""

from collections import OrderedDict

from torch import nn

from kdbench.spec.types import Count
from kdbench.zoo.interface import NotApplicable


def cnn(classes: int, shape: tuple[int, int, int], *, width: Count = 32) -> nn.Module:
    """Two convolutions with pooling, then two linear layers; width 32 is conv32-conv64-fc128.

    Formula: conv3x3(width) - ReLU - pool2 - conv3x3(2 width) - ReLU - pool2 - linear(4 width) - ReLU - linear.
    Shapes: images [B, *shape] to logits [B, classes]. Convolutions pad by 1, so only pooling changes the size.
    Raises: NotApplicable for images smaller than 4x4.
    Source: the conv32-conv64-fc128-fc10 networks of tutorials on distillation.
    """
    channels, height, breadth = shape
    if min(height, breadth) < 4:
        raise NotApplicable(f"cnn halves the image twice and needs at least 4x4 pixels, got {height}x{breadth}")
    flat = 2 * width * (height // 4) * (breadth // 4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, width, kernel_size=3, padding=1),
            relu1=nn.ReLU(inplace=True),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(flat, 4 * width),
            relu3=nn.ReLU(inplace=True),
            fc2=nn.Linear(4 * width, classes),
        )
    )
