"""The samples that timed networks are given: saved once, when the first measurement asks for them."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kdbench.execute.jobs.records import SamplesSaved, SaveRandomSamples, SaveSamples
from kdbench.execute.workers.messages import Progress
from kdbench.execute.workers.place import Place
from kdbench.results.drafts import temporary_folder
from kdbench.spec import DataSpec
from kdbench.spec.task import Pixels


@dataclass(frozen=True)
class RealSamples:
    """Of a dataset's test split."""

    data: DataSpec
    scale: Pixels = "standard"


@dataclass(frozen=True)
class RandomSamples:
    """Random ones of this shape, [C, H, W], where there is no data."""

    shape: tuple[int, int, int]


Source = RealSamples | RandomSamples


class Samples:
    """An .npy file of samples, enough for batches up to some size."""

    def __init__(self, job: SaveSamples | SaveRandomSamples, place: Place) -> None:
        self.path = job.path
        self._job = job
        self._place = place
        self._saved: SamplesSaved | None = None

    def save(self) -> Generator[Progress, None, SamplesSaved]:
        """Write the file, unless it is there. Raises `NoAnswer` where that failed."""
        if self._saved is None:
            self._saved = yield from self._place.ask(self._job)
        return self._saved


@contextmanager
def samples_from(source: Source, largest_batch: int, place: Place) -> Iterator[Samples]:
    """Samples in a temporary file."""
    with temporary_folder() as folder:
        path = str(folder / "samples.npy")
        match source:
            case RealSamples(data=data, scale=scale):
                setting = place.setting()
                yield Samples(
                    SaveSamples(setting=setting, data=data, scale=scale, batch=largest_batch, path=path), place
                )
            case RandomSamples(shape=shape):
                yield Samples(SaveRandomSamples(shape=shape, batch=largest_batch, path=path), place)
