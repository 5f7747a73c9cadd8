"""The suite of the standard pairs, as shipped and tried in part, on a small archive in CIFAR-100's own format."""

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from kdbench import api
from kdbench.analyze.models.published import METHODS, TEACHER, published_figures
from kdbench.results import Store, load_suite_results
from kdbench.spec import Sgd, Step, find_suite
from kdbench.zoo.catalog import BUILTIN

TRAIN, TEST = 200, 100  # images, some of every class
# A plugin module, imported by every worker: the archive's sums take the place of the published ones.
PLUGIN = """\
from torchvision.datasets import CIFAR100

CIFAR100.tgz_md5 = {archive!r}
CIFAR100.train_list = [["train", {train!r}]]
CIFAR100.test_list = [["test", {test!r}]]
CIFAR100.meta = {{**CIFAR100.meta, "md5": {meta!r}}}
"""


def write_archive(folder: Path) -> dict[str, str]:
    """`cifar-100-python.tar.gz` of random images; the MD5 sums of it and of what is in it."""
    random = np.random.default_rng(0)
    contents = {
        name: {
            b"data": random.integers(0, 256, (count, 3072), dtype=np.uint8),
            b"fine_labels": [i % 100 for i in range(count)],
        }
        for name, count in (("train", TRAIN), ("test", TEST))
    }
    contents["meta"] = {b"fine_label_names": [f"class {i}" for i in range(100)]}
    sums = {}
    path = folder / "cifar-100-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            data = pickle.dumps({key.decode(): value for key, value in content.items()}, protocol=2)
            entry = tarfile.TarInfo(f"cifar-100-python/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
            sums[name] = hashlib.md5(data).hexdigest()
    return {**sums, "archive": hashlib.md5(path.read_bytes()).hexdigest()}


def test_the_suite_is_the_standard_one() -> None:
    suite = api.load_suite("cifar100")
    assert len(suite.pairs) == 13
    assert len(suite.seeds) == 5
    assert {loss.use for loss in suite.losses} == set(BUILTIN["losses"])
    train = suite.train
    assert (train.epochs, train.batch_size) == (240, 64)
    assert train.optimizer == Sgd(lr=0.05, momentum=0.9, weight_decay=5e-4)
    assert train.schedule == Step(milestones=(150, 180, 210), factor=0.1)
    assert [view.label for view in train.augment] == ["crop(padding=4)", "flip"]
    rates = {pair.label.partition(":")[2]: pair.lr for pair in suite.pairs}
    assert {student for student, lr in rates.items() if lr == 0.01} == {
        "mobilenet_v2",
        "shufflenet_v1",
        "shufflenet_v2",
    }
    assert {lr for student, lr in rates.items() if "net_v" not in student} == {None}
    for pair in suite.pairs:
        assert pair.label == f"{pair.teacher.use}:{pair.student.use}".replace("cifar:", "")


def test_every_pair_and_most_losses_have_published_figures() -> None:
    suite = api.load_suite("cifar100")
    figures = published_figures("cifar100")
    for pair in suite.pairs:
        found = [x for x in figures if f"{x.teacher}:{x.student}" == pair.label and x.loss]
        assert {TEACHER, "cross_entropy", "kd", "crd"} <= {figure.loss for figure in found}, pair.label
    assert {loss for loss in METHODS.values() if loss != TEACHER} <= {loss.use for loss in suite.losses}


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A folder with the archive, and the suite as shipped but that nothing is corrupted or timed."""
    (tmp_path / "data").mkdir()
    (tmp_path / "sums.py").write_text(PLUGIN.format(**write_archive(tmp_path / "data")))
    text = find_suite("cifar100").read_text("utf-8").replace("batch_sizes = [1]", "batch_sizes = []")
    (tmp_path / "cifar100.toml").write_text(f"conditions = []\n{text}")
    return tmp_path


# The hash is of the text with a colon: sha256("seeds=1,epochs=1,pairs=resnet56:resnet20,losses=cross_entropy+kd").
NAME = "cifar100@seeds=1,epochs=1,pairs=resnet56-resnet20,losses=cross_entropy+kd~2322"


@pytest.mark.slow
def test_a_part_of_it_can_be_tried(user: Path) -> None:
    chosen = ["--epochs", "1", "--seeds", "1", "--pairs", "resnet56:resnet20", "--losses", "kd,cross_entropy"]
    command = [sys.executable, "-m", "kdbench", "run", "cifar100.toml", *chosen, "-p", "sums", "--data", "data"]
    done = subprocess.run(
        [*command, "--workers", "1", "--threads", "1"],
        cwd=user,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = load_suite_results(Store(user / "results"), NAME)
    assert [(e.pair, e.role, e.loss) for e in results.run.entries] == [
        ("resnet56:resnet20", "teacher", "cross_entropy"),
        *[("resnet56:resnet20", "student", "cross_entropy")] * 3,  # for one, two and four times the epochs
        ("resnet56:resnet20", "student", "kd"),
    ]
    for entry in results.run.entries:
        record = results.trials[entry.key]
        assert record.classes == 100
        assert record.test.samples == TEST
        assert record.curve[-1].epoch == entry.budget
    report = (user / f"reports/{NAME}/report.md").read_text("utf-8")
    assert "## Published figures" in report
    (kd,) = [
        x for x in report.splitlines() if "resnet56:resnet20" in x and "| kd |" in x and "HobbitLong/RepDistiller" in x
    ]
    assert "70.66 %" in kd
