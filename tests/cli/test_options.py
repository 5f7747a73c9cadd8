"""Options that say where and how a suite runs, as a user meets them."""

import subprocess
import sys
from pathlib import Path

SUITE = """\
name = "tiny"
data = { use = "digits" }
seeds = 1
train = { epochs = 1, batch_size = 64 }
losses = ["kd"]
conditions = []
latency = { batch_sizes = [] }

[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }
"""


def kdbench(*argv: str, at: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kdbench", *argv]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=600, check=False)


def test_a_bad_size_is_a_usage_error(tmp_path: Path) -> None:
    done = kdbench("run", "quickstart", "--cache-limit", "lots", at=tmp_path)
    assert done.returncode == 2
    assert "Invalid value for '--cache-limit': 'lots' is not a size; write 500MB or 2.5GB, say" in done.stderr


def test_a_required_cache_without_room_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    limits = ("--cache", "require", "--cache-limit", "1KB", "--workers", "1")
    done = kdbench("run", "tiny.toml", *limits, at=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "no room for the cache of teacher outputs: it needs 0.1 MB, and the limit is 0.0 MB" in done.stderr
    assert "raise --cache-limit" in done.stderr
    assert not list(tmp_path.rglob("trial.json"))
