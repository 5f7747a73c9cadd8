"""Projected gradient descent: the image near the sample that raises the network's loss most."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.spec.task import Input
from kdbench.spec.types import Count, Fraction
from kdbench.zoo.interface import Draw, NotApplicable, Outputs

Network = Callable[[Tensor], Tensor]  # from images [B, C, H, W] to logits [B, classes]


def pgd(
    images: Tensor,
    draw: Draw,
    model: Network,
    labels: Tensor | None,
    teacher: Outputs | None,
    pixels: Input,
    *,
    epsilon: Fraction = 0.1,
    steps: Count = 10,
    step: Fraction | None = None,
    target: Literal["labels", "teacher"] = "labels",
) -> Tensor:
    """Images within a distance of the samples that raise the loss of the network that sees them.

    Formula: x_0 = x + u; x_n = clip(x_(n-1) + step * sign(gradient of L at x_(n-1))), n = 1 .. steps; u uniform in
    [-epsilon, epsilon], clip to |x_n - x| <= epsilon and to [0, 1]. L is CE(z_s, y), or with target = "teacher"
    KL(softmax(z_t) || softmax(z_s)), z_t the teacher's logits of the images without this view.
    Shapes: images [B, C, H, W], normalized floats, to the same; labels [B], int64, or shares [B, classes].
    Units: epsilon and step as shares of the pixels' range, from the lowest to the highest raw value of the training
    samples; without a number the step is 2.5 * epsilon / steps.
    Raises: NotApplicable for raw images and for a network without a gradient; without the target that is asked for.
    Source: Madry et al. 2018 (arXiv:1706.06083), section 2.1; the step as in section 5; the divergence from the teacher
    as in Zi et al. 2021, RSLAD (arXiv:2108.07969), equation 5.
    Differs: the network is in eval mode, also while it trains, so that an attack changes no statistics of batch norm.
    """
    start = 2 * draw.uniform("attack", images[0].numel()).view_as(images) - 1
    loss = against(target, labels, teacher)
    return ascend(images, start, model, loss, pixels, epsilon, step or 2.5 * epsilon / steps, steps)


def against(target: str, labels: Tensor | None, teacher: Outputs | None) -> Callable[[Tensor], Tensor]:
    """The loss that an attack raises, of logits [B, classes]: a sum over samples, each of which is attacked by itself.

    A sample whose label is kept from the training (-1) is not led anywhere.
    """
    if target == "labels":
        if labels is None:
            raise NotApplicable("an attack away from the labels needs them, and no lesson of the student may see them")
        return lambda logits: functional.cross_entropy(logits, labels, reduction="sum", ignore_index=-1)
    if teacher is None:
        raise NotApplicable('an attack with target = "teacher" needs a teacher, and there is none: use "labels"')
    log_t = functional.log_softmax(teacher.logits.detach().float(), dim=1)
    return lambda logits: functional.kl_div(
        functional.log_softmax(logits, dim=1), log_t, reduction="sum", log_target=True
    )


def ascend(
    images: Tensor,
    start: Tensor,
    model: Network,
    loss: Callable[[Tensor], Tensor],
    pixels: Input,
    epsilon: float,
    step: float,
    steps: int,
) -> Tensor:
    """`steps` signs of the gradient from `start`, which is in units of epsilon, each cut to the ball and the range."""
    if not images.is_floating_point() or pixels.lowest is None or pixels.highest is None:
        raise NotApplicable("an attack needs normalized float images of a known range: use it as view or as condition")
    mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (pixels.mean, pixels.std))
    low, high = (pixels.lowest - mean) / std, (pixels.highest - mean) / std
    unit = (high - low).expand_as(images[0])
    near, far = (torch.maximum(images - epsilon * unit, low), torch.minimum(images + epsilon * unit, high))
    seen = (images + epsilon * unit * start).clamp(near, far)
    for _ in range(steps):
        seen = (seen + step * unit * _gradient(model, loss, seen).sign()).clamp(near, far)
    return seen


def _gradient(model: Network, loss: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        value = loss(model(leaf).float())
        (found,) = torch.autograd.grad(value, leaf, allow_unused=True) if value.requires_grad else (None,)
    if found is None:  # of the weights alone there may be one
        raise NotApplicable("an attack follows the gradient of the loss by the image, and this network has none")
    return found
