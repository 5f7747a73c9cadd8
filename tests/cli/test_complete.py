"""What a shell offers, asked as bash asks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import SUITE

# The names of modules that must not be imported before an answer, printed on stderr after it.
ASK = (
    "import sys, atexit; from kdbench.cli import main; "
    "atexit.register(lambda: print(*(sys.modules.keys() & {'torch', 'pandas'}), file=sys.stderr)); main()"
)


def offered(words: str, at: Path) -> list[str]:
    """The completions of the last word of a command line."""
    place = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_KDBENCH_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=at, env={**os.environ, **place}, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("kdbench sho", ["show"]),
        (
            "kdbench run quick",
            ["quick", "quickstart"],
        ),  # files of that beginning come first: after names, bash forgets the names
        ("kdbench run tiny.toml --losses k", ["kd"]),
        ("kdbench run tiny.toml --losses kd,cross", ["kd,cross_entropy"]),
        ("kdbench run tiny.toml --teaching ", ["single"]),
        ("kdbench run nothing.toml --losses k", []),
        ("kdbench new suite x --student cifar:resnet5", ["cifar:resnet50", "cifar:resnet56"]),
        ("kdbench show train.sel", ["train.select"]),
        ("kdbench power ti", ["ti", "tiny"]),
    ],
)
def test_words_are_completed(words: str, wanted: list[str], tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE)
    (tmp_path / "results/suites/tiny").mkdir(parents=True)
    (tmp_path / "results/suites/tiny/a.json").write_text("{}")
    assert offered(words, tmp_path) == wanted


def test_pairs_are_completed(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SUITE.replace("[[pairs]]", '[[pairs]]\nname = "small"'))
    assert offered("kdbench run tiny.toml --pairs sm", tmp_path) == ["small"]
