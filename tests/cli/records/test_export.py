"""`kdbench export` on made-up results: which model is chosen, and what stands beside it."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kdbench.cli.failure import run_guarded
from kdbench.cli.records.export import command
from kdbench.results import Store
from tests.records import Shape, make_results
from tests.stored import store_results

GAIN = Shape(
    accuracy=lambda pair, loss, seed: 0.8 + 0.001 * seed + (0.05 if loss == "kd" else 0),
    seeds=5,
    variants=("fp32", "int8_static"),
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Results whose files are stand-ins: each holds its artifact's key, which its record has the hash of."""
    results = make_results(GAIN)
    artifacts = {
        key: made.model_copy(
            update={"model": made.model.model_copy(update={"onnx_sha256": hashlib.sha256(key.encode()).hexdigest()})}
        )
        for key, made in results.artifacts.items()
    }
    store_results(tmp_path / "results", replace(results, artifacts=artifacts))
    return tmp_path


def export(store: Path, *argv: str) -> int:
    where = ["--results", str(store / "results"), "--to", str(store / "out")]
    return run_guarded(command, ["example", *argv, *where])


def test_a_lost_record_is_told(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = store / "results"
    lost = Store(results).latest_run("example").evaluations[-1]
    Store(results).remove(Store.EVALUATIONS, lost)
    assert export(store, "--format", "csv") == 0
    assert f"note: example: Records of this run are missing in the results folder: evaluations/{lost}. " in (
        capsys.readouterr().err
    )


def test_a_student_that_is_named_comes_with_all_that_is_needed(store: Path) -> None:
    assert export(store, "--loss", "kd", "--seed", "3") == 0
    out = store / "out"
    assert {path.name for path in out.iterdir()} == {
        "model.onnx", "preprocessing.json", "labels.txt", "README.md", "SHA256SUMS"
    }  # fmt: skip
    for line in (out / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    results = make_results(GAIN)
    (key,) = [e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", "kd", 3)]
    assert (out / "model.onnx").read_text() == results.trials[key].exported.key
    how = json.loads((out / "preprocessing.json").read_text())
    assert (how["mean"], how["std"], how["shape"]) == ([33.0], [79.0], [1, 28, 28])
    assert (out / "labels.txt").read_text().splitlines() == [str(label) for label in range(10)]
    card = (out / "README.md").read_text()
    assert card.startswith("# small, kd\n")
    assert f"| Trial, seed | {key}, 3 " in card
    assert "| Test top-1 of this file | 85.30 % of 10,000 samples |" in card


def test_a_variant_has_its_own_file(store: Path) -> None:
    assert export(store, "--loss", "kd", "--variant", "int8_static", "--seed", "0") == 0
    results = make_results(GAIN)
    (key,) = [e.key for e in results.run.entries if (e.role, e.loss, e.seed) == ("student", "kd", 0)]
    (made,) = [each for each in results.variants if (each.trial, each.label) == (key, "int8_static")]
    assert (store / "out/model.onnx").read_text() == made.key
    assert (store / "out/README.md").read_text().startswith("# small, kd, int8\\_static\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--loss", "kdd"], ["no loss 'kdd'", "did you mean 'kd'?"]),
        (["--pair", "big"], ["no pair 'big'", "big -> small"]),
        (["--loss", "kd", "--variant", "int8"], ["no variant 'int8'", "int8_static"]),
        (["--loss", "kd", "--seed", "9"], ["'kd' has no seed 9"]),
    ],
)
def test_what_is_not_there_is_said(store: Path, argv: list[str], words: list[str], capsys) -> None:
    assert export(store, *argv) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err
    assert not (store / "out").exists()


def test_nothing_is_exported_where_there_is_nothing_to_ship(tmp_path: Path, capsys) -> None:
    store_results(tmp_path / "results", make_results(Shape(losses=("kd",))))  # no student alone
    assert export(tmp_path) == 2
    err = capsys.readouterr().err
    assert "Nothing to ship, because " in err
    assert "--loss" in err


def test_a_damaged_or_missing_file_is_refused(store: Path, capsys) -> None:
    for path in (store / "results").rglob("model.onnx"):
        path.write_bytes(b"other")
    assert export(store, "--loss", "kd") == 2
    assert "is not the file that was exported" in capsys.readouterr().err
    for path in (store / "results").rglob("model.onnx"):
        path.unlink()
    assert export(store, "--loss", "kd") == 2
    assert "`kdbench run SUITE` makes them again" in capsys.readouterr().err


def test_figures_are_tables(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(store, "--format", "csv", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == ["conditions.csv", "curves.csv", "frame.csv", "gains.csv", "latencies.csv"]
    frame = pd.read_csv(store / "out/frame.csv")
    assert frame[frame["loss"] == "kd"]["top1"].round(4).tolist() == [0.85, 0.851, 0.852, 0.853, 0.854]
    assert export(store, "--format", "json") == 2
    assert "exists" in capsys.readouterr().err


def test_parquet_holds_the_same_tables(store: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: kdbench[parquet]")
    assert export(store, "--format", "parquet") == 0
    frame = pd.read_parquet(store / "out/frame.parquet")
    assert frame[frame["loss"] == "kd"]["top1"].round(4).tolist() == [0.85, 0.851, 0.852, 0.853, 0.854]


def test_parquet_without_its_package_is_one_message(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert export(store, "--format", "parquet") == 2
    assert (
        "--format parquet needs the package pyarrow\n  help: pip install 'kdbench[parquet]'" in capsys.readouterr().err
    )
    assert not (store / "out").exists()
