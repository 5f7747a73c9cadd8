"""Folders of tiny images that the tests write themselves: in memory and streamed, the same numbers bit for bit."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Choice, DataSpec, Trial, UserError
from kdbench.spec.generators import drain
from kdbench.train.ended import Trained
from kdbench.train.loop import train_cohort
from kdbench.zoo import streamed as streamed_module
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets import capacity, splits
from kdbench.zoo.datasets.image_folder import image_folder
from kdbench.zoo.datasets.splits import Splits, read_dataset, split
from kdbench.zoo.interface import Dataset
from kdbench.zoo.streamed import Streamed
from tests.small import small_trial

SIZE = 8
COUNTS = {"train": 9, "test": 4}
CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """`tmp_path`/photos: three classes of noisy PNGs of different sizes, brighter by class."""
    random = np.random.RandomState(0)
    for part, count in COUNTS.items():
        for label, name in enumerate(CLASSES):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = random.randint(0, 128, (8 + index, 12, 3)) + 50 * label
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / part / name / f"{index}.png")
    return tmp_path / "photos"


def load(photos: Path, **options: object) -> Dataset:
    return image_folder(photos.parent, **{"path": "photos", "size": SIZE, **options})


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "free_memory", lambda: 0)


def both(photos: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Splits, Splits]:
    """Splits in memory and streamed ones."""
    spec = DataSpec(dataset=Choice(use="image_folder", options={"path": "photos"}), validation=0.3)
    held = split(load(photos), spec)
    monkeypatch.setattr(capacity, "free_memory", lambda: 0)
    streamed = split(load(photos), spec)
    for part in ("train", "validation", "test"):
        assert isinstance(getattr(held, part).images, torch.Tensor)
        assert isinstance(getattr(streamed, part).images, Streamed)
    return held, streamed


def test_shapes_labels_and_order(photos) -> None:
    dataset = load(photos)
    assert dataset.classes == 3
    assert dataset.class_names == tuple(sorted(folder.name for folder in (photos / "train").iterdir()))
    for part, count in ((dataset.train, 9), (dataset.test, 4)):
        assert part.images.shape == (3 * count, 3, SIZE, SIZE)
        assert (part.images.dtype, part.labels.dtype) == (torch.uint8, torch.int64)
        assert part.labels.tolist() == [0] * count + [1] * count + [2] * count
    # The first is 8 pixels high and 12 wide: its middle 8 columns, untouched.
    first = torch.from_numpy(np.array(Image.open(photos / "train" / "ant" / "0.png"))).permute(2, 0, 1)
    assert torch.equal(dataset.train.images[:1][0], first[:, :, 2:10])
    assert image_folder(photos, path=str(photos)).train.images.shape[2:] == (32, 32)


def test_the_shorter_side_is_scaled_and_the_middle_cut_out_as_torchvision_does(photos) -> None:
    from torchvision import transforms

    random = np.random.RandomState(1)
    expected = []
    reference = transforms.Compose([transforms.Resize(SIZE), transforms.CenterCrop(SIZE), transforms.PILToTensor()])
    for name, (width, height) in {"a": (48, 24), "b": (16, 48), "c": (4, 8)}.items():
        image = Image.fromarray(random.randint(0, 256, (height, width, 3)).astype(np.uint8))
        image.save(photos / "train" / "ant" / f"0-{name}.png")
        expected.append(reference(image))
    images = load(photos).train.images[:3]  # "0-a" is before "0."
    torch.testing.assert_close(images, torch.stack(expected), rtol=0, atol=1)


def test_grey_palette_and_transparent_images_become_rgb(photos) -> None:
    grey = Image.fromarray(np.full((9, 9), 77, np.uint8))
    files = [photos / "test" / "ant" / f"a-{mode}.png" for mode in ("L", "LA", "P")]
    for file, mode in zip(files, ("L", "LA", "P"), strict=True):
        grey.convert(mode).save(file)
    assert (load(photos).test.images[4:7] == 77).all()  # "a-" is after "0" to "3"


def test_what_is_left_out_is_counted_and_told(photos) -> None:
    ant, bee = photos / "train" / "ant", photos / "train" / "bee"
    (ant / "notes.txt").write_text("no image")
    (ant / "README").write_text("no image")
    (ant / "._0.png").write_text("what macOS leaves")
    (ant / "gone.png").symlink_to(ant / "nowhere.png")
    os.mkfifo(ant / "pipe.png")
    (bee / "linked").symlink_to(ant)
    for folder in (photos / "train" / ".cache", bee / ".thumbnails", bee / "more"):
        folder.mkdir()
    shutil.copy(bee / "0.png", bee / "more" / "0.PNG")
    shutil.copy(bee / "0.png", bee / ".thumbnails" / "0.png")
    shutil.copy(bee / "0.png", photos / "train" / "0.png")
    (photos / "test" / "cat" / "x.GIF").write_text("no image")
    dataset = load(photos)
    assert torch.bincount(dataset.train.labels).tolist() == [9, 10, 9]
    assert dataset.notes == (
        "image_folder leaves out of 'train': .txt (1), files outside of classes (1), files without an ending (1), "
        "hidden folders (2), linked folders (1), links to nothing (1), special files (1)",
        "image_folder leaves out of 'test': .gif (1)",
    )


def test_what_was_done_to_images_is_told_each_time(photos) -> None:
    assert load(photos).notes == ()
    for name in ("0", "1"):
        Image.fromarray(np.zeros((9, 9, 4), np.uint8)).save(photos / "test" / "ant" / f"{name}.png")
    for _ in range(2):  # decoded, and read again
        notes = ("image_folder: images of 'test' that are transparent in places, and are laid on white: 2",)
        assert load(photos).notes == notes


def test_a_home_that_nobody_has_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="~nobody-of-that-name/photos' is no folder"):
        image_folder(tmp_path, path="~nobody-of-that-name/photos")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read_is_named(photos) -> None:
    (photos / "train" / "bee").chmod(0)
    choice = Choice(use="image_folder", options={"path": str(photos)})
    try:
        with pytest.raises(UserError, match=r"cannot be read: .*Permission denied: '.*train/bee'"):
            read_dataset(choice, photos.parent, Catalog())
    finally:
        (photos / "train" / "bee").chmod(0o755)


def test_val_is_read_where_there_is_no_test(photos) -> None:
    expected = load(photos).test
    (photos / "test").rename(photos / "val")
    dataset = load(photos)
    assert torch.equal(dataset.test.images, expected.images)


def test_streamed_splits_are_those_in_memory_bit_for_bit(photos, monkeypatch) -> None:
    monkeypatch.setattr(streamed_module, "CHUNK", 700)  # several chunks, the last of them not full
    held, streamed = both(photos, monkeypatch)
    assert streamed.sha256() == held.sha256()
    assert torch.equal(streamed.mean, held.mean)
    assert torch.equal(streamed.std, held.std)
    assert streamed.shape == held.shape
    for name in ("train", "validation", "test"):
        one, other = getattr(streamed, name), getattr(held, name)
        assert torch.equal(one.labels, other.labels)
        order = torch.randperm(len(other), generator=torch.Generator().manual_seed(1))
        for where in (*order.split(4), slice(0, 5), slice(5, 1000)):
            assert torch.equal(one.images[where], other.images[where])


def weights(trial: Trial, data: Splits) -> str:
    training = train_cohort([trial], data, Catalog())
    (outcome,) = drain(training)
    assert isinstance(outcome, Trained), outcome
    return hash_weights(outcome.model)


def test_streamed_training_gives_the_same_weights_bit_for_bit(photos, monkeypatch) -> None:
    torch.set_num_threads(1)
    held, streamed = both(photos, monkeypatch)
    augment = [{"use": "crop", "options": {"padding": 1}}, {"use": "flip", "options": {}}]
    trial = small_trial(train={"epochs": 2, "batch_size": 4, "augment": augment})
    assert weights(trial, streamed) == weights(trial, held)
    assert weights(trial, streamed) != weights(small_trial(seed=1, train=trial.train.model_dump()), held)


def test_the_hash_of_streamed_splits_is_pinned_to_the_definition(photos, monkeypatch) -> None:
    import hashlib

    _, streamed = both(photos, monkeypatch)
    digest = hashlib.sha256()
    for part in (streamed.train, streamed.validation, streamed.test):
        for values in (part.images[:], part.labels):
            digest.update(f"{values.dtype} {tuple(values.shape)}".encode() + values.numpy().tobytes())
    assert streamed.sha256() == digest.hexdigest()


def test_a_changed_image_is_decoded_again(photos, no_memory) -> None:
    before = load(photos).train.images[:]
    file = photos / "train" / "ant" / "0.png"
    Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(file)
    after = load(photos).train.images[:]
    assert (after[0] == 9).all()
    assert torch.equal(after[1:], before[1:])


def test_nothing_is_decoded_twice(photos, monkeypatch) -> None:
    expected = load(photos)
    monkeypatch.setattr("kdbench.zoo.datasets.image_folder.decode_image", lambda *_, **__: pytest.fail("decoded again"))
    assert torch.equal(load(photos).train.images, expected.train.images)
    shutil.copytree(photos, photos.with_name("copy"))  # another folder of the same content is another file
    with pytest.raises(pytest.fail.Exception, match="decoded again"):
        image_folder(photos.parent, path="copy", size=SIZE)


def test_large_images_are_decoded_few_at_a_time(photos, monkeypatch) -> None:
    expected = load(photos)
    shutil.rmtree(photos.parent / "decoded")
    monkeypatch.setattr("kdbench.zoo.datasets.image_folder._CHUNK_BYTES", 2 * 3 * SIZE * SIZE + 1)
    chunks: list[int] = []
    stack = np.stack
    monkeypatch.setattr(np, "stack", lambda images: chunks.append(len(images)) or stack(images))
    found = load(photos)
    assert torch.equal(found.train.images, expected.train.images)
    assert set(chunks) == {2, 1}


def test_two_sizes_live_side_by_side(photos) -> None:
    load(photos, size=4), load(photos, size=6)
    assert len(list((photos.parent / "decoded").glob("*.u8"))) == 4


def test_a_damaged_decoded_file_is_made_anew(photos, no_memory) -> None:
    expected = load(photos).train.images[:]
    (file,) = (photos.parent / "decoded").glob("photos-train-*.u8")
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    assert torch.equal(load(photos).train.images[:], expected)


def remove(*names: str):
    def change(photos: Path) -> None:
        for name in names:
            shutil.rmtree(photos / name)

    return change


def damage(content: bytes):
    return lambda photos: (photos / "train" / "bee" / "3.png").write_bytes(content)


def cut(photos: Path) -> None:
    file = photos / "train" / "bee" / "3.png"
    file.write_bytes(file.read_bytes()[:150])


def empty_a_class(photos: Path) -> None:
    for file in (photos / "train" / "cat").iterdir():
        file.unlink()
    (photos / "train" / "cat" / "x.gif").write_bytes(b"")


def save_16_bits(photos: Path) -> None:
    Image.fromarray(np.full((9, 9), 999, np.uint16)).save(photos / "test" / "ant" / "0.png")


BAD = {
    "no folder": (remove(""), r"'.*photos' is no folder\n  help: give `path` as an absolute path, or relative"),
    "no train": (remove("train"), r"'.*train' is missing\n  help: make a folder `train`"),
    "no test": (remove("test"), r"'.*val' is missing\n  help: make a folder `train` and a folder `test` \(or `val`\)"),
    "no class": (remove(*(f"train/{name}" for name in CLASSES)), r"train' has no folders in it\n  help: make one"),
    "a class with no image": (empty_a_class, r"no image in '.*train/cat'\n  help: .*allowed: \.bmp, \.jpeg"),
    "a class without test": (remove("test/bee"), r"'train' and 'test' have different classes: '.*train/bee' only"),
    "a class without training": (remove("train/bee"), r"different classes: '.*test/bee' only there\n  help: name"),
    "cut off": (cut, r"'.*bee/3\.png' is damaged or no image: .*\n  help: remove it or get it again"),
    "empty": (damage(b""), r"'.*bee/3\.png' is damaged or no image: cannot identify"),
    "a web page": (damage(b"<html>404</html>"), r"'.*bee/3\.png' is damaged or no image: cannot identify"),
    "16 bits": (save_16_bits, r"'.*ant/0\.png' has more than 8 bits a channel \(mode I;16\).*\n  help: save it with 8"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folders_are_told_in_one_sentence_and_leave_nothing_half_written(photos, case) -> None:
    change, message = BAD[case]
    change(photos)
    with pytest.raises(UserError, match=message) as error:
        load(photos)
    assert len(error.value.problems) == 1
    left = [path.name for path in (photos.parent / "decoded").glob("*")]
    assert not [name for name in left if "draft" in name]
    whole = [name for name in left if name.endswith(".u8")]
    assert whole == ([name for name in whole if name.startswith("photos-train")] if case == "16 bits" else [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written(photos) -> None:
    photos.parent.chmod(0o555)
    try:
        with pytest.raises(UserError, match="cannot write the decoded images"):
            load(photos)
    finally:
        photos.parent.chmod(0o755)


def test_the_size_is_checked_before_any_run() -> None:
    from kdbench.spec.signature import fill_options

    signature = Catalog().signature("datasets", "image_folder")
    assert [name for name, _ in fill_options(signature, {"path": "x", "size": 0})[1]] == ["size"]
    assert [name for name, _ in fill_options(signature, {})[1]] == ["path"]


@pytest.mark.parametrize("room", [0, 10**9])
def test_images_go_to_a_gpu_only_where_they_fit(photos, monkeypatch, room) -> None:
    # "meta" stands in for the GPU: it has a device's name and moves nothing.
    monkeypatch.setattr(splits, "fits_on", lambda _, needed: capacity.fits(needed, room))
    held = split(load(photos), DataSpec(dataset=Choice(use="image_folder", options={"path": "photos"})))
    there = held.to("meta")
    for part in (there.train, there.validation, there.test):
        assert isinstance(part.images, torch.Tensor if room else Streamed)
        assert (part.images.device.type, part.images[:2].device.type, part.labels.device.type) == ("meta",) * 3


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_the_same_batches_on_a_gpu(photos, monkeypatch) -> None:
    held, streamed = (data.to("cuda") for data in both(photos, monkeypatch))
    monkeypatch.setattr(capacity, "free_gpu_memory", lambda _: 0)
    spilled = split(load(photos), DataSpec(dataset=Choice(use="x"), validation=0.3)).to("cuda")
    assert isinstance(spilled.train.images, Streamed)
    assert held.train.images.device == streamed.train.images.device == spilled.train.images.device
    assert held.to("cuda").sha256() == held.sha256() == streamed.sha256() == spilled.sha256()
    order = torch.randperm(len(held.train), device="cuda")
    for images in (streamed.train.images, spilled.train.images):
        assert images[order].device == order.device
        assert torch.equal(images[order], held.train.images[order])
