"""Loaders on small archives in the published formats. Their MD5s take the published ones' place: checks stay on."""

import gzip
import hashlib
import io
import pickle
import tarfile
import tracemalloc
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torchvision import datasets as torchvision_datasets

from kdbench.spec import UserError
from kdbench.zoo.datasets import fashion_mnist as fashion_module
from kdbench.zoo.datasets.clusters import clusters
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.datasets.fashion_mnist import DEBIAN, fashion_mnist
from kdbench.zoo.datasets.from_torchvision import UNPACKED, cifar10, cifar100, mnist
from kdbench.zoo.datasets.idx import read_idx

RANDOM = np.random.RandomState(0)
SIZES = {"train": 12, "t10k": 5}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches a network, wherever it runs."""

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_idx_archives(folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True)
    arrays = {}
    for part, count in SIZES.items():
        arrays[f"{part}-images-idx3-ubyte"] = RANDOM.randint(0, 256, (count, 28, 28)).astype(np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = RANDOM.randint(0, 10, count).astype(np.uint8)
    for name, array in arrays.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return arrays


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture(params=["MNIST", "FashionMNIST"])
def idx_set(request, tmp_path, monkeypatch):
    """(loader, root, raw folder, arrays) of archives whose MD5s torchvision takes for the published ones."""
    monkeypatch.setattr(fashion_module, "DEBIAN", tmp_path / "not installed")
    raw = tmp_path / request.param / "raw"
    arrays = write_idx_archives(raw)
    kind = getattr(torchvision_datasets, request.param)
    monkeypatch.setattr(kind, "resources", [(name, md5(raw / name)) for name, _ in kind.resources])
    sums = {name: hashlib.md5(idx_bytes(array)).hexdigest() for name, array in arrays.items()}
    monkeypatch.setitem(UNPACKED, request.param, sums)
    return (mnist if request.param == "MNIST" else fashion_mnist), tmp_path, raw, arrays


def add_to_tar(archive: tarfile.TarFile, name: str, content: object) -> str:
    data = pickle.dumps(content, protocol=2)  # as Python 2 wrote the published files
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
    return hashlib.md5(data).hexdigest()


@pytest.fixture(params=["CIFAR10", "CIFAR100"])
def cifar_set(request, tmp_path, monkeypatch):
    """(loader, root, archive, images by file, labels by file), likewise."""
    kind = getattr(torchvision_datasets, request.param)
    key, classes = ("labels", 10) if request.param == "CIFAR10" else ("fine_labels", 100)
    images, labels, sums = {}, {}, {}
    with tarfile.open(tmp_path / kind.filename, "w:gz") as archive:
        for name, _ in [*kind.train_list, *kind.test_list]:
            images[name] = RANDOM.randint(0, 256, (6, 3072)).astype(np.uint8)
            labels[name] = RANDOM.randint(0, classes, 6).tolist()
            content = {"data": images[name], key: labels[name]}
            sums[name] = add_to_tar(archive, f"{kind.base_folder}/{name}", content)
        names = {kind.meta["key"]: [str(i) for i in range(classes)]}
        meta = add_to_tar(archive, f"{kind.base_folder}/{kind.meta['filename']}", names)
    monkeypatch.setattr(kind, "tgz_md5", md5(tmp_path / kind.filename))
    monkeypatch.setattr(kind, "train_list", [[name, sums[name]] for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[name, sums[name]] for name, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": meta})
    return (cifar10 if classes == 10 else cifar100), tmp_path, kind, images, labels


def test_digits_are_those_of_scikit_learn(tmp_path: Path) -> None:
    dataset, published = digits(tmp_path), load_digits()
    index = torch.arange(len(published.target))
    labels = torch.from_numpy(published.target)
    test = torch.cat([index[labels == label][2::5] for label in range(10)]).sort().values
    train = index[~torch.isin(index, test)]
    assert (len(train), len(test)) == (1438, 359)
    for split, members in ((dataset.train, train), (dataset.test, test)):
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        torch.testing.assert_close(split.images[:, 0].double(), torch.from_numpy(published.images)[members])
        assert torch.equal(split.labels, labels[members])
    shares = torch.bincount(dataset.test.labels).double() / torch.bincount(labels)
    assert bool(((shares > 0.19) & (shares < 0.21)).all())


def test_idx_archives_load(idx_set, capsys) -> None:
    load, root, _, arrays = idx_set
    dataset = load(root)
    for split, part in ((dataset.train, "train"), (dataset.test, "t10k")):
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert torch.equal(split.images[:, 0], torch.from_numpy(arrays[f"{part}-images-idx3-ubyte"]))
        assert torch.equal(split.labels, torch.from_numpy(arrays[f"{part}-labels-idx1-ubyte"]).long())
    assert dataset.classes == len(dataset.class_names) == 10
    assert capsys.readouterr().out == ""


def test_a_truncated_idx_archive_is_named(idx_set) -> None:
    load, root, raw, _ = idx_set
    path = raw / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"damaged or cut off .*t10k-images-idx3-ubyte\.gz'\n  help: delete"):
        load(root)


@pytest.mark.parametrize("content", [b"", idx_bytes(np.zeros(12, np.uint8))])
def test_unpacked_files_are_the_published_ones(idx_set, content) -> None:
    """torchvision reads whatever is unpacked, well-formed files of other labels too."""
    load, root, raw, _ = idx_set
    load(root)  # unpacks
    (raw / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(UserError, match=r"MD5 is not the published one\): '.*train-labels-idx1-ubyte'\n  help: delete"):
        load(root)


def test_the_published_files_are_known_by_their_md5() -> None:
    assert list(UNPACKED) == ["MNIST", "FashionMNIST"]
    for name, files in UNPACKED.items():
        archives = [archive.removesuffix(".gz") for archive, _ in getattr(torchvision_datasets, name).resources]
        assert list(files) == archives


@pytest.mark.parametrize("load", [mnist, cifar10, cifar100, fashion_mnist])
def test_absent_data_says_where_to_put_it(load, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(fashion_module, "DEBIAN", tmp_path / "not installed")
    with pytest.raises(
        UserError, match=r"(?s)is not in '.*could not be downloaded: .*no network in tests.*help: "
    ) as error:
        load(tmp_path)
    assert len(error.value.problems) == 1
    help = error.value.problems[0].help
    assert str(tmp_path) in help
    assert ".gz" in help
    assert capsys.readouterr().out == ""


def test_cifar_archives_load(cifar_set, capsys) -> None:
    load, root, kind, images, labels = cifar_set
    dataset = load(root)
    for split, files in ((dataset.train, kind.train_list), (dataset.test, kind.test_list)):
        expected = np.concatenate([images[name] for name, _ in files]).reshape(-1, 3, 32, 32)
        assert torch.equal(split.images, torch.from_numpy(expected))
        assert split.images.is_contiguous()
        assert split.labels.tolist() == [label for name, _ in files for label in labels[name]]
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
    assert dataset.classes == (10 if load is cifar10 else 100)
    assert dataset.class_names == tuple(map(str, range(dataset.classes)))  # as the archive names them
    assert capsys.readouterr().out == ""


def test_a_truncated_cifar_archive_is_named(cifar_set) -> None:
    load, root, kind, _, _ = cifar_set
    path = root / kind.filename
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=rf"damaged or cut off .*{kind.filename}"):
        load(root)


@pytest.mark.parametrize("which", ["data", "meta"])
def test_a_corrupted_unpacked_cifar_file_is_named(cifar_set, which) -> None:
    load, root, kind, _, _ = cifar_set
    load(root)  # unpacks
    (root / kind.filename).unlink()
    name = kind.test_list[0][0] if which == "data" else kind.meta["filename"]
    path = root / kind.base_folder / name
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(UserError, match=rf"damaged or cut off .*{kind.base_folder}/{name}'"):
        load(root)


def test_fashion_mnist_prefers_debians_package(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fashion_module, "DEBIAN", tmp_path / "debian")
    arrays = write_idx_archives(tmp_path / "debian")
    dataset = fashion_mnist(tmp_path / "empty")
    assert torch.equal(dataset.train.images[:, 0], torch.from_numpy(arrays["train-images-idx3-ubyte"]))
    assert torch.equal(dataset.test.labels, torch.from_numpy(arrays["t10k-labels-idx1-ubyte"]).long())
    (tmp_path / "debian" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8b cut")
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz' is damaged or cut off"):
        fashion_mnist(tmp_path / "empty")


def test_a_missing_file_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fashion_module, "DEBIAN", tmp_path / "debian")
    write_idx_archives(tmp_path / "debian")
    (tmp_path / "debian" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz' is missing"):
        fashion_mnist(tmp_path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_as_debian_ships_it(tmp_path: Path) -> None:
    dataset = fashion_mnist(tmp_path)
    assert dataset.train.images.shape == (60_000, 1, 28, 28)
    assert dataset.test.images.shape == (10_000, 1, 28, 28)
    assert torch.bincount(dataset.train.labels).tolist() == [6000] * 10
    for name, published in UNPACKED["FashionMNIST"].items():
        assert hashlib.md5(gzip.decompress((DEBIAN / f"{name}.gz").read_bytes())).hexdigest() == published
    # The mean that is quoted everywhere: .2860 of 255.
    assert dataset.train.images.double().mean().item() / 255 == pytest.approx(0.2860, abs=5e-5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "begins with nothing"),
        (b"<html>", "begins with 3c 68 74 6d"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "holds 3 values where its header says 5"),
        (b"\0\0\x08\x01\0\0\0\x02abc", "holds more values where its header says 2"),
        (b"\0\0\x08\x00" + bytes(8), "says 0 dimensions; allowed are 1 to 4"),
        (b"\0\0\x08\x41" + bytes(65 * 4), "says 65 dimensions; allowed are 1 to 4"),
        (b"\0\0\x08\x03" + b"\0\0\0\0" + b"\xff" * 8, "says 0x4294967295x4294967295 values: none"),
        (b"\0\0\x08\x04" + b"\xff" * 16, r"needs 340,282,\S+ bytes by its header, and \S+ are free\n  help: free"),
        (b"\0\0\x08\x03\0\0", "it ends within its header"),
    ],
)
def test_what_is_not_idx_is_refused(tmp_path, content, reason) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read_idx(path)


def test_no_more_is_unpacked_than_the_header_says(tmp_path) -> None:
    """A file of some kilobytes that would unpack to hundreds of megabytes."""
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=1) as archive:
        archive.write(idx_bytes(np.zeros(5, np.uint8)))
        for _ in range(32):
            archive.write(bytes(2**20))
    (tmp_path / "x.gz").write_bytes(bomb.getvalue())
    tracemalloc.start()
    with pytest.raises(UserError, match="holds more values where its header says 5"):
        read_idx(tmp_path / "x.gz")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_clusters_are_the_same_each_time_and_no_straight_line_parts_them(tmp_path: Path) -> None:
    found, again = clusters(tmp_path), clusters(tmp_path)
    assert torch.equal(found.train.images, again.train.images)
    assert found.train.images.shape == (4000, 1, 1, 10)
    assert torch.bincount(found.test.labels).tolist() == [200] * 10
    flat = [part.images.flatten(1).numpy() for part in (found.train, found.test)]
    line = LogisticRegression(max_iter=300).fit(flat[0], found.train.labels).score(flat[1], found.test.labels)
    near = KNeighborsClassifier(15).fit(flat[0], found.train.labels).score(flat[1], found.test.labels)
    assert line < 0.7 < 0.8 < near < 1


def test_clusters_lie_around_their_centres(tmp_path: Path) -> None:
    # With a spread near 0 all that is left is the samples' own deviation, 1 in each feature.
    tight = clusters(tmp_path, features=2, classes=3, per_class=1, samples=30000, spread=1e-6).train.images.flatten(1)
    assert torch.allclose(tight.std(0), torch.ones(2), atol=0.02)
    assert torch.allclose(tight.mean(0), torch.zeros(2), atol=0.02)
