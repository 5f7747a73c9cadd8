"""A package of somebody else's, really installed: its losses, model, dataset, part, view and metric by entry points and by -p."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kdbench
from kdbench.results import Store, load_suite_results

PACKAGE = Path(__file__).parent / "package"
ROOT = Path(kdbench.__file__).parent.parent

SUITE = """\
name = "theirs"
data = {{ use = "{datasets}stripes", samples = 120, parts = ["{parts}every_other"] }}
seeds = 1
metrics = ["{metrics}worst_recall"]
conditions = [{{ use = "{views}dead_pixels", share = 0.2, name = "old camera" }}]
latency = {{ batch_sizes = [] }}

[budget]
by = "epochs"

[train]
epochs = 2
batch_size = 32
augment = ["{views}dead_pixels"]

[[pairs]]
teacher = {{ use = "{models}one_conv", width = 8 }}
student = {{ use = "{models}one_conv", width = 2 }}

[[losses]]
use = "cross_entropy"

[[losses]]
use = "{losses}jeffreys"
temperature = 3.0

[[losses]]
use = "{losses}{probe}"
"""
KINDS = ("losses", "models", "datasets", "parts", "views", "metrics")


def call(*argv: str, at: Path, path: Path, code: int = 0) -> str:
    """Run Python with `path` beside what is installed; returns all that it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    done = subprocess.run([sys.executable, *argv], cwd=at, env=environment, capture_output=True, text=True, timeout=600)
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output
    return output


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the package into. Building writes beside the source, hence the copy."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(PACKAGE, folder / "source")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    call("-m", "pip", "install", "-q", *offline, "--target", str(folder / "site"), str(source), at=folder, path=folder)
    assert (folder / "site/studious-1.0.dist-info/entry_points.txt").is_file()
    return folder / "site"


def read_report(folder: Path, loss: str, metric: str, model: str, dataset: str) -> None:
    """All that was added stands in both forms of the report, and its figures in the records."""
    for name in ("index.html", "report.md"):
        text = (folder / "reports/theirs" / name).read_text("utf-8").replace("\\_", "_")
        for word in (loss, metric, f"{model}(width=2)", dataset, "every_other", "old camera", "Further metrics"):
            assert word in text, (name, word)
        assert "have no result" not in text
    results = load_suite_results(Store(folder / "results"), "theirs")
    assert len(results.trials) == 4
    assert len(results.evaluations) == 2 * 4
    for evaluation in results.evaluations.values():
        assert evaluation.predictions.samples == 40
        scores = results.scores(evaluation)
        # The share of the worst class is at most that of all of them.
        assert 0 <= scores.pop(metric) <= evaluation.predictions.top1
        assert scores == {}


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("losses", "Jeffreys' divergence from the teacher, with cross-entropy to the labels."),
        ("metrics", "The share predicted right of the class of which it is the smallest."),
    ],
)
def test_list_has_what_an_installed_package_adds(installed: Path, tmp_path: Path, kind: str, line: str) -> None:
    assert line in call("-m", "kdbench", "list", kind, at=tmp_path, path=installed)
    assert line not in call("-m", "kdbench", "list", kind, at=tmp_path, path=tmp_path)


def test_a_suite_uses_all_of_an_installed_package_by_name(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.toml").write_text(SUITE.format(**dict.fromkeys(KINDS, ""), probe="probe"))
    output = call("-m", "kdbench", "run", "theirs.toml", "--workers", "1", at=tmp_path, path=installed)
    assert "condition old camera: 4 files evaluated" in output
    read_report(tmp_path, "jeffreys", "worst_recall", "one_conv", "stripes")


@pytest.mark.slow
def test_a_suite_uses_the_same_by_module(tmp_path: Path) -> None:
    source = PACKAGE / "src"  # importable, and installed nowhere
    (tmp_path / "theirs.toml").write_text(SUITE.format(**{kind: f"studious.{kind}:" for kind in KINDS}, probe="Probe"))
    asked = ("-m", "kdbench", "run", "theirs.toml", "--workers", "1")
    read = {"at": tmp_path, "path": source}
    assert "unknown loss 'studious.losses:jeffreys'" in call(*asked, **read, code=2)  # not without -p
    output = call(*asked, "-p", "studious", **read)
    assert "condition old camera: 4 files evaluated" in output
    names = {kind: f"studious.{kind}:" for kind in KINDS}
    read_report(
        tmp_path,
        f"{names['losses']}jeffreys",
        f"{names['metrics']}worst_recall",
        f"{names['models']}one_conv",
        f"{names['datasets']}stripes",
    )


def test_the_package_holds_its_loss_against_the_contract(installed: Path, tmp_path: Path) -> None:
    tests = shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    assert "6 passed" in call("-m", "pytest", "-p", "no:cacheprovider", str(tests), at=tmp_path, path=installed)
