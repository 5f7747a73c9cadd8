"""What losses of features share: which layers of the two networks are compared, and features of comparable shape.

Features stay views of channels-last images, so that their gradient keeps that layout: see fitnet.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.layers.taps import BEFORE, STAGES, Shape, Trace
from kdbench.zoo.loss_module import Layers

_ZERO = 1e-24  # of a squared norm, well above the smallest float32


def pair_layers(
    loss: str, student: Trace, teacher: Trace, student_layers: Layers, teacher_layers: Layers
) -> tuple[Layers, Layers]:
    """The layers to compare: the n-th named of the student with the n-th named of the teacher.

    Without names all stages, or "first", "middle" and "last" where the networks differ in how many they have. Raises
    NotApplicable where the names are not equally many.
    """
    if not student_layers and not teacher_layers:
        if student.stages and len(student.stages) == len(teacher.stages):
            return student.stages, teacher.stages
        return STAGES[:3], STAGES[:3]
    if len(student_layers) != len(teacher_layers):
        raise NotApplicable(
            f"{loss} compares layer by layer: student_layers names {len(student_layers)}, teacher_layers "
            f"{len(teacher_layers)}; name equally many, or none for all stages"
        )
    return student_layers, teacher_layers


def pair_layers_before_relu(
    loss: str, student: Trace, teacher: Trace, student_layers: Layers, teacher_layers: Layers
) -> tuple[Layers, Layers]:
    """As `pair_layers`, but the features of each layer before a ReLU cuts them: "before:LAYER".

    Without names all stages of both that have such features, in the same height and width; in networks without images
    inside, the n-th hidden layer with the n-th. A name needs no "before:" in front. Raises NotApplicable as
    `pair_layers` does.
    """
    if not student_layers and not teacher_layers:
        student_layers, teacher_layers = _stages_of_equal_size(student, teacher) or (STAGES[:3], STAGES[:3])
    own, other = (
        tuple(BEFORE + layer.removeprefix(BEFORE) for layer in layers) for layers in (student_layers, teacher_layers)
    )
    return pair_layers(loss, student, teacher, own, other)


def _stages_of_equal_size(student: Trace, teacher: Trace) -> tuple[Layers, Layers] | None:
    """The stages with features before a ReLU that both networks have in the same height and width, or at one place."""
    own, other = (
        {_size(traced, stage, at): stage for at, stage in enumerate(traced.stages) if stage in traced.before}
        for traced in (student, teacher)
    )
    paired = [size for size in own if size in other]
    return (tuple(own[size] for size in paired), tuple(other[size] for size in paired)) if paired else None


def _size(traced: Trace, stage: str, at: int) -> Shape:
    """What stages are paired by: height and width, or for flat features their place in the order."""
    return traced.shapes[stage][1:] or (at,)


def require_images(
    loss: str, student: Trace, teacher: Trace, student_layers: Layers, teacher_layers: Layers, option: str = "layers"
) -> None:
    """Raise NotApplicable where a layer gives anything but [channels, height, width], with its shape."""
    for whose, traced, layers in (("student", student, student_layers), ("teacher", teacher, teacher_layers)):
        for layer in layers:
            if len(traced.shape(layer)) != 3:
                raise NotApplicable(
                    f"{loss} needs features with height and width: the {whose}'s layer '{layer}' gives "
                    f"{list(traced.shape(layer))}; choose another with {whose}_{option}"
                )


def require_alike(
    loss: str, student: Shape, teacher: Shape, options: str = "student_layers and teacher_layers"
) -> None:
    """Raise NotApplicable unless both shapes are [channels, height, width], or both [features]."""
    if len(student) != len(teacher) or len(student) not in (1, 3):
        raise NotApplicable(
            f"{loss} needs features that have height and width on both sides, or on neither: the student's are "
            f"{list(student)}, the teacher's {list(teacher)}; choose others with {options}"
        )


def connector(loss: str, student: Shape, teacher: Shape) -> nn.Module:
    """From the student's channels to the teacher's: 1x1 convolution, or a linear layer for flat features; batch norm.

    Raises NotApplicable where the features differ in height or width, or one is flat and the other is not.
    """
    if len(student) == len(teacher) == 1 or (len(student) == len(teacher) == 3 and student[1:] == teacher[1:]):
        return nn.Sequential(pointwise(student, teacher[0]), batch_norm(student, teacher[0]))
    raise NotApplicable(
        f"{loss} needs features of equal height and width (or flat ones on both sides), since a mean over pixels has "
        f"another sign: the student's are {list(student)}, the teacher's {list(teacher)}; choose others with "
        f"student_layers and teacher_layers"
    )


def pointwise(shape: Shape, channels: int) -> nn.Module:
    """From features of a shape to so many channels, place by place: a 1x1 convolution, or a linear layer. No bias."""
    return (
        nn.Linear(shape[0], channels, bias=False) if len(shape) == 1 else nn.Conv2d(shape[0], channels, 1, bias=False)
    )


def batch_norm(shape: Shape, channels: int) -> nn.Module:
    """For so many channels, where features are flat or images as those of this shape."""
    return nn.BatchNorm1d(channels) if len(shape) == 1 else nn.BatchNorm2d(channels)


def by_channel(features: Tensor) -> Tensor:
    """Features with the channels last: a view of channels-last images, whose gradient keeps that layout."""
    return features.permute(0, 2, 3, 1) if features.ndim == 4 else features


def to_common_size(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Images [B, any channels, height, width], the larger averaged down to the smaller height and width."""
    size = min(one.shape[2], other.shape[2]), min(one.shape[3], other.shape[3])
    one, other = (
        image if image.shape[2:] == size else functional.adaptive_avg_pool2d(image, size) for image in (one, other)
    )
    return one, other


def as_rows(features: Tensor) -> Tensor:
    """One row a sample [B, all its features]. Raises ValueError for one sample alone, which has no relation."""
    if len(features) < 2:
        raise ValueError(f"a relation between samples needs at least 2 in the batch, got {len(features)}")
    return by_channel(features).flatten(1)


def as_positions(images: Tensor) -> Tensor:
    """Images [B, channels, height, width] as [B, height * width, channels]."""
    return images.permute(0, 2, 3, 1).flatten(1, 2)


def unit_vectors(vectors: Tensor, dim: int = -1) -> Tensor:
    """Divided by their L2 norm. A zero (a sample that a ReLU silenced) stays 0 and passes no gradient.

    torch's `normalize` would multiply the gradient of a zero by 1e12.
    """
    square = vectors.square().sum(dim, keepdim=True)
    scaled = vectors * square.clamp(min=_ZERO).rsqrt()
    return torch.where(square > _ZERO, scaled, torch.zeros_like(scaled))
