"""What jobs say of a dataset, and the samples that they save of it."""

from pathlib import Path

import numpy as np

from kdbench.execute.jobs.records import DataDescribed, DescribeData, SaveSamples
from kdbench.spec import DataSpec
from kdbench.spec.generators import drain
from tests.execute.running import place

DIGITS = DataSpec.model_validate("digits")


def test_a_dataset_is_described(tmp_path: Path) -> None:
    where = place(tmp_path)
    described = drain(where.ask(DescribeData(setting=where.setting(), data=DIGITS)))
    assert described == DataDescribed(shape=(1, 8, 8), classes=10, notes=())


def test_samples_are_saved_as_models_get_them(tmp_path: Path) -> None:
    where, path, saved = place(tmp_path), tmp_path / "samples.npy", []
    for scale, batch, count in (("standard", 1, 64), ("raw", 100, 100), ("standard", 1000, 359)):
        job = SaveSamples(setting=where.setting(), data=DIGITS, scale=scale, batch=batch, path=str(path))
        assert drain(where.ask(job)).sample_bytes == 4 * 64
        saved.append(np.load(path))
        assert saved[-1].shape == (count, 1, 8, 8)
        assert saved[-1].dtype == np.float32
        assert saved[-1].flags.c_contiguous
    standard, raw, more = saved
    assert set(np.unique(raw).round(4)) <= set(range(17))  # ink of digits
    assert abs(standard.std() - 1) < 0.1
    np.testing.assert_array_equal(more[:64], standard)
