"""A decoded file is whole, of its source and undamaged, or it is made anew."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from kdbench.spec import UserError
from kdbench.zoo.datasets.decoded import decoded
from kdbench.zoo.streamed import Streamed

IMAGES = np.random.RandomState(0).randint(0, 256, (7, 3, 4, 4)).astype(np.uint8)


class Decoder:
    """Gives the images in two chunks and counts how often it was asked."""

    def __init__(self, images: np.ndarray = IMAGES) -> None:
        self.images, self.calls = images, 0

    def __call__(self) -> Generator[np.ndarray, None, dict[str, int]]:
        self.calls += 1
        yield self.images[:5]
        yield self.images[5:]
        return {"turned": 2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decoded" / "some.u8"


def read(file: Path, decoder: Decoder, source: str = "a") -> np.ndarray:
    return decoded(file, decoder.images.shape, source, decoder).images


def test_written_once_and_mapped_for_reading(file) -> None:
    decoder = Decoder()
    for _ in range(2):
        images = read(file, decoder)
        assert np.array_equal(images, IMAGES)
        assert isinstance(images, np.memmap)
        assert not images.flags.writeable
    assert decoder.calls == 1
    assert file.read_bytes() == IMAGES.tobytes()


def test_what_decoding_counted_is_kept_beside_the_file(file) -> None:
    decoder = Decoder()
    assert [decoded(file, IMAGES.shape, "a", decoder).counts for _ in range(2)] == [{"turned": 2}] * 2
    assert decoder.calls == 1


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)


DAMAGES = {
    "a byte": flip_a_byte,
    "the end is missing": lambda file: os.truncate(file, 100),
    "too long": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "empty": lambda file: os.truncate(file, 0),
    "gone": Path.unlink,
    "no note": lambda file: Path(f"{file}.json").unlink(),
    "half a note": lambda file: Path(f"{file}.json").write_text('{"shape": [7,'),
    "a note without counts": lambda file: Path(f"{file}.json").write_text('{"shape": [7, 3, 4, 4], "source": "a"}'),
    "a note of nothing": lambda file: Path(f"{file}.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_anew(file, damage) -> None:
    read(file, Decoder())
    DAMAGES[damage](file)
    decoder = Decoder()
    assert np.array_equal(read(file, decoder), IMAGES)
    assert decoder.calls == 1


def test_another_source_or_shape_is_made_anew_and_an_open_map_stays(file) -> None:
    before = read(file, Decoder())
    other = Decoder(255 - IMAGES)
    assert np.array_equal(read(file, other, "b"), 255 - IMAGES)
    assert np.array_equal(before, IMAGES)  # whoever has mapped the old file keeps it
    fewer = Decoder(IMAGES[:6])
    assert np.array_equal(read(file, fewer, "b"), IMAGES[:6])
    assert (other.calls, fewer.calls) == (1, 1)


def test_an_end_in_the_middle_leaves_nothing(file) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield IMAGES[:5]
        raise UserError("'x.png' is damaged")

    with pytest.raises(UserError, match=r"x\.png"):
        decoded(file, IMAGES.shape, "a", broken)
    assert [path.name for path in file.parent.iterdir()] == [".some.u8.lock"]
    assert np.array_equal(read(file, Decoder()), IMAGES)


def test_a_full_disk_is_told_before_anything_is_decoded(file, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": IMAGES.size - 1}))
    decoder = Decoder()
    with pytest.raises(UserError, match=r"need 336 bytes in '.*decoded', where 335 are free\n  help: free some space"):
        read(file, decoder)
    assert decoder.calls == 0


def test_a_disk_that_fills_up_meanwhile(file, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*some\.u8': No space left on device\n  help: free some space"):
        read(file, Decoder())
    assert [path.name for path in file.parent.iterdir()] == [".some.u8.lock"]


def test_a_folder_that_cannot_be_made(tmp_path) -> None:
    (tmp_path / "decoded").write_text("a file")
    with pytest.raises(UserError, match="cannot write the decoded images"):
        read(tmp_path / "decoded" / "some.u8", Decoder())


def _write_slowly(file: Path, log: Path) -> None:
    def decode() -> Generator[np.ndarray, None, dict[str, int]]:
        with log.open("a") as lines:
            lines.write("decoded\n")
        yield IMAGES
        return {}

    assert np.array_equal(decoded(file, IMAGES.shape, "a", decode).images, IMAGES)


def test_of_several_processes_one_decodes(file, tmp_path) -> None:
    start = multiprocessing.get_context("fork").Process
    processes = [start(target=_write_slowly, args=(file, tmp_path / "log")) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert (tmp_path / "log").read_text() == "decoded\n"


def test_a_file_larger_than_memory_is_mapped_and_gathered(file, monkeypatch) -> None:
    # Sparse, and its hash is taken on trust: what is tested is that the kernel maps it.
    memory = psutil.virtual_memory().total + psutil.swap_memory().total
    shape = (2 * memory // (3 * 64 * 64), 3, 64, 64)
    file.parent.mkdir()
    with file.open("wb") as content:
        content.truncate(int(np.prod(shape, dtype=np.int64)))
    note = {"shape": shape, "source": "a", "sha256": "trusted", "counts": {}}
    Path(f"{file}.json").write_text(json.dumps(note))
    monkeypatch.setattr("hashlib.file_digest", lambda *_: type("Digest", (), {"hexdigest": lambda self: "trusted"})())
    images = Streamed.of(decoded(file, shape, "a", lambda: pytest.fail("it is there")).images)
    assert len(images) == shape[0]
    assert images[torch.tensor([0, shape[0] // 2, shape[0] - 1])].sum() == 0
