"""Random brightness, contrast, saturation and hue."""

import torch
from torch import Tensor

from kdbench.spec.types import HalfTurn, NonNegative
from kdbench.zoo.interface import Draw, NotApplicable


def color_jitter(
    images: Tensor,
    draw: Draw,
    *,
    brightness: NonNegative = 0.4,
    contrast: NonNegative = 0.4,
    saturation: NonNegative = 0.4,
    hue: HalfTurn = 0.0,
) -> Tensor:
    """Contrast, brightness, saturation, hue changed, in this order, by factors drawn anew for each sample and epoch.

    Formula: x' = f * x + (1 - f) * o, cut off at 0 and 255, where o is the image's mean grey for contrast, 0 for
    brightness, the pixel's grey for saturation; f is uniform in [max(0, 1 - option), 1 + option]. Hue turns by a
    uniform angle in [-hue, hue].
    Shapes: images [B, C, H, W], uint8, to the same. Grey images (C 1) have neither saturation nor hue to change.
    Units: hue in turns of the color wheel; the others are shares of the image's own.
    Raises: NotApplicable for images that are not uint8, whose black and white are unknown; for saturation or hue with
    neither 1 nor 3 channels.
    Source: Howard 2013 (arXiv:1312.5402), with the factors of torchvision's ColorJitter; 0.4 as in fb.resnet.torch.
    Differs: torchvision draws the order too, cuts to whole grey levels after each change rather than rounding once at
    the end, and changes nothing unless told to.
    """
    channels = images.shape[1]
    if images.dtype != torch.uint8:
        raise NotApplicable(f"color_jitter needs raw uint8 images, got {images.dtype}; use it to augment raw images")
    if channels not in (1, 3) and (saturation or hue):
        raise NotApplicable(f"saturation and hue need 1 or 3 channels, got {channels}; set both to 0")
    pixels = _blend(images.to(torch.float32), _mean_grey(images), _factor(draw, "jitter.contrast", contrast))
    pixels = _blend(pixels, torch.zeros_like(pixels[:, :1]), _factor(draw, "jitter.brightness", brightness))
    if channels == 3 and saturation:
        pixels = _blend(pixels, _grey(pixels), _factor(draw, "jitter.saturation", saturation))
    if channels == 3 and hue:
        pixels = _turn(pixels, hue * (2 * draw.uniform("jitter.hue") - 1)[:, :, None, None])
    return pixels.round().to(torch.uint8)


def _factor(draw: Draw, stream: str, spread: float) -> Tensor:
    """Factors [B, 1, 1, 1], uniform around 1 and not below 0."""
    low = max(0.0, 1 - spread)
    return low + (1 + spread - low) * draw.uniform(stream)[:, :, None, None]


def _blend(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * pixels + (1 - factor) * other).clamp(0, 255)


def _grey(pixels: Tensor) -> Tensor:
    """Luma [B, 1, H, W] of colors [B, 3, H, W], by torchvision's weights."""
    red, green, blue = pixels.chunk(3, dim=1)
    return 0.2989 * red + 0.587 * green + 0.114 * blue


def _mean_grey(images: Tensor) -> Tensor:
    """The mean grey [B, 1, 1, 1] of raw images. Sums of integers are exact: their order, so the batch, is no matter."""
    channels, height, width = images.shape[1:]
    sums = images.sum((2, 3), keepdim=True, dtype=torch.int64)
    if channels == 3:
        return _grey(sums / (height * width))
    return sums.sum(1, keepdim=True) / (channels * height * width)


def _turn(pixels: Tensor, turns: Tensor) -> Tensor:
    """Colors [B, 3, H, W] with their hue turned by `turns` [B, 1, 1, 1]; value and saturation (HSV) stay."""
    red, green, blue = pixels.chunk(3, dim=1)
    value = pixels.amax(1, keepdim=True)
    chroma = value - pixels.amin(1, keepdim=True)
    scale = torch.where(chroma > 0, chroma, 1)
    hue = torch.where(  # in sixths of a turn: red 0, green 2, blue 4
        value == red,
        (green - blue) / scale,
        torch.where(value == green, (blue - red) / scale + 2, (red - green) / scale + 4),
    )
    # How far each channel lies below the value is a trapezoid of the hue's distance; 5, 3, 1 are where the channels'
    # begin. x - 6 * floor(x / 6) instead of %: plain arithmetic rounds alike in vectorized loops and at their ends.
    starts = torch.tensor([5.0, 3.0, 1.0], device=pixels.device)[None, :, None, None]
    distance = hue + 6 * turns + starts
    distance = distance - 6 * (distance / 6).floor()
    return value - chroma * torch.minimum(distance, 4 - distance).clamp(0, 1)
