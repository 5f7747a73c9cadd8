"""Image files that the tests write: what becomes of them, and what is refused."""

import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from kdbench.spec import UserError
from kdbench.zoo.datasets import image_file
from kdbench.zoo.datasets.image_file import FRAMES, TRANSPARENT, TURNED, decode_image

LEFT_RED = np.array([[[255, 0, 0], [0, 0, 0]]] * 2, np.uint8)  # 2 x 2 pixels: red on the left, black on the right


def png(bits: int, kind: int, channels: int) -> bytes:
    """A PNG of 2 x 2 pixels with so many bits a channel: what Pillow cannot write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    row = b"\0" + b"\1" * (2 * channels * bits // 8)
    header = struct.pack(">IIBBBBB", 2, 2, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(2 * row)) + chunk(b"IEND", b"")


def tiff(bits: int) -> bytes:
    """A TIFF of 2 x 2 pixels in RGB, likewise."""
    entries = [
        (256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 128),
        (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, 12 * bits // 8),
    ]  # fmt: skip
    listed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + listed + bytes(4) + struct.pack("<HHH", *[bits] * 3)
    return head + b"\1" * (12 * bits // 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_is_laid_on_white(tmp_path, mode) -> None:
    """The left half is grey 102, the right half hides black: white is seen there."""
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[:, 0] = (102, 102, 102, 255)
    file = tmp_path / "x.png"
    image = Image.fromarray(pixels)
    if mode in ("P", "RGB"):  # one colour that stands for nothing
        image.convert("RGB").convert(mode).save(file, transparency=(0, 0, 0) if mode == "RGB" else _black(image))
    else:
        image.convert(mode).save(file)
    decoded = decode_image(file, 2)
    assert decoded.pixels[:, 0].tolist() == [[102, 255]] * 3
    assert decoded.done == (TRANSPARENT,)


def _black(image: Image.Image) -> int:
    return int(np.asarray(image.convert("RGB").convert("P"))[0, 1])


def test_half_transparent_black_is_grey_and_an_opaque_image_is_as_it_is(tmp_path) -> None:
    for alpha, grey, done in ((128, 127, (TRANSPARENT,)), (255, 0, ())):
        Image.fromarray(np.full((2, 2, 4), (0, 0, 0, alpha), np.uint8)).save(tmp_path / "x.png")
        decoded = decode_image(tmp_path / "x.png", 2)
        assert (decoded.pixels.min(), decoded.pixels.max(), decoded.done) == (grey, grey, done)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg", "tif"])
def test_an_image_is_turned_as_its_tag_says(tmp_path, ending) -> None:
    """Tag 6: the camera was turned to the left, so the picture goes a quarter to the right: its left side is on top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"quality": 100, "subsampling": 0} if ending == "jpg" else {"lossless": True} if ending == "webp" else {}
    large = Image.fromarray(LEFT_RED).resize((16, 16), Image.Resampling.NEAREST)
    large.save(tmp_path / f"x.{ending}", exif=exif, **options)
    decoded = decode_image(tmp_path / f"x.{ending}", 16)
    assert decoded.pixels[0, 0].min() > 200 > 50 > decoded.pixels[0, 15].max()
    assert decoded.done == ((TURNED,) if ending != "tif" else ())  # Pillow turns these on its own


def test_a_tag_that_cannot_be_read_or_says_nothing_leaves_the_image(tmp_path) -> None:
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x63\0\0\0\0\0\0"):
        Image.fromarray(LEFT_RED).save(tmp_path / "x.jpg", exif=exif)
        assert decode_image(tmp_path / "x.jpg", 2).done == ()


def test_of_several_frames_the_first_is_taken_and_told(tmp_path) -> None:
    first, second = (Image.fromarray(np.full((2, 2, 3), value, np.uint8)) for value in (10, 20))
    for ending in ("tif", "webp", "png"):
        first.save(tmp_path / f"x.{ending}", save_all=True, append_images=[second], lossless=True)
        decoded = decode_image(tmp_path / f"x.{ending}", 2)
        assert (decoded.pixels.max(), decoded.done) == (10, (FRAMES,))


def test_frames_are_not_counted(tmp_path) -> None:
    """A TIFF of 2 MB with 20,000 frames, over which Pillow takes seconds, and minutes over ten times as many."""
    first, frames = tiff(8), 20_000
    following = [len(first) + 114 * number for number in range(1, frames)]
    others = b"".join(first[8:118] + struct.pack("<I", place) for place in (*following, 0))
    (tmp_path / "x.tif").write_bytes(first[:118] + struct.pack("<I", len(first)) + first[122:] + others)
    began = time.process_time()
    assert decode_image(tmp_path / "x.tif", 2).done == (FRAMES,)
    assert time.process_time() - began < 1


DEEP = {
    "grey.png": png(16, 0, 1),
    "colour.png": png(16, 2, 3),
    "grey and transparent.png": png(16, 4, 2),
    "transparent.png": png(16, 6, 4),
    "colour.tif": tiff(16),
    "grey.pgm": b"P5 2 2 65535\n" + bytes(8),
    "colour.ppm": b"P6 2 2 65535\n" + bytes(24),
    "colour as text.ppm": b"P3 2 2 1000\n" + b"1 " * 12,
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_are_refused_not_cut_off(tmp_path, name) -> None:
    (tmp_path / name).write_bytes(DEEP[name])
    with pytest.raises(UserError, match=r"has more than 8 bits a channel .*\n  help: save it with 8"):
        decode_image(tmp_path / name, 2)


@pytest.mark.parametrize(
    "content",
    [png(8, 2, 3), tiff(8), b"P6 2 2 255\n" + bytes(12), b"P6 2 2 100\n" + bytes(12), b"P5 2 2 255\n\1\1\1\1"],
)
def test_8_bits_and_fewer_are_taken(tmp_path, content) -> None:
    (tmp_path / "x").write_bytes(content)
    assert decode_image(tmp_path / "x", 2).pixels.shape == (3, 2, 2)


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n", b"GIF89a", b"", b"<html>"])
def test_content_of_another_format_is_refused_whatever_the_ending(tmp_path, content) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.png' is damaged or no image: cannot identify"):
        decode_image(tmp_path / "x.png", 2)


def test_large_images_are_decoded_one_at_a_time(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(image_file, "_LARGE", 15)
    Image.new("RGB", (4, 4)).save(tmp_path / "large.png")
    Image.new("RGB", (3, 5)).save(tmp_path / "small.png")
    done = threading.Event()

    def decode_both() -> None:
        decode_image(tmp_path / "small.png", 2)
        done.set()
        decode_image(tmp_path / "large.png", 2)

    with image_file._one_large_at_a_time:
        thread = threading.Thread(target=decode_both)
        thread.start()
        assert done.wait(60)
        thread.join(0.2)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
