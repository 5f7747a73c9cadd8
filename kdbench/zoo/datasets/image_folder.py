"""Photographs in folders, one folder a class: of any number, since what does not fit into memory is streamed."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import torch

from kdbench.spec import UserError
from kdbench.spec.types import Count, Folder
from kdbench.zoo.datasets.capacity import fits_in_memory
from kdbench.zoo.datasets.decoded import Counts, Images, decoded
from kdbench.zoo.datasets.image_file import ENDINGS, decode_image
from kdbench.zoo.interface import Dataset, Split
from kdbench.zoo.streamed import Streamed

# Images decoded at a time, and their bytes: what decoding holds in memory.
_CHUNK = 512
_CHUNK_BYTES = 2**28
_NAME = 50  # characters of the name of a folder that names its decoded images: of up to four bytes each

Classes = dict[str, list[Path]]


def image_folder(root: Path, *, path: Folder, size: Count = 32) -> Dataset:
    """Your own images: `path`/train and `path`/test (or val), in each one folder a class, the same ones in both.

    `path` is absolute, relative to the folder of the suite file or, where nothing is there, to `root`. A folder of a
    class holds .bmp, .jpg, .pgm, .png, .ppm, .tif or .webp files, in folders of its own if need be. `test` is read
    where there is one, else `val`: validation is held out of `train`. Each image is turned as its orientation tag says,
    laid on white where it is transparent, and becomes RGB, its shorter side scaled to `size` (bilinear, antialiased),
    its middle cut out. Classes and images are in the order of their names. A run tells how many images were turned or
    laid on white, and which files were left out: of other endings, in hidden or linked folders, outside of classes.
    Decoded once, into `root`/decoded, and again where a file changes. What does not fit into memory stays there and is
    read batch by batch: the same numbers, bit for bit.
    Shapes: images [N, 3, size, size], uint8; labels [N], int64.
    Units: red, green and blue, 0 to 255.
    Raises: UserError where a folder is missing or empty, the classes differ, an image is damaged or has more than 8
    bits a channel, the disk is full; OSError where something may not be read.
    Source: the layout is that of torchvision's `ImageFolder`, which applies no tags and drops transparency.
    """
    folder = root / os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises where a home is not known
    if not folder.is_dir():
        raise UserError(
            f"image_folder: '{folder}' is no folder",
            help="give `path` as an absolute path, or relative to the suite file or to the data folder (--data)",
        )
    parts = folder / "train", folder / ("test" if (folder / "test").is_dir() else "val")
    (train_classes, train_left), (test_classes, test_left) = (_list_classes(part) for part in parts)
    _check_same(parts, [train_classes, test_classes])
    count = sum(len(files) for classes in (train_classes, test_classes) for files in classes.values())
    load = partial(_load, root / "decoded", size=size, in_memory=fits_in_memory(count * 3 * size * size))
    (train, train_counts), (test, test_counts) = load(parts[0], train_classes), load(parts[1], test_classes)
    counted = ((parts[0], train_left, train_counts), (parts[1], test_left, test_counts))
    notes = [note for part, left, counts in counted for note in _tell(part, left, counts)]
    return Dataset(train, test, len(train_classes), tuple(train_classes), tuple(notes))


def _tell(part: Path, left: Counter[str], counts: Counts) -> Iterator[str]:
    """What was left out of a part, and what was done to its images."""
    if left:
        listed = ", ".join(f"{what} ({count:,})" for what, count in sorted(left.items()))
        yield f"image_folder leaves out of '{part.name}': {listed}"
    for what, count in sorted(counts.items()):
        yield f"image_folder: images of '{part.name}' {what}: {count:,}"


def _list_classes(part: Path) -> tuple[Classes, Counter[str]]:
    """The images of every class, all in the order of their names; and what is left out, counted."""
    if not part.is_dir():
        raise UserError(
            f"image_folder: '{part}' is missing", help="make a folder `train` and a folder `test` (or `val`)"
        )
    _, folders, files = next(_walk(part))
    names = sorted(name for name in folders if not name.startswith("."))
    if not names:
        raise UserError(f"image_folder: '{part}' has no folders in it", help="make one folder a class, with its images")
    left = Counter({"files outside of classes": len(_visible(files)), "hidden folders": len(folders) - len(names)})
    classes = {name: _list_images(part / name, left) for name in names}
    empty = [f"'{part / name}'" for name, images in classes.items() if not images]
    if empty:
        raise UserError(
            f"image_folder: no image in {_listed(empty)}",
            help=f"put images there, or remove the folder from train and test; allowed: {', '.join(ENDINGS)}",
        )
    return classes, +left


def _list_images(folder: Path, left: Counter[str]) -> list[Path]:
    """The images below a folder in the order of their names. Adds to `left` what is left out."""
    found = []
    for place, folders, files in _walk(folder):
        visible = _visible(folders)
        left["hidden folders"] += len(folders) - len(visible)
        left["linked folders"] += sum(Path(place, name).is_symlink() for name in visible)
        folders[:] = visible  # where the walk goes on; it follows no links
        for file in (Path(place, name) for name in _visible(files)):
            if file.suffix.lower() not in ENDINGS:
                left[file.suffix.lower() or "files without an ending"] += 1
            elif not file.is_file():
                left["special files" if file.exists() else "links to nothing"] += 1
            else:
                found.append(file)
    return sorted(found)


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, which would leave out what cannot be read. Raises `OSError`."""

    def refuse(error: OSError) -> None:
        raise error

    return os.walk(folder, onerror=refuse)


def _visible(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]  # .x: what macOS leaves beside x


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


def _load(store: Path, part: Path, classes: Classes, size: int, in_memory: bool) -> tuple[Split, Counts]:
    files = [file for images in classes.values() for file in images]
    place = hashlib.sha256(os.fsencode(part.resolve())).hexdigest()[:8]
    pixels, counts = decoded(
        store / f"{part.parent.name[:_NAME]}-{part.name}-{size}-{place}.u8",
        (len(files), 3, size, size),
        _fingerprint(part, files, size),
        partial(_decode_all, files, size),
    )
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(images) for images in classes.values()]))
    return Split(torch.from_numpy(np.array(pixels)) if in_memory else Streamed.of(pixels), labels), counts


def _fingerprint(part: Path, files: list[Path], size: int) -> str:
    """Of all that decides what is decoded: size, decoder, and every file by name, length and time of change."""
    facts = ((file.relative_to(part), file.stat()) for file in files)
    listed = [(path.as_posix(), fact.st_size, fact.st_mtime_ns) for path, fact in facts]
    return hashlib.sha256(json.dumps([size, PIL.__version__, listed]).encode()).hexdigest()


def _decode_all(files: list[Path], size: int) -> Generator[Images, None, Counts]:
    """The images in order, in chunks [n, 3, size, size]. Threads, since Pillow decodes without Python's lock.

    Returns how many of them were turned, laid on white, and so on.
    """
    counts = Counter[str]()
    at_once = max(1, min(_CHUNK, _CHUNK_BYTES // (3 * size * size)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), at_once):
            images = list(pool.map(partial(decode_image, size=size), files[start : start + at_once]))
            counts.update(what for image in images for what in image.done)
            yield np.stack([image.pixels for image in images])
    return counts
