"""`kdbench measure` as an engineer types it: what it prints where, and how it refuses."""

import json
import os
import re
import signal
import tempfile
from pathlib import Path

import pytest

from kdbench.analyze.deployment.measurement import describe_measurement
from kdbench.cli import COMMANDS
from kdbench.cli.failure import run_guarded
from kdbench.cli.measure import BATCH, command
from kdbench.execute import measure
from kdbench.report.measurement import measurement_text
from kdbench.results.measurement import Measurement
from kdbench.spec.types import LARGEST_BATCH
from tests.execute.test_measure import save

QUICK = ("--margin", "1", "--batch", "1", "--largest-batch", "1")
UNTIMED = ("--batch", "1", "--threads", "4096")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a folder for temporary files that is seen to be empty afterwards."""
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def ask(*argv: object) -> int:
    return run_guarded(command, list(map(str, argv)))


def test_the_command_is_listed() -> None:
    assert "measure" in COMMANDS


def test_stdout_is_the_record_and_stderr_the_progress(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(save(Path("größe mit platz.onnx")), *QUICK, "--json") == 0
    out, err = capfd.readouterr()
    found = Measurement.model_validate(json.loads(out))
    assert [record.kind for record in found.latencies] == ["noise"]
    ratio = re.escape("latency · größe mit platz.onnx · cpu, 1 thread, batch 1: ") + r"[\d.]+ x the reference"
    assert re.search(ratio, err)
    assert "| größe mit platz.onnx | cpu, 1 thread, batch 1" in measurement_text(describe_measurement(found))
    assert sorted(path.name for path in Path().iterdir()) == ["größe mit platz.onnx"]
    assert not [path for path in alone.iterdir() if path.name.startswith("kdbench")]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "Missing argument 'MODEL.onnx...'"),
        (("nosuch.onnx",), "there is no file 'nosuch.onnx'"),
        (("folder",), "'folder' is a folder"),
        (("empty.onnx",), "'empty.onnx' is empty"),
        (("text.onnx",), "'text.onnx' is not an ONNX file"),
        (("sound.onnx", "text.onnx"), "'text.onnx' is not an ONNX file"),
        (("sound.onnx", "--margin", "0"), "'0' is not a number over 0"),
        (("sound.onnx", "--margin", "nan"), "'nan' is not a number over 0"),
        (("sound.onnx", "--margin", "much"), "'much' is not a number over 0"),
        (("sound.onnx", "--shape", "garbage"), "'garbage' is not a shape; write channels x height x width"),
        (("sound.onnx", "--shape", "1x0x8"), "'1x0x8' is not a shape"),
        (("sound.onnx", "--shape", "1x9x9"), "'sound.onnx' takes images of 1x8x8, and --shape asks for 1x9x9"),
        (("sound.onnx", "--shape", "1x8x8", "--data", "digits"), "leave one of them out"),
        (("sound.onnx", "--scale", "unit"), "give --data DATASET, or leave --scale out"),
        (("sound.onnx", "--data", "digit"), "did you mean 'digits'?"),
        (("sound.onnx", "--data", "image_folder"), "and give that: --data my.toml"),
        (("sound.onnx", "--data", "nosuch.toml"), "no suite file 'nosuch.toml'"),
        (("sound.onnx", "--provider", "gpu"), "'gpu' is not one of"),
        (("sound.onnx", "--batch", "1000000000000"), "1000000000000 is not in the range 1<=x<=65536"),
    ],
)
def test_bad_input_has_one_clear_message(
    argv: tuple[str, ...], words: str, alone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save(Path("sound.onnx"))
    Path("folder").mkdir()
    Path("empty.onnx").touch()
    Path("text.onnx").write_text("hello")
    before = sorted(Path().rglob("*"))
    assert ask(*argv) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert err.lower().count("error: ") == 1
    assert "Traceback" not in err
    assert sorted(Path().rglob("*")) == before
    assert not [path for path in alone.iterdir() if path.name.startswith("kdbench")]


def test_nothing_measured_has_a_code_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(save(Path("a.onnx")), *UNTIMED) == 6
    assert "4096 threads were asked for" in capfd.readouterr().out


def test_data_and_its_options_come_from_a_suite_file(capfd: pytest.CaptureFixture[str]) -> None:
    pairs = '[[pairs]]\nteacher = "mlp"\nstudent = "mlp"\n'
    Path("my.toml").write_text(f'name = "my"\ndata = "digits"\nseeds = 1\nlosses = ["cross_entropy"]\n{pairs}')
    assert ask(save(Path("a.onnx")), *UNTIMED, "--data", "my.toml", "--json") == 0  # accuracy is a measurement
    found = Measurement.model_validate_json(capfd.readouterr().out)
    assert found.models[0].test is not None
    assert found.models[0].test.samples == 359


def test_batches_have_the_bound_of_suites() -> None:
    assert BATCH.max == LARGEST_BATCH


def test_progress_can_be_left_out_and_kept_in_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(save(Path("a.onnx")), *UNTIMED, "--data", "digits", "--quiet", "--log", "measure.log") == 0
    assert capfd.readouterr().err == ""
    assert "a.onnx" in Path("measure.log").read_text("utf-8")


def test_an_interruption_leaves_nothing(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "inspect_model", interrupt)
    assert ask(save(Path("a.onnx"))) == 130
    assert capfd.readouterr().err.endswith("interrupted: nothing is kept of a measurement\n")
    assert not [path for path in alone.iterdir() if path.name.startswith("kdbench")]


def test_being_terminated_leaves_nothing(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "inspect_model", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        ask(save(Path("a.onnx")))
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert not [path for path in alone.iterdir() if path.name.startswith("kdbench")]
