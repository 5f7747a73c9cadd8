import sys
from pathlib import Path
from statistics import median

import pytest

from kdbench.deploy.compare import compare_latency
from kdbench.results import NotMeasured
from kdbench.spec import UserError


def ratio_of(candidate: Path, reference: Path, images) -> float:
    sessions = compare_latency(candidate, reference, images, provider="cpu", threads=1, batch=16, sessions=2, pairs=4)
    assert not isinstance(sessions, NotMeasured), sessions
    assert [len(pairs) for pairs in sessions] == [4, 4]
    slices = [pair for pairs in sessions for pair in pairs]
    assert all(0 < pair.candidate_min <= pair.candidate_p50 for pair in slices)
    assert all(0 < pair.reference_min <= pair.reference_p50 for pair in slices)
    return median(pair.candidate_min / pair.reference_min for pair in slices)


def test_a_file_against_itself_ties(deep_onnx, images):
    assert 0.8 < ratio_of(deep_onnx[0], deep_onnx[0], images) < 1.25


def test_twice_the_work_is_slower_and_the_other_way_round(deep_onnx, images):
    four, eight = deep_onnx
    assert ratio_of(eight, four, images) > 1.4
    assert ratio_of(four, eight, images) < 0.7


def test_a_damaged_candidate_is_not_measured(tmp_path: Path, deep_onnx, images):
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    missing = compare_latency(tmp_path / "bad.onnx", deep_onnx[0], images, provider="cpu", threads=1, batch=1)
    assert isinstance(missing, NotMeasured)
    assert "bad.onnx" in missing.reason


def test_a_worker_that_stops_early_is_not_measured(deep_onnx, images):
    command = (sys.executable, "-c", "pass")
    missing = compare_latency(*deep_onnx, images, provider="cpu", threads=1, batch=1, command=command)
    assert isinstance(missing, NotMeasured)
    assert missing.reason == "the latency worker gave 0 of 5 pairs of sessions"


def test_an_unknown_provider_is_the_users_error(deep_onnx, images):
    with pytest.raises(UserError, match="unknown provider 'tpu'"):
        compare_latency(*deep_onnx, images, provider="tpu", threads=1, batch=1)
