"""Folders of images that were damaged, or made to do harm: read rightly, or refused.

There is no other exception, nothing hangs, and no file appears elsewhere.
"""

import io
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from hypothesis import strategies as st
from PIL import Image

from kdbench.spec import Choice, DataSpec, UserError
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.image_file import ENDINGS
from kdbench.zoo.datasets.splits import read_dataset, split
from kdbench.zoo.interface import Dataset
from tests.zoo.datasets.hostile import damaged, in_a_folder, in_numbers, on_many, read

CATALOG = Catalog()
COLOURS = {"ant": (200, 0, 0), "bee": (0, 0, 200)}
FORMATS = ("png", "jpeg", "bmp", "ppm", "tiff", "webp")
LOSSY = 4  # grey values by which a JPEG may differ
LONGEST = "\N{GRINNING FACE}" * 63  # 252 bytes
NAMES = (
    b"\xff\xfe.png", b"x.\xff", b"n" * 251 + b".png", b"a\nb.png", b"\x1b]0;a\x07.png", b"-rf.png", b".png", b"..png",
    b"con.png", b"%s{0}.png", "ä\N{GRINNING FACE}.PNG".encode(), b"x.png.exe", b"x", b".hidden.png",
)  # fmt: skip
TARGETS = ("itself", "..", "nowhere", "image.png", "secret.txt", "pipe", "ants", "/dev/zero", "/proc/self/mem")
CONTENTS = (
    b"", b"GIF89a", b"<html>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n(x) (w) file\n", bytes(70_000),
    b"P6 2147483647 2147483647 255\n", b"P5 100000 1 255\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\2\0\0\0",
)  # fmt: skip


def encoded(kind: str, colour: tuple[int, int, int]) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (6, 5), colour).save(content, kind, lossless=True)
    return content.getvalue()


KNOWN = {encoded(kind, colour): colour for kind in FORMATS for colour in COLOURS.values()}


def make_folders(root: Path, formats: tuple[str, ...] = FORMATS) -> None:
    """`root`/photos, whose images are of one colour a class, and `root`/outside."""
    for part, kinds in (("train", formats[:3]), ("test", formats[-1:])):
        for name, colour in COLOURS.items():
            (root / "photos" / part / name).mkdir(parents=True)
            for kind in kinds:
                (root / "photos" / part / name / f"{kind}.png").write_bytes(encoded(kind, colour))
    outside = root / "outside"
    (outside / "ants").mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    for file in (outside / "image.png", outside / "ants" / "0.png"):
        file.write_bytes(encoded("png", COLOURS["ant"]))
    os.mkfifo(outside / "pipe")


def put(path: Path, make: Callable[[Path], object]) -> None:
    """Something else in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    make(path)


def change(data: st.DataObject, root: Path) -> None:
    """A file, the folder of a class or that of a part is another one."""
    plain = sorted(each for each in (root / "photos").rglob("*") if not each.is_symlink())
    files, folders = ([each for each in plain if kind(each)] for kind in (Path.is_file, Path.is_dir))
    file, folder = (data.draw(st.sampled_from(each or [root / "photos"])) for each in (files, folders))
    if not files:
        return
    match data.draw(st.integers(0, 10)):
        case 0 | 1:
            file.write_bytes(damaged(data, file.read_bytes()))
        case 2:
            file.write_bytes(data.draw(st.sampled_from(CONTENTS)))
        case 3:
            name = os.fsdecode(data.draw(st.sampled_from(NAMES)))
            file.rename(file.with_name(name))
        case 4 | 5:
            target = data.draw(st.sampled_from(TARGETS))
            place = data.draw(st.sampled_from([file, file, folder]))
            places = {"itself": place, "..": Path("..")}
            put(place, lambda path: path.symlink_to(places.get(target, root / "outside" / target)))
        case 6:
            kind = data.draw(st.sampled_from([stat.S_IFIFO, stat.S_IFSOCK]))
            put(file, lambda path: os.mknod(path, kind | 0o600))
        case 7:
            put(file, Path.mkdir)
        case 8:  # alike but for the case of letters
            with suppress(FileExistsError):
                folder.with_name(folder.name.upper()).mkdir()
            if not os.path.lexists(file.with_suffix(".PNG")):
                shutil.copy(file, file.with_suffix(".PNG"))
        case 9:
            with suppress(FileExistsError):
                os.link(file, folder / "z.jpg")
        case _:
            put(folder, lambda path: path.write_bytes(b"x"))


@contextmanager
def locked(data: st.DataObject, photos: Path) -> Iterator[None]:
    """One time in two something may not be read, or a folder listed and not entered."""
    path = data.draw(st.sampled_from([each for each in [photos, *sorted(photos.rglob("*"))] if not each.is_symlink()]))
    before = path.stat().st_mode
    path.chmod(data.draw(st.sampled_from([before, before, 0o000, 0o444])))
    try:
        yield
    finally:
        path.chmod(before)


def images_of(folder: Path) -> list[Path]:
    """All regular files with an ending of images, but for what is hidden or in linked folders."""
    found = []
    for each in folder.iterdir():
        hidden = each.name.startswith(".")
        if each.is_dir() and not each.is_symlink() and not hidden:
            found += images_of(each)
        elif each.is_file() and not hidden and each.suffix.lower() in ENDINGS:
            found.append(each)
    return sorted(found)


def check_images(dataset: Dataset, photos: Path) -> None:
    """All images are there under the right labels, those that were not damaged in their colours."""
    for part, name in ((dataset.train, "train"), (dataset.test, "test")):
        classes = sorted(each for each in (photos / name).iterdir() if each.is_dir() and not each.name.startswith("."))
        files = [(label, file) for label, folder in enumerate(classes) for file in images_of(folder)]
        assert part.labels.tolist() == [label for label, _ in files]
        for (_, file), pixels in zip(files, part.images[:], strict=True):
            if colour := KNOWN.get(file.read_bytes()):
                assert (pixels.int() - torch.tensor(colour)[:, None, None]).abs().max() <= LOSSY


def check_changed(data: st.DataObject, root: Path) -> bool:
    make_folders(root, data.draw(st.permutations(FORMATS)))
    for _ in range(data.draw(st.integers(1, 3))):
        change(data, root)
    choice = Choice(use="image_folder", options={"path": str(root / "photos"), "size": 4})

    def load() -> Dataset:
        dataset = read_dataset(choice, root / "data", CATALOG)
        split(dataset, DataSpec(dataset=choice))
        return dataset

    with locked(data, root / "photos"):
        dataset = read(load, root / "outside")
    assert {each.name for each in root.iterdir()} <= {"photos", "outside", "data"}
    if dataset:
        check_images(dataset, root / "photos")
    return dataset is not None


@in_numbers
def test_a_folder_of_images_is_read_rightly_or_refused(inputs: int) -> None:
    on_many(inputs, in_a_folder(check_changed))


def test_folders_within_each_other_without_end_are_refused(tmp_path: Path) -> None:
    make_folders(tmp_path)
    before, deep = Path.cwd(), tmp_path / "photos" / "train" / "ant" / "d"
    deep.mkdir()
    try:
        os.chdir(deep)
        for _ in range(1100):  # too many for os.walk before Python 3.12, and too long a path for any
            Path("ddd").mkdir()
            os.chdir("ddd")
        choice = Choice(use="image_folder", options={"path": str(tmp_path / "photos")})
        with pytest.raises(UserError, match=r"dataset 'image_folder' cannot be read: .*\n  help: see that"):
            read_dataset(choice, tmp_path / "data", CATALOG)
    finally:
        os.chdir(before)
        subprocess.run(["rm", "-rf", deep], check=True)  # Python's cannot


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    choice = Choice(use="image_folder", options={"path": "x" * 5000})
    with pytest.raises(UserError, match=r"cannot be read: .*File name too long"):
        read_dataset(choice, tmp_path, CATALOG)


def test_a_folder_with_the_longest_name_is_read(tmp_path: Path) -> None:
    make_folders(tmp_path)
    (tmp_path / "photos").rename(tmp_path / LONGEST)
    choice = Choice(use="image_folder", options={"path": LONGEST})
    check_images(read_dataset(choice, tmp_path, CATALOG), tmp_path / LONGEST)
