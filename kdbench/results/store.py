"""The store: a folder of immutable records. A file appears whole or not at all, and is never edited."""

import hashlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from kdbench.results.drafts import draft_file, draft_folder, remove_dead
from kdbench.results.records import ArtifactRecord, RunRecord, TrialRecord
from kdbench.results.stored import FILE_NAME, Stored, read_stored
from kdbench.spec import PART, UserError

S = TypeVar("S", bound=Stored)


class Store:
    """Folders `trials/<key>/` and `artifacts/<key>/`, records `evaluations/<key>.json` and the like, and the runs.

    The runs of a suite are `suites/<name>/<run id>.json`.
    """

    TRIAL = "trial.json"
    WEIGHTS = "weights.safetensors"
    ARTIFACT = "artifact.json"
    ONNX = "model.onnx"
    EVALUATIONS = "evaluations"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    SNAPSHOTS = "snapshots"  # of trials that are being trained
    ROUNDS = "rounds"  # of latencies that are being timed
    FAILURES = "failures"  # of trials that failed or were skipped

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, and remove what processes that died left there and among temporary files.

        Raises `UserError` where it cannot be written.
        """
        prepare_folder(self.root, "results")
        for folder in (*_folders_in(self.root / "suites"), Path(tempfile.gettempdir())):
            remove_dead(folder)

    def folders(self) -> tuple[Path, ...]:
        """All in which records lie."""
        return (*_folders_in(self.root), *_folders_in(self.root / "suites"))

    def trial_folder(self, key: str) -> Path:
        return self.root.joinpath("trials", _name(key))

    def artifact_folder(self, key: str) -> Path:
        return self.root.joinpath("artifacts", _name(key))

    def weights(self, trial: str) -> Path:
        return self.trial_folder(trial) / self.WEIGHTS

    def snapshot(self, trial: str) -> Path:
        return self.root.joinpath(self.SNAPSHOTS, f"{_name(trial)}.safetensors")

    def onnx(self, artifact: str) -> Path:
        return self.artifact_folder(artifact) / self.ONNX

    def exported(self, artifact: ArtifactRecord) -> Path:
        """Its ONNX file. Raises `UserError` where that is missing, or not the one that was recorded."""
        path = self.onnx(artifact.key)
        if not path.is_file():
            help = "these are records without their files: `kdbench run SUITE` makes them again"
            raise UserError(f"'{self.root}' has no ONNX file of trial {artifact.trial}", help=help)
        if sha256_of(path) != artifact.model.onnx_sha256:
            help = f"remove '{path.parent}', and run again: it is exported again"
            raise UserError(f"'{path}' is not the file that was exported: its SHA-256 differs", help=help)
        return path

    def is_trained(self, trial: str) -> bool:
        """Whether a trial's record and its weights are there. Records can be kept without their weights."""
        return _holds(self.trial_folder(trial), self.TRIAL, self.WEIGHTS)

    def is_exported(self, artifact: str) -> bool:
        """Whether an artifact's record and its ONNX file are there."""
        return _holds(self.artifact_folder(artifact), self.ARTIFACT, self.ONNX)

    def has_trial(self, key: str) -> bool:
        """Whether a trial's record is there, with or without its weights."""
        return _holds(self.trial_folder(key), self.TRIAL)

    def has_artifact(self, key: str) -> bool:
        """Whether an artifact's record is there, with or without its file."""
        return _holds(self.artifact_folder(key), self.ARTIFACT)

    def read_trial(self, key: str) -> TrialRecord:
        return read_stored(self.trial_folder(key) / self.TRIAL, TrialRecord)

    def read_artifact(self, key: str) -> ArtifactRecord:
        return read_stored(self.artifact_folder(key) / self.ARTIFACT, ArtifactRecord)

    def read(self, folder: str, key: str, kind: type[S]) -> S | None:
        """A record of `evaluations`, `latency`, `rounds` or the like by its key; none where it is not there."""
        path = self._path(folder, key)
        return read_stored(path, kind) if path.is_file() else None

    def has(self, folder: str, key: str) -> bool:
        return self._path(folder, key).is_file()

    def write(self, folder: str, key: str, record: Stored) -> None:
        write_whole(self._path(folder, key), record.model_dump_json())

    def remove(self, folder: str, key: str) -> None:
        """Remove a record that holds no longer, if it is there."""
        self._path(folder, key).unlink(missing_ok=True)

    def _path(self, folder: str, key: str) -> Path:
        return self.root.joinpath(folder, f"{_name(key)}.json")

    def _run_path(self, name: str, run_id: str) -> Path:
        return self.root.joinpath("suites", _name(name), f"{_name(run_id)}.json")

    def new_trial(self, key: str) -> AbstractContextManager[Path]:
        """A folder to fill: it becomes the trial's when the block ends well, and is removed otherwise."""
        return _new_folder(self.trial_folder(key), (self.TRIAL, self.WEIGHTS))

    def new_artifact(self, key: str) -> AbstractContextManager[Path]:
        """Likewise of an artifact."""
        return _new_folder(self.artifact_folder(key), (self.ARTIFACT, self.ONNX))

    def write_run(self, record: RunRecord) -> None:
        write_whole(self._run_path(record.name, record.run_id), record.model_dump_json(indent=1))

    def latest_run(self, suite: str, asked: str = "") -> RunRecord:
        """The last run of a suite, or of a part of one. Raises `UserError` where there is none.

        `asked` is how the user named the suite, where that is by a file.
        """
        runs = [run_id for run_id, name in self.run_ids(suite).items() if name == suite]
        if not runs:
            first = f"run it first: kdbench run {shlex.quote(asked or suite)}"
            help = f"{first}; suites with results: {', '.join(self.suites()) or 'none'}"
            raise UserError(f"no results of suite '{suite}' in '{self.root}'", help=help)
        return self.read_run(suite, runs[-1])

    def run_ids(self, suite: str) -> dict[str, str]:
        """By the ids of all runs of a suite and of its parts, the oldest first: the name under which it is kept."""
        names = (name for name in self.suites() if name == suite or name.startswith(f"{suite}{PART}"))
        found = {path.stem: name for name in names for path in (self.root / "suites" / name).glob("*.json")}
        return dict(sorted(found.items()))

    def read_run(self, name: str, run_id: str) -> RunRecord:
        record = read_stored(path := self._run_path(name, run_id), RunRecord)
        if (record.name, record.run_id) != (name, run_id):
            text = f"'{path}' is not where it belongs: it is the run {record.run_id} of '{record.name}'"
            raise UserError(text, help="move it there, or remove it")
        return record

    def forget_run(self, run: RunRecord) -> None:
        """Remove the record of a run; those that it refers to stay."""
        self._run_path(run.name, run.run_id).unlink(missing_ok=True)

    def suites(self) -> tuple[str, ...]:
        """The names of the suites of which there is a run: an interrupted one may leave an empty folder."""
        return tuple(sorted({path.parent.name for path in (self.root / "suites").glob("*/*.json")}))


def prepare_folder(folder: Path, option: str) -> None:
    """Make a folder of the user's, and remove what processes that died left in it and in those that it holds.

    Raises `UserError`, naming the command's option, where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for each in (folder, *_folders_in(folder)):
            remove_dead(each)
    except OSError as error:
        help = f"choose another with --{option}, or change its permissions"
        raise UserError(f"cannot write to the {option} folder '{folder}': {error.strerror}", help=help) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with draft_file(path.parent, path.name) as draft:
            with draft.open("wb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o644)
            draft.replace(path)
    except OSError as error:
        error.filename = str(path)  # writing names none, renaming the draft
        raise


def _name(text: str) -> str:
    """What a file of a store is called. Raises `UserError` for a name that leads elsewhere."""
    if not FILE_NAME.fullmatch(text):
        help = "the folder was not written by kdbench: run the suite here, in another folder"
        raise UserError(f"{text[:60]!r} is no name of a record", help=help)
    return text


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.is_dir()]


def _holds(folder: Path, *names: str) -> bool:
    return all((folder / name).is_file() for name in names)


@contextmanager
def _new_folder(final: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """A draft that gets the name `final` when the block ends well.

    A folder that has all `parts` is never replaced, even by another process that finishes the same one later; a folder
    that lacks one is.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with draft_folder(final.parent, final.name) as draft:
        yield draft
        for path in draft.iterdir():
            _sync(path)
        draft.chmod(0o755)
        if final.exists() and not _holds(final, *parts):
            final.rename(retired := draft.with_name(f"{draft.name}-retired"))
            shutil.rmtree(retired, ignore_errors=True)
        try:
            draft.rename(final)
        except OSError:
            if not _holds(final, *parts):
                raise
        _sync(final.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
