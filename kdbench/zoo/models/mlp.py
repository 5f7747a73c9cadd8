"""Fully connected networks on flattened images."""

from torch import nn

from kdbench.spec.types import Count, ProperFraction


def mlp(
    classes: int, shape: tuple[int, int, int], *, hidden: tuple[Count, ...] = (128,), dropout: ProperFraction = 0.0
) -> nn.Module:
    """Linear layers with ReLU over the flattened image; `hidden` are the widths between input and classes.

    Formula: flatten - [linear - ReLU - dropout] for each hidden width - linear; () is a linear classifier.
    Shapes: images [B, *shape] to logits [B, classes].
    Raises: nothing.
    Source: the networks 784-128-64-10, 784-128-10 and 784-64-10 of tutorials on distillation.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = shape[0] * shape[1] * shape[2]
    for width in hidden:
        layers += [nn.Linear(features, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))
