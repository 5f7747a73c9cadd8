"""Photographs in folders, one folder a class: of any number, since what does not fit into memory is streamed."""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps

from kdbench.spec import UserError
from kdbench.spec.types import Count, Folder
from kdbench.zoo.datasets.capacity import fits_in_memory
from kdbench.zoo.datasets.decoded import Images, decoded
from kdbench.zoo.interface import Dataset, Split
from kdbench.zoo.streamed import Streamed

ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_CHUNK = 512  # images decoded at a time: what decoding holds in memory

# All that Pillow is known to raise for files that are cut off, damaged or no images.
_FAILURES = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip

Classes = dict[str, list[Path]]


def image_folder(root: Path, *, path: Folder, size: Count = 32) -> Dataset:
    """Your own images: `path`/train and `path`/test (or val), in each one folder a class, the same ones in both.

    `path` is absolute, relative to the folder of the suite file or, where nothing is there, to `root`. A folder of a
    class holds .bmp, .jpg, .pgm, .png, .ppm, .tif or .webp files, in folders of its own if need be. `test` is read
    where there is one, else `val`: validation is held out of `train`. Each image becomes RGB, its shorter side scaled
    to `size` (bilinear, antialiased), its middle cut out; rotation tags are not applied. Classes and images are in the
    order of their names.
    Decoded once, into `root`/decoded, and again where a file changes. What does not fit into memory stays there and is
    read batch by batch: the same numbers, bit for bit.
    Shapes: images [N, 3, size, size], uint8; labels [N], int64.
    Units: red, green and blue, 0 to 255.
    Raises: UserError where a folder is missing or empty, the classes differ, an image is damaged, the disk is full.
    Source: the layout is that of torchvision's `ImageFolder`.
    """
    folder = root / Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"image_folder: '{folder}' is no folder",
            help="give `path` as an absolute path, or relative to the suite file or to the data folder (--data)",
        )
    parts = folder / "train", folder / ("test" if (folder / "test").is_dir() else "val")
    listed = [_list_classes(part) for part in parts]
    _check_same(parts, listed)
    count = sum(len(files) for classes in listed for files in classes.values())
    in_memory = fits_in_memory(count * 3 * size * size)
    train, test = (
        _load(root / "decoded", part, classes, size, in_memory) for part, classes in zip(parts, listed, strict=True)
    )
    return Dataset(train, test, len(listed[0]), tuple(listed[0]))


def _list_classes(part: Path) -> Classes:
    """The images of every class, all in the order of their names."""
    if not part.is_dir():
        raise UserError(
            f"image_folder: '{part}' is missing", help="make a folder `train` and a folder `test` (or `val`)"
        )
    folders = sorted(path for path in part.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise UserError(f"image_folder: '{part}' has no folders in it", help="make one folder a class, with its images")
    classes = {folder.name: _list_images(folder) for folder in folders}
    empty = [f"'{part / name}'" for name, images in classes.items() if not images]
    if empty:
        raise UserError(
            f"image_folder: no image in {_listed(empty)}",
            help=f"put images there, or remove the folder from train and test; allowed: {', '.join(ENDINGS)}",
        )
    return classes


def _list_images(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))  # .x: what macOS leaves beside x


def _check_same(parts: tuple[Path, Path], listed: list[Classes]) -> None:
    alone = [
        f"'{part / name}'"
        for part, classes, others in zip(parts, listed, listed[::-1], strict=True)
        for name in classes
        if name not in others
    ]
    if alone:
        raise UserError(
            f"image_folder: '{parts[0].name}' and '{parts[1].name}' have different classes: "
            f"{_listed(alone)} only there",
            help="name the folders alike in both",
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _load(store: Path, part: Path, classes: Classes, size: int, in_memory: bool) -> Split:
    files = [file for images in classes.values() for file in images]
    place = hashlib.sha256(os.fsencode(part.resolve())).hexdigest()[:8]
    pixels = decoded(
        store / f"{part.parent.name}-{part.name}-{size}-{place}.u8",
        (len(files), 3, size, size),
        _fingerprint(part, files, size),
        partial(_decode_all, files, size),
    )
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(images) for images in classes.values()]))
    return Split(torch.from_numpy(np.array(pixels)) if in_memory else Streamed.of(pixels), labels)


def _fingerprint(part: Path, files: list[Path], size: int) -> str:
    """Of all that decides what is decoded: size, decoder, and every file by name, length and time of change."""
    facts = ((file.relative_to(part), file.stat()) for file in files)
    listed = [(path.as_posix(), fact.st_size, fact.st_mtime_ns) for path, fact in facts]
    return hashlib.sha256(json.dumps([size, PIL.__version__, listed]).encode()).hexdigest()


def _decode_all(files: list[Path], size: int) -> Iterator[Images]:
    """The images in order, in chunks [n, 3, size, size]. Threads, since Pillow decodes without Python's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), _CHUNK):
            yield np.stack(list(pool.map(partial(_decode, size=size), files[start : start + _CHUNK])))


def _decode(file: Path, size: int) -> Images:
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise UserError(
                    f"'{file}' has more than 8 bits a channel (mode {image.mode}), which RGB would cut off",
                    help="save it with 8 bits",
                )
            fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BILINEAR)
    except _FAILURES as error:
        raise UserError(f"'{file}' is damaged or no image: {error}", help="remove it or get it again") from error
    return np.asarray(fitted).transpose(2, 0, 1)
