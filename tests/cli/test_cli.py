"""The command line as a user meets it: real processes, exit codes, stdout for data and stderr for progress."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kdbench.zoo.datasets.digits import digits
from tests.cli import inside

KDBENCH = [sys.executable, "-m", "kdbench"]

SUITE = """\
name = "tiny"
data = { use = "digits" }
seeds = 2
conditions = []

[train]
epochs = 2
batch_size = 64

[budget]
by = "epochs"

[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }

[[losses]]
use = "cross_entropy"

[[losses]]
use = "kd"

[latency]
batch_sizes = [1]
margin = 10.0
largest_batch = 1
"""
UNTIMED = SUITE.replace("batch_sizes = [1]", "batch_sizes = []")


WATCH = str(Path(__file__).parent / "watched")
ONE = ("--workers", "1")  # a second process takes seconds to start, and has next to nothing to do


def kdbench(
    *argv: str, at: Path, code: int = 0, seconds: float = 600, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*KDBENCH, *argv], cwd=at, capture_output=True, text=True, timeout=seconds, env=env)
    assert done.returncode == code, f"{argv}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a suite file that has been run once, watched by `watched/sitecustomize.py`; the run's stderr."""
    root = tmp_path_factory.mktemp("watched")
    for name in ("user", "home", "tmp"):
        (root / name).mkdir()
    (root / "user/tiny.toml").write_text(SUITE)
    watch = os.pathsep.join([WATCH, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "WATCHED": str(root), "PYTHONPATH": watch, "HOME": str(root / "home")}
    env |= {"XDG_CACHE_HOME": str(root / "home/.cache"), "TMPDIR": str(root / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    return root / "user", kdbench("run", "tiny.toml", *ONE, at=root / "user", env=env).stderr


@pytest.fixture
def user(ran: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran[0], tmp_path / "user"))


def test_run_says_where_the_reports_are(user: Path) -> None:
    shutil.rmtree(user / "reports")
    done = kdbench("run", "tiny.toml", at=user)
    first, *_ = told = done.stdout.splitlines()
    assert first.startswith(("Ship", "Undecided", "Nothing to ship"))
    assert {line.partition(" ")[0] for line in told[told.index("") + 2 :]} > {"kd", "cross_entropy"}  # in the ranking
    assert told[-2:] == ["HTML report:     reports/tiny/index.html", "Markdown report: reports/tiny/report.md"]
    assert (user / "reports/tiny/index.html").is_file()
    assert (user / "reports/tiny/report.md").is_file()


# torch makes this folder of its compiler in some processes, among the temporary files of the machine.
COMPILER = str(Path(tempfile.gettempdir(), "torchinductor_"))


def test_a_run_writes_nothing_elsewhere_and_opens_no_socket(ran: tuple[Path, str]) -> None:
    """A process that opens a socket to a network dies, and the run that has it fails."""
    root = ran[0].parent
    elsewhere = root / "elsewhere"
    of_linux = {"/dev/null", "/proc/self/clear_refs"}
    written = set(elsewhere.read_text().splitlines()) if elsewhere.exists() else set()
    assert {path for path in written - of_linux if not path.startswith(COMPILER)} == set()
    assert [file for file in (root / "home").rglob("*") if not file.is_relative_to(root / "home/.cache/kdbench")] == [
        root / "home/.cache"
    ]
    assert list((root / "tmp").iterdir()) == []
    assert {file.name for file in ran[0].iterdir()} == {"tiny.toml", "results", "reports"}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")
def test_a_watched_process_that_opens_a_socket_dies(tmp_path: Path) -> None:
    env = {**os.environ, "WATCHED": str(tmp_path), "PYTHONPATH": WATCH}
    code = "import socket; socket.socket(socket.AF_UNIX); print('alive', flush=True); socket.socket()"
    done = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGSYS, "alive\n")


def test_a_watched_process_tells_what_it_writes_elsewhere(tmp_path: Path) -> None:
    env = {**os.environ, "WATCHED": str(tmp_path / "in"), "PYTHONPATH": WATCH}
    (tmp_path / "in").mkdir()
    code = f"open({str(tmp_path / 'in/a')!r}, 'w'); open({str(tmp_path / 'b')!r}, 'w'); open({str(tmp_path / 'b')!r})"
    subprocess.run([sys.executable, "-P", "-c", code], env=env, check=True)
    assert (tmp_path / "in/elsewhere").read_text() == f"{tmp_path / 'b'}\n"


def test_progress_is_plain_lines_where_there_is_no_terminal(ran: tuple[Path, str]) -> None:
    stderr = ran[1]
    for count in range(1, 6):
        assert f"[{count}/5] " in stderr
    for loss, seed in product(("cross_entropy", "kd"), (0, 1)):
        assert f"/5] {loss} · mlp(hidden=8) · seed {seed}: validation top-1" in stderr
    ratio = r"cpu, 1 thread, batch 1: [\d.]+ x the reference \(\d+ slice pairs\)"
    assert re.search(rf"latency · mlp\(hidden=8\) · {ratio}", stderr)
    assert re.search(rf"latency · mlp\(hidden=8\), tie check · {ratio}", stderr)
    assert "\x1b" not in stderr


def test_progress_is_live_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(UNTIMED)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    command = [*KDBENCH, "run", "tiny.toml", "--seeds", "1", "--epochs", "1", *ONE]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    assert process.wait(timeout=600) == 0
    process.communicate()
    assert b"\x1b[" in seen
    assert b", 3 of 3 trials" in seen
    drawn = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", seen.decode()).splitlines()
    assert max(map(len, drawn)) <= 80


def test_plan_shows_what_is_done(user: Path) -> None:
    done = kdbench("plan", "tiny.toml", "--seeds", "2", at=user).stdout
    assert done.splitlines()[0] == "wave 0: 3 trials"
    assert "5 trials, 5 done, 0 to do" in done
    more = kdbench("plan", "tiny.toml", "--epochs", "3", "--json", at=user).stdout
    rows = [json.loads(line) for line in more.splitlines()]
    assert {row["state"] for row in rows} == {"to do"}


def test_report_renders_from_records_alone(user: Path) -> None:
    shutil.rmtree(user / "reports")
    for path in (user / "results").rglob("*.safetensors"):
        path.unlink()
    kdbench("report", "tiny", at=user)
    assert (user / "reports/tiny/index.html").is_file()


def test_an_exported_model_classifies_as_it_was_measured(user: Path) -> None:
    kdbench("export", "tiny.toml", "--loss", "kd", "--to", "model", at=user)
    card = (user / "model/README.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0]
    told = re.search(r"Test top-1 of this file \| ([\d.]+) %", card)
    assert told
    data = digits(user)
    names: dict[str, Any] = {}
    with contextlib.chdir(user / "model"):
        exec(code, names)
    right = [str(int(label)) for label in data.test.labels]
    found = names["classify"](data.test.images.numpy())
    assert sum(a == b for a, b in zip(found, right, strict=True)) / len(right) == pytest.approx(
        float(told[1]) / 100, abs=1e-4
    )


@pytest.mark.parametrize("kind", ["losses", "models", "datasets", "views", "metrics", "suites"])
def test_list_has_one_line_each(kind: str, tmp_path: Path) -> None:
    lines = kdbench("list", kind, at=tmp_path).stdout.splitlines()
    assert len(lines) >= 3
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines), lines


def test_show_has_options_and_the_paper(tmp_path: Path) -> None:
    text = kdbench("show", "kd", at=tmp_path).stdout
    assert "1503.02531" in text
    assert "temperature  default 4.0" in text
    assert "did you mean 'kd'" in kdbench("show", "kdd", at=tmp_path, code=2).stderr
    assert "did you mean 'cifar:resnet56'" in kdbench("show", "cifar:resnet57", at=tmp_path, code=2).stderr


def test_schema_accepts_the_shipped_suites_and_refuses_a_typo(tmp_path: Path) -> None:
    import tomllib

    import jsonschema

    from kdbench.spec import suites

    schema = json.loads(kdbench("schema", at=tmp_path).stdout)
    for path in suites().values():
        jsonschema.validate(tomllib.loads(path.read_text()), schema)
    suite = tomllib.loads(SUITE)
    for good in (
        {"conditions": ["contrast", {"use": "rotation", "degrees": 15.0}]},
        {"variants": ["fp32", {"use": "int8_static", "samples": 64}]},
        {"latency": {"threads": [1, "cores"], "paths": ["host", "graph"], "spinning": [False]}},
        {"confirm_seeds": 0},
        {"losses": [{"use": "kd", "lr": 0.1}, {"use": "kd", "lr": {"grid": [0.2, 0.3]}}]},
    ):
        jsonschema.validate({**suite, **good}, schema)
    for bad in ({"seed": 3}, {"latency": {"seconds": 0.5}}, {"latency": {"threads": ["core"]}}, {"variants": ["int8"]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**suite, **bad}, schema)


def test_doctor_finds_this_machine_sound(tmp_path: Path) -> None:
    text = kdbench("doctor", at=tmp_path).stdout
    assert "ok       torch:" in text
    assert "ok       onnxruntime:" in text
    assert "0 problems" in text


def test_help_is_light(tmp_path: Path) -> None:
    code = "import sys; from kdbench.cli import main\ntry: main()\nexcept SystemExit: print(len(sys.modules.keys() & {'torch', 'pandas', 'pydantic', 'numpy', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["run", "nothing"], ["no suite 'nothing'"]),
        (["run", "quickstrat"], ["did you mean 'quickstart'"]),
        (["run", "none.toml"], ["no suite file 'none.toml'"]),
        (["run", "tiny.toml", "--seeds", "0"], ["--seeds"]),
        (["run", "tiny.toml", "--results", "tiny.toml"], ["tiny.toml"]),
        (["run", "tiny.toml", "--device", "cuda"], ["--device cuda", "kdbench doctor"]),
        (["run", "tiny.toml", "-p", "no_such_module"], ["no module 'no_such_module' for -p"]),
        (["runn", "tiny.toml"], ["runn"]),
        (["report", "nothing"], ["no results of suite 'nothing'"]),
        (["baseline", "nothing"], ["no results of suite 'nothing'"]),
        (["list", "lossses"], ["lossses"]),
    ],
)
def test_bad_input_gets_one_message_and_code_two(argv: list[str], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    done = kdbench(*argv, at=tmp_path, code=2)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == [tmp_path / "tiny.toml"]  # nothing half-written


def test_errors_of_a_suite_come_together_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(SUITE.replace("epochs = 2", "epoch = 2").replace("seeds = 2", 'seeds = "two"'))
    stderr = kdbench("run", "bad.toml", at=tmp_path, code=2).stderr
    assert "--> bad.toml:7" in stderr
    assert "--> bad.toml:3" in stderr
    assert "2 errors; nothing was done" in stderr


def test_an_option_of_an_older_version_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(SUITE.replace("margin = 10.0", "seconds = 0.5"))
    stderr = kdbench("run", "old.toml", at=tmp_path, code=2).stderr
    assert stderr.count("error:") == 1
    assert "unknown key 'seconds' at latency" in stderr
    assert "allowed: batch_sizes, largest_batch, margin" in stderr


def test_what_follows_training_is_told_as_it_is_done(user: Path) -> None:
    more = SUITE.replace("conditions = []", 'conditions = ["contrast"]\nvariants = ["fp32", "fp16"]')
    (user / "tiny.toml").write_text(more.replace("largest_batch = 1", "largest_batch = 2"))
    done = inside.kdbench("run", "tiny.toml", at=user)
    lines = [line.partition(" s  ")[2] for line in done.stderr.splitlines()]
    assert "condition contrast: 5 files evaluated" in lines
    assert "clean images: 5 files evaluated" in lines  # those of the variant
    swept = "throughput · mlp(hidden=8) · cpu, 1 thread, batch 1 to 2: the largest batch asked for, 2"
    assert swept in lines
    (reason,) = [line for line in lines if "not measured" in line]  # of two networks, told once
    assert "half precision has no kernels on the CPU" in reason
    assert "validation top-1" not in done.stderr  # nothing is trained again
    report = (user / "reports/tiny/report.md").read_text("utf-8")
    assert "half precision has no kernels on the CPU" in report
    assert "the largest batch asked for, 2" in report


def test_a_failing_trial_gives_code_one_and_a_report(tmp_path: Path) -> None:
    (tmp_path / "wild.py").write_text("def nan(student, labels):\n    return student.logits.sum() * float('nan')\n")
    (tmp_path / "tiny.toml").write_text(UNTIMED.replace('"kd"', '"wild:nan"').replace("seeds = 2", "seeds = 1"))
    done = kdbench("run", "tiny.toml", "-p", "wild", *ONE, at=tmp_path, code=1)
    assert "failed: diverged" in done.stderr
    assert "diverged" in (tmp_path / "reports/tiny/report.md").read_text()
    refused = kdbench("run", "tiny.toml", at=tmp_path, code=2)  # a suite file alone can make nothing run
    assert "unknown loss 'wild:nan'" in refused.stderr


def _hear_ctrl_c() -> None:
    """What a shell starts in the background inherits to ignore it, and so would the command under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE.replace("epochs = 2", "epochs = 60"))
    process = subprocess.Popen(
        [*KDBENCH, "run", "tiny.toml"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,
    )
    assert process.stderr
    workers: list[str] = []
    for line in process.stderr:
        if "[1/5]" in line:
            asked = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
            workers = asked.stdout.split()
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait(timeout=600) == 130
    process.communicate()
    assert "every finished trial is kept" in rest
    assert "go on with the same command: kdbench run tiny.toml\n" in rest
    assert "report what is trained by now: kdbench run tiny.toml --trained\n" in rest
    assert "Traceback" not in rest
    finished = list((tmp_path / "results/trials").glob("*/trial.json"))
    assert finished
    assert not list((tmp_path / "results/trials").glob(".*")), "a draft was left behind"
    assert workers
    assert all(not Path(f"/proc/{pid}").exists() for pid in workers)


def test_debug_shows_where(tmp_path: Path) -> None:
    done = subprocess.run([*KDBENCH, "run", "nothing", "--debug"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "error: no suite 'nothing'" in done.stderr


def test_list_survives_suites_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/latin.toml").write_bytes(b'description = "caf\xe9"')
    (tmp_path / "suites/broken.toml").write_text("name = ")
    lines = dict(line.split(maxsplit=1) for line in kdbench("list", "suites", at=tmp_path).stdout.splitlines())
    assert lines["latin"] == "(not UTF-8)"
    assert lines["broken"] == "(not TOML)"
    assert "quickstart" in lines
