"""One image file as RGB pixels of a size, and what was done to it on the way."""

import struct
import zlib
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps

from kdbench.spec import UserError
from kdbench.zoo.datasets.decoded import Images

ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# By content, whatever the ending says: Pillow would hand PostScript to Ghostscript.
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# All that Pillow is known to raise for files that are cut off, damaged or no images.
_FAILURES = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError, AttributeError,
    MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

_LARGE = 2**24  # pixels: 64 MiB with transparency
_one_large_at_a_time = Lock()  # there are as many threads as cores, and Pillow takes images of up to 700 MB

TRANSPARENT = "that are transparent in places, and are laid on white"
TURNED = "that are turned as their orientation tag says"
FRAMES = "of several frames, of which the first is taken"


class DecodedImage(NamedTuple):
    """Pixels [3, size, size], uint8, and what was done to them: of the phrases above."""

    pixels: Images
    done: tuple[str, ...]


def decode_image(file: Path, size: int) -> DecodedImage:
    """An image in its orientation, on white, its shorter side scaled to `size`, its middle cut out.

    Raises `UserError` for a file that is damaged, no image, of more than 8 bits a channel, or not to be read.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if _is_deep(image):
                raise UserError(
                    f"'{file}' has more than 8 bits a channel (mode {image.mode}), which would be cut off",
                    help="save it with 8 bits",
                )
            with _one_large_at_a_time if image.width * image.height > _LARGE else nullcontext():
                return _fit(image, size)
    except PermissionError as error:
        raise UserError(f"cannot read '{file}': {error.strerror}", help="change its permissions") from error
    except _FAILURES as error:
        raise UserError(f"'{file}' is damaged or no image: {error}", help="remove it or get it again") from error


def _fit(image: ImageFile.ImageFile, size: int) -> DecodedImage:
    several = getattr(image, "is_animated", False)  # formats of one frame have no such attribute
    upright, turned = _upright(image)
    opaque, transparent = _on_white(upright)
    fitted = ImageOps.fit(opaque.convert("RGB"), (size, size), Image.Resampling.BILINEAR)
    done = [what for what, so in ((TURNED, turned), (TRANSPARENT, transparent), (FRAMES, several)) if so]
    return DecodedImage(np.asarray(fitted).transpose(2, 0, 1), tuple(done))


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a channel has more than 8 bits: Pillow reads colours of 16 bits as 8, and says so in its tiles alone."""
    if image.mode.startswith(("I", "F")):
        return True
    arguments = [args if isinstance(args, tuple) else (args,) for *_, args in image.tile]
    if image.format == "PPM":
        return any(args[1] > 255 for args in arguments if len(args) > 1)  # the largest value, beside the mode
    return any(isinstance(each, str) and ";16" in each for args in arguments for each in args)


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """An image as its camera was held, where it says so; a tag that cannot be read says nothing."""
    image.load()  # which turns TIFF on its own, and takes the tag away
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
            return ImageOps.exif_transpose(image), True
    except _FAILURES:
        pass
    return image, False


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """An image without what shines through: what lies under it is not seen where it is used."""
    if not image.has_transparency_data:
        return image, False
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema()[0] == 255:
        return image, False
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layered), True
