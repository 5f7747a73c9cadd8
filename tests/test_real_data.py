"""The whole path on Fashion-MNIST in full, as `kdbench run fashion` takes it, cut to one seed and one epoch."""

from pathlib import Path

import pytest

import kdbench
from kdbench import api
from kdbench.zoo.datasets.fashion_mnist import fashion_mnist
from tests.cli.test_cli import kdbench as command


@pytest.mark.slow
def test_fashion_from_nothing_and_again(tmp_path: Path) -> None:
    try:
        fashion_mnist(api.DEFAULT_DATA)
    except kdbench.UserError as missing:
        pytest.skip(f"no Fashion-MNIST here: {missing}")
    first = command("run", "fashion", "--seeds", "1", "--epochs", "1", at=tmp_path, seconds=1200)
    frame = kdbench.load(tmp_path / "results")
    assert len(frame) == 9  # the teacher, and the student under eight losses
    assert frame["top1"].between(0.6, 1).all()  # chance is 0.1
    assert (tmp_path / "reports/fashion@seeds=1,epochs=1/index.html").is_file()
    assert first.stderr.count("test top-1") == 9
    again = command("run", "fashion", "--seeds", "1", "--epochs", "1", at=tmp_path)
    assert "test top-1" not in again.stderr
