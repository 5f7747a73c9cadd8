"""Archives and idx files that were damaged, or made to do harm: read rightly, or refused.

There is no other exception, nothing hangs, no file appears elsewhere, and no code of theirs is run.
"""

import gzip
import io
import math
import os
import pickle
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torchvision import datasets as torchvision_datasets

from kdbench.spec import UserError
from kdbench.zoo.datasets.from_torchvision import UNPACKED, cifar10, mnist
from kdbench.zoo.datasets.idx import read_idx
from kdbench.zoo.interface import Dataset
from tests.zoo.datasets.hostile import Harm, damaged, in_a_folder, in_numbers, on_many, read
from tests.zoo.datasets.test_loaders import add_to_tar, idx_bytes, md5, write_idx_archives

PACKED = gzip.compress(idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)), mtime=0)
MNIST, CIFAR = torchvision_datasets.MNIST, torchvision_datasets.CIFAR10


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@in_numbers
def test_an_idx_file_is_read_rightly_or_refused(inputs: int, tmp_path: Path) -> None:
    def check(data: st.DataObject) -> bool:
        packed, sides = data.draw(st.booleans()), data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
        plain = idx_bytes(np.arange(math.prod(sides), dtype=np.uint8).reshape(sides))
        content = gzip.compress(plain, mtime=0) if packed else plain
        for _ in range(data.draw(st.integers(0, 2))):
            content = damaged(data, content)
        path = tmp_path / ("x.gz" if packed else "x")
        path.write_bytes(content)
        found = read(lambda: read_idx(path), tmp_path)
        if found is not None:
            unpacked = gzip.decompress(content) if packed else content
            assert unpacked == idx_bytes(found.numpy())
            assert math.prod(found.shape) > 0
        return found is not None

    on_many(inputs, check)


# Published archives, whose MD5s those of small ones take the place of


@pytest.fixture(scope="module")
def idx_archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with MNIST, packed and unpacked."""
    root = tmp_path_factory.mktemp("idx")
    raw = root / "MNIST" / "raw"
    arrays = write_idx_archives(raw)
    for name, array in arrays.items():
        (raw / name).write_bytes(idx_bytes(array))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MNIST, "resources", [(name, md5(raw / name)) for name, _ in MNIST.resources])
        patch.setitem(UNPACKED, "MNIST", {name: md5(raw / name) for name in arrays})
        yield root


@pytest.fixture(scope="module")
def tar_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with CIFAR-10, packed and unpacked."""
    root, random = tmp_path_factory.mktemp("tar"), np.random.RandomState(0)
    with pytest.MonkeyPatch.context() as patch, tarfile.open(root / CIFAR.filename, "w:gz") as archive:

        def add(name: str, content: object) -> str:
            return add_to_tar(archive, f"{CIFAR.base_folder}/{name}", content)

        for kind in ("train_list", "test_list"):
            names = [name for name, _ in getattr(CIFAR, kind)]
            images = {name: random.randint(0, 256, (2, 3072)).astype(np.uint8) for name in names}
            patch.setattr(CIFAR, kind, [[name, add(name, {"data": images[name], "labels": [1, 2]})] for name in names])
        names = {CIFAR.meta["key"]: [str(number) for number in range(10)]}
        patch.setattr(CIFAR, "meta", {**CIFAR.meta, "md5": add(CIFAR.meta["filename"], names)})
        archive.close()
        patch.setattr(CIFAR, "tgz_md5", md5(root / CIFAR.filename))
        cifar10(root)  # unpacks
        yield root


def hostile_tar(outside: Path) -> bytes:
    """An archive that would write elsewhere: by its paths, and through a link."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("../outside/written", str(outside / "written"), f"{CIFAR.base_folder}/data_batch_1"):
            add_to_tar(archive, name, Harm(outside / "run"))
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(entry)
        add_to_tar(archive, "link/written", [])
    return content.getvalue()


def change(data: st.DataObject, folder: Path, outside: Path) -> None:
    """One file is another, or none."""
    files = sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    if not files:
        return
    file = data.draw(st.sampled_from(files))
    content = file.read_bytes()
    file.unlink()
    match data.draw(st.integers(0, 8)):
        case 0:
            file.write_bytes(damaged(data, content))
        case 1:
            file.write_bytes(data.draw(st.sampled_from([b"", PACKED, hostile_tar(outside)])))
        case 2:
            file.write_bytes(pickle.dumps(Harm(outside / "run")))
        case 3:
            os.mkfifo(file)
        case 4:
            file.symlink_to(outside / data.draw(st.sampled_from(["written", "secret.txt", "pipe"])))
        case 5:
            file.mkdir()
        case 6:  # what an early torchvision wrote
            file.write_bytes(content)
            processed = folder / "MNIST" / "processed"
            processed.mkdir(parents=True, exist_ok=True)
            for name in (MNIST.training_file, MNIST.test_file):
                torch.save((torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3)), processed / name)


def check_archives(data: st.DataObject, sound: Path, folder: Path, load: Callable[[Path], Dataset]) -> bool:
    """Whatever is changed, the published data is read or none."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    os.mkfifo(outside / "pipe")
    shutil.copytree(sound, folder / "data")
    for _ in range(data.draw(st.integers(1, 2))):
        change(data, folder / "data", outside)
    found, expected = read(lambda: load(folder / "data"), outside), load(sound)
    for part, known in ((found.train, expected.train), (found.test, expected.test)) if found else ():
        assert torch.equal(part.images, known.images)
        assert torch.equal(part.labels, known.labels)
    return found is not None


@pytest.mark.parametrize("inputs", [50, pytest.param(5_000, marks=pytest.mark.slow)])
def test_archives_of_idx_files_are_read_rightly_or_refused(inputs: int, idx_archives: Path) -> None:
    on_many(inputs, in_a_folder(lambda data, folder: check_archives(data, idx_archives, folder, mnist)))


@pytest.mark.parametrize("inputs", [50, pytest.param(5_000, marks=pytest.mark.slow)])
def test_an_archive_of_pickles_is_read_rightly_or_refused(inputs: int, tar_archive: Path) -> None:
    on_many(inputs, in_a_folder(lambda data, folder: check_archives(data, tar_archive, folder, cifar10)))


def test_files_of_an_early_torchvision_are_not_taken_for_mnist(idx_archives: Path, tmp_path: Path) -> None:
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in (MNIST.training_file, MNIST.test_file):
        torch.save((torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3)), processed / name)
    with pytest.raises(UserError, match=r"MNIST is not in '.*' and could not be downloaded"):
        mnist(tmp_path)
    shutil.copytree(idx_archives, tmp_path, dirs_exist_ok=True)
    assert len(mnist(tmp_path).train) == 12
