"""The gate from the command line: quiet where nothing changed, loud on a real regression."""

import json
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest

from kdbench import api
from kdbench.analyze import judge
from kdbench.cli.check import _asked, _tell_github
from kdbench.cli.check import command as check
from kdbench.cli.failure import run_guarded
from kdbench.results import Outcome
from kdbench.results.baselines.freezing import baseline_of
from tests.cli.inside import kdbench
from tests.cli.test_cli import SUITE
from tests.records import Shape, make_results

PAIR = SUITE.replace("[[pairs]]", '[[pairs]]\nname = "pair"').replace("seeds = 2", "seeds = 3")
TIMED = PAIR.replace("epochs = 2", "epochs = 8").replace("hidden = [8]", "hidden = [32]")
ACCURACY, LATENCY = (
    '\n[[gates]]\nmetric = "top1"\nmay_drop = 0.1\n',
    '\n[[gates]]\nmetric = "latency"\nmay_rise = 0.5\n',
)
GATED = TIMED + ACCURACY + LATENCY
UNTIMED = TIMED.replace("batch_sizes = [1]", "batch_sizes = []") + ACCURACY


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "tiny.toml").write_text(GATED)
    kdbench("run", "tiny.toml", at=folder)
    done = kdbench("baseline", "tiny.toml", "--to", "base", "--force", at=folder)
    assert done.stdout.startswith("base: 7 trials, 2 architectures, 1 ONNX file\nWith 3 seeds the accuracy gate sees")
    return folder


@pytest.fixture
def user(frozen: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(frozen, tmp_path / "user"))


def test_nothing_changed_passes(user: Path) -> None:
    done = kdbench("check", "tiny.toml", "--baseline", "base", at=user)
    assert "\n\nNo regression: tiny\n" in done.stdout
    # Six, not seven: the teacher's architecture is the student's here, so one trial is both.
    assert "6 of 6 trials came from 'results'" in done.stderr


def test_training_anew_gives_the_same_bits(user: Path) -> None:
    (user / "tiny.toml").write_text(UNTIMED)
    done = kdbench("check", "tiny.toml", "--baseline", "base", "--fresh", "--json", at=user)
    verdict = json.loads(done.stdout)
    accuracies = [entry for entry in verdict["entries"] if entry["kind"] == "top1"]
    assert len(accuracies) == 3
    assert {entry["status"] for entry in accuracies} == {"pass"}
    assert "came from" not in done.stderr


def test_a_worse_recipe_is_a_regression_of_accuracy(user: Path) -> None:
    (user / "tiny.toml").write_text(UNTIMED.replace("epochs = 8", "epochs = 1"))
    done = kdbench("check", "tiny.toml", "--baseline", "base", at=user, code=3)
    assert "top-1" in done.stdout
    suite = ElementTree.parse(user / "reports/tiny/verdict.xml").getroot()
    assert suite.findall(".//failure")


def test_the_commands_that_accept_a_regression_work_as_they_are_printed(user: Path) -> None:
    (user / "tiny.toml").write_text(UNTIMED.replace("epochs = 8", "epochs = 1"))
    shutil.move(user / "results", user / "kept")
    check = ("check", "tiny.toml", "--baseline", "base", "--results", "kept")
    kdbench(*check, "--fresh", at=user, code=3)
    printed = json.loads((user / "reports/tiny/verdict.json").read_text())["rebaseline"].split(" && ")
    assert printed[0] == "kdbench run tiny.toml --results kept"
    assert printed[1].startswith("kdbench baseline tiny.toml --results kept --to base --replace")
    for line in printed:
        kdbench(*shlex.split(line)[1:], at=user)
    assert not list((user / "base").glob("*.onnx"))  # no gate is of latency now
    kdbench(*check, at=user)


def test_a_slower_student_is_a_regression_of_latency_and_size(user: Path) -> None:
    slower = GATED.replace("hidden = [32] }\n\n", "hidden = [512, 512] }\n\n").replace("epochs = 8", "epochs = 1")
    (user / "tiny.toml").write_text(slower)
    done = kdbench("check", "tiny.toml", "--baseline", "base", "--json", at=user, code=3)
    failed = {entry["kind"] for entry in json.loads(done.stdout)["entries"] if entry["status"] == "regressed"}
    assert {"latency", "parameters", "flops", "onnx_bytes"} <= failed


def test_only_what_is_asked_for_is_judged_and_nothing_else_is_timed(user: Path) -> None:
    shutil.rmtree(user / "results/latency")
    shutil.rmtree(user / "results/throughput", ignore_errors=True)
    for onnx in (user / "base").glob("*.onnx"):
        onnx.unlink()
    only = ("--only", "flops, parameters", "--no-latency", "--json")
    verdict = json.loads(kdbench("check", "tiny.toml", "--baseline", "base", *only, at=user).stdout)
    assert {entry["kind"] for entry in verdict["entries"]} == {"parameters", "flops"}
    assert "not judged, as asked: top1, onnx_bytes, latency" in verdict["notes"]
    assert not (user / "results/latency").exists()
    assert not (user / "results/throughput").exists()


def test_a_metric_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(click.BadParameter, match=r"no gate is of 'speed': .*allowed: ece, .* training_seconds"):
        check.make_context("check", ["tiny.toml", "--baseline", "base", "--only", "top1,speed"])


def test_files_are_kept_elsewhere_where_that_is_asked_for(user: Path) -> None:
    done = kdbench("baseline", "tiny.toml", "--to", "far", "--force", "--files", "../kept", at=user)
    assert done.stdout.startswith("far: 7 trials, 2 architectures, 1 ONNX file in '../../kept'")
    assert [path.name for path in (user / "far").iterdir()] == ["baseline.json"]


@pytest.mark.parametrize("damage", ["missing", "not json", "other onnx", "no onnx"])
def test_a_baseline_that_cannot_be_used_is_code_five(user: Path, damage: str) -> None:
    onnx = next((user / "base").glob("*.onnx"))
    match damage:
        case "missing":
            shutil.rmtree(user / "base")
        case "not json":
            (user / "base/baseline.json").write_text("{")
        case "other onnx":
            onnx.write_bytes(onnx.read_bytes() + b"\0")
        case "no onnx":
            onnx.unlink()
    former = [user / "reports/tiny" / f"verdict.{end}" for end in ("md", "json", "xml")]
    for file in former:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("No regression")
    done = kdbench("check", "tiny.toml", "--baseline", "base", at=user, code=5)
    assert done.stdout == ""
    assert "baseline" in done.stderr
    assert not any(file.exists() for file in former)


@pytest.mark.parametrize(("suite", "code"), [("tiny.toml", 5), ("broken.toml", 2)])
def test_a_check_without_a_verdict_is_told_to_github(
    suite: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.toml").write_text(GATED)
    (tmp_path / "broken.toml").write_text('name = "broken"\nepochs =\n')
    old = tmp_path / "reports" / suite.removesuffix(".toml") / "verdict.md"
    old.parent.mkdir(parents=True)
    old.write_text("No regression")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page"))
    done = kdbench("check", suite, "--baseline", "typo", at=tmp_path, code=code)
    title = f"file={suite},title=kdbench check came to no verdict"
    assert [line.split("::")[1] for line in done.stderr.splitlines() if line.startswith("::")] == [f"error {title}"]
    page = (tmp_path / "page").read_text()
    assert page.startswith(f"## No verdict: {suite}\n\nThe check ended with exit code {code} before")
    assert "error: " in page
    assert not old.exists()


def test_a_gate_finer_than_the_seeds_can_show_is_refused(user: Path) -> None:
    (user / "tiny.toml").write_text(GATED.replace("may_drop = 0.1", "may_drop = 0.005"))
    kdbench("run", "tiny.toml", at=user)
    done = kdbench("baseline", "tiny.toml", "--to", "finer", at=user, code=2)
    assert "--force" in done.stderr
    assert not (user / "finer").exists()


def test_a_run_of_another_suite_than_the_one_that_is_given_is_not_frozen(user: Path) -> None:
    (user / "tiny.toml").write_text(
        GATED.replace("epochs = 8", "epochs = 9").replace("may_drop = 0.1", "may_drop = 2e-1")
    )
    refused = kdbench("baseline", "tiny.toml", "--to", "other", at=user, code=2).stderr
    assert "'tiny.toml' is not what the latest run of 'tiny' ran: " in refused
    assert "train.epochs was 8, is 9 and gates.top1.may_drop was 0.1, is 0.2\n" in refused
    assert "run it first (kdbench run tiny.toml), or freeze that run knowingly: --run " in refused
    assert not (user / "other").exists()
    shown = kdbench("power", "tiny.toml", "--difference", "0.1", at=user).stderr
    assert "note: 'tiny.toml' has changed since this run: train.epochs was 8, is 9 and gates.top1" in shown
    knowingly = refused.rsplit(maxsplit=1)[1]
    kdbench("baseline", "tiny.toml", "--run", knowingly, "--to", "knowingly", "--force", at=user)
    kdbench("baseline", "tiny", "--to", "by-name", "--force", at=user)


def test_a_part_is_frozen_where_that_is_asked_for_and_checked_with_its_options(user: Path) -> None:
    (user / "tiny.toml").write_text(UNTIMED)
    part = ("--seeds", "2")
    kdbench("run", "tiny.toml", *part, at=user)
    told = kdbench("runs", "tiny.toml", at=user).stdout.splitlines()
    assert [line.split("  ")[-1] for line in told] == ["all of it", "seeds=2"]
    assert "kdbench run tiny.toml --seeds 2" in told[1]
    whole = kdbench("baseline", "tiny", "--to", "whole", "--force", at=user).stdout
    assert "whole: 7 trials" in whole  # as before the part was run
    refused = kdbench("baseline", "tiny@seeds=2", "--to", "part", at=user, code=2).stderr
    assert "is of a part of its suite: seeds=2" in refused
    run_id = told[1].split()[0]
    frozen = kdbench("baseline", "tiny.toml", "--run", run_id[-4:], "--part", "--force", "--to", "part", at=user).stdout
    assert "part: 5 trials" in frozen
    kdbench("check", "tiny.toml", *part, "--baseline", "part", at=user)
    kdbench("check", "tiny.toml", "--baseline", "part", at=user, code=5)


def test_further_seeds_need_a_baseline_that_has_enough(user: Path) -> None:
    done = kdbench("check", "tiny.toml", "--baseline", "base", "--max-seeds", "6", at=user, code=2)
    assert "a baseline of 5 seeds to be held to, and this one has 3" in done.stderr
    assert "write seeds = 5 in the suite" in done.stderr


def test_a_baseline_is_never_overwritten(user: Path) -> None:
    done = kdbench("baseline", "tiny.toml", "--to", "base", "--force", at=user, code=2)
    assert "'base' exists" in done.stderr


def test_a_baseline_of_another_suite_is_code_five_before_any_training(user: Path) -> None:
    (user / "tiny.toml").write_text(GATED.replace('name = "tiny"', 'name = "other"'))
    done = kdbench("check", "tiny.toml", "--baseline", "base", "--fresh", at=user, code=5)
    assert "is of suite 'tiny', not of 'other'" in done.stderr
    assert "top-1" not in done.stderr


def test_the_page_of_a_job_has_what_each_of_its_checks_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page"))
    for name in ("whole", "part"):
        _tell_github([], [f"# {name}\n"])
    assert (tmp_path / "page").read_text() == "# whole\n# part\n"


@pytest.mark.parametrize(("known", "code"), [(True, 0), (False, 1)])
def test_a_trial_that_had_failed_when_the_baseline_was_frozen_fails_no_check(
    known: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = {("big -> small", "kd", 1): Outcome(status="failed", reason="NaN at step 3")}
    records = make_results(Shape(outcomes=failed))
    frozen = baseline_of(records)
    before = frozen if known else frozen.model_copy(update={"failed": ()})
    found = api.Checked(before, records, (), judge(before, records, ()))
    monkeypatch.setattr(api, "check", lambda *_, **__: found)
    folders = [f"--{name}={tmp_path / name}" for name in ("baseline", "results", "reports")]
    assert run_guarded(check, ["quickstart", *folders]) == code


def test_the_suite_is_asked_for_as_it_was_given() -> None:
    part = {"seeds": 2, "epochs": None, "pairs": (), "losses": ("kd(temperature=8.0)", "dkd"), "teaching": ()}
    told = "'my suite.toml' --seeds 2 --losses 'kd(temperature=8.0)' --losses dkd --data data"
    assert _asked("my suite.toml", part, Path("data")) == told
    assert _asked("fashion", dict.fromkeys(part), None) == "fashion"
