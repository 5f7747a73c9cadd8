"""A baseline is read back, and its ONNX files are found wherever they are kept."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

import fsspec
import pytest
from fsspec import AbstractFileSystem

from kdbench.results import Baseline, freeze, load_baseline
from kdbench.results.baselines.baseline import BaselineError, BaselineRow
from kdbench.results.baselines.files import onnx_files
from kdbench.spec import UserError
from tests.results.baselines.test_freezing import RESULTS
from tests.stored import store_results


def frozen(root: Path, outside: str = "") -> Baseline:
    return freeze(RESULTS, store_results(root / "results", RESULTS), root / "base", outside=outside)


def kept(root: Path, baseline: Baseline) -> list[bytes]:
    return [file.read_bytes() for file in onnx_files(baseline, root / "base", root).values()]


def content() -> list[bytes]:
    student = next(entry for entry in RESULTS.run.entries if entry.role == "student")
    return [RESULTS.trials[student.key].exported.key.encode()]


@pytest.mark.parametrize("where", ["", "outside", "memory://kept"])
def test_files_are_found_where_they_are_kept(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    baseline = frozen(tmp_path, where)
    assert baseline.files == {"outside": "../outside"}.get(where, where)
    monkeypatch.chdir("/")  # a relative path is from the baseline
    assert kept(tmp_path, load_baseline(tmp_path / "base", "example")) == content()
    assert (len(list((tmp_path / "base").glob("*.onnx"))) == 1) == (where == "")


@pytest.mark.parametrize(
    ("kept_rows", "failed", "told"),
    [
        (lambda row: False, False, "it has no row of a student"),
        (lambda row: row.role == "teacher", True, "it has no row of a student"),
        (lambda row: row.loss != "kd", True, "big -> small / student / kd is not among both its rows and its models"),
        (lambda row: row.seed != 2, False, "big -> small / student / cross_entropy lacks seed 2 of its suite"),
        (lambda row: row.seed != 2, True, ""),
    ],
)
def test_rows_that_are_gone_are_damage_but_seeds_where_trials_had_failed(
    kept_rows: Callable[[BaselineRow], bool], failed: bool, told: str, tmp_path: Path
) -> None:
    baseline = frozen(tmp_path)
    rows = tuple(filter(kept_rows, baseline.rows))
    cut = baseline.model_copy(update={"rows": rows, "failed": ("0" * 16,) if failed else ()})
    (tmp_path / "base" / "baseline.json").write_text(cut.model_dump_json())
    with pytest.raises(BaselineError, match=f"damaged baseline .*{told}") if told else nullcontext():
        load_baseline(tmp_path / "base", "example")


def test_a_seed_that_a_merge_left_twice_is_damage(tmp_path: Path) -> None:
    baseline = frozen(tmp_path)
    student = next(row for row in baseline.rows if row.role == "student")
    twice = baseline.model_copy(update={"rows": (*baseline.rows, student)})
    (tmp_path / "base" / "baseline.json").write_text(twice.model_dump_json())
    with pytest.raises(BaselineError, match="has a seed twice"):
        load_baseline(tmp_path / "base", "example")


@pytest.mark.parametrize("where", ["", "memory://altered"])
@pytest.mark.parametrize("damage", ["altered", "longer", "gone"])
def test_missing_and_altered_files_are_refused(where: str, damage: str, tmp_path: Path) -> None:
    baseline = frozen(tmp_path, where)
    name = next(model.onnx for model in baseline.models if model.onnx)
    path = f"{where or tmp_path / 'base'}/{name}"
    if damage == "gone":
        fsspec.core.url_to_fs(path)[0].rm(path)
    else:
        with fsspec.open(path, "wb") as file:
            file.write(content()[0] + b"x" if damage == "longer" else b"y" * len(content()[0]))
    with pytest.raises(BaselineError, match=r"lacks its file|its SHA-256 differs"):
        kept(tmp_path, baseline)


@pytest.mark.parametrize("where", ["nowhere://x", "memory:///"])
def test_a_place_that_cannot_be_written_is_told(where: str, tmp_path: Path) -> None:
    if where == "memory:///":
        where = str(tmp_path / "a file" / "below")
        (tmp_path / "a file").touch()
    with pytest.raises(UserError, match="cannot write"):
        frozen(tmp_path, where)
    assert not (tmp_path / "base").exists()


class NoCredentialsError(Exception):
    """As botocore's: no base of it but `Exception`; gcsfs's `HttpError` is another."""


class Locked(AbstractFileSystem):
    """A storage that opens nothing."""

    protocol = "locked"
    error: Exception = NoCredentialsError("Unable to locate credentials")

    def _open(self, *_: object, **__: object) -> NoReturn:
        raise self.error


fsspec.register_implementation("locked", Locked, clobber=True)


@pytest.mark.parametrize(
    ("error", "told"),
    [(Locked.error, "Unable to locate credentials"), (NotImplementedError(), "NotImplementedError")],  # as by HTTP
)
def test_the_errors_of_a_storage_are_told(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Locked, "error", error)
    with pytest.raises(UserError, match=rf"cannot write .* to 'locked://bucket': {told}\n.*with the credentials"):
        frozen(tmp_path, "locked://bucket")
    baseline = frozen(tmp_path).model_copy(update={"files": "locked://bucket"})
    with pytest.raises(BaselineError, match=rf"in 'locked://bucket': {told}\n.*give access to it"):
        kept(tmp_path, baseline)


def test_a_password_is_not_committed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds a password") as caught:
        frozen(tmp_path, "sftp://me:secret@host/kept")
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("{", "restore it as it was committed"),
        ("[]", "restore it as it was committed"),
        ('{"schema_number": 2}', "restore it as it was committed"),
        ('{"schema_number": 1}', "help: freeze one with: kdbench baseline SUITE"),
        ('{"schema_number": 99}', "help: install a newer kdbench"),
    ],
)
def test_what_is_no_baseline_is_refused(text: str, next_step: str, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text(text)
    with pytest.raises(BaselineError, match=next_step):
        load_baseline(tmp_path, "example")


def test_a_baseline_of_another_suite_or_of_none_is_refused(tmp_path: Path) -> None:
    frozen(tmp_path)
    with pytest.raises(BaselineError, match="is of suite 'example', not of 'other'"):
        load_baseline(tmp_path / "base", "other")
    with pytest.raises(BaselineError, match=r"there is no baseline\.json"):
        load_baseline(tmp_path, "example")


def test_a_suite_that_this_kdbench_cannot_read_is_a_damaged_baseline(tmp_path: Path) -> None:
    baseline = frozen(tmp_path)
    strange = baseline.model_copy(update={"suite": {**baseline.suite, "seeds": "many"}})
    (tmp_path / "base/baseline.json").write_text(strange.model_dump_json())
    with pytest.raises(BaselineError, match=r"damaged baseline .*suite\.seeds"):
        load_baseline(tmp_path / "base", "example")


@pytest.mark.parametrize(
    "where",
    [
        "a" * 5000,
        "\0",
        "nowhere://x",
        "://",
        "http://127.0.0.1:1/x",
        "file:///etc",
        "zip://x::memory://y",
        "ftp://127.0.0.1:1",
    ],
)
def test_a_place_that_cannot_be_read_is_told(where: str, tmp_path: Path) -> None:
    baseline = frozen(tmp_path).model_copy(update={"files": where})
    with pytest.raises(BaselineError, match=r"lacks its file .*\n.*--no-latency"):
        kept(tmp_path, baseline)
