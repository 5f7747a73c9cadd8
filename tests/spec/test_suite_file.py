"""Bad suite files: one clear message each, at its line, and all of them at once."""

from pathlib import Path

import pytest

from kdbench.spec import UserError, load_suite, parse_suite, suites
from kdbench.zoo.catalog import Catalog

GOOD = """\
name = "x"
data = { use = "digits" }
seeds = 2

[train]
epochs = 3
optimizer = { use = "sgd", lr = 0.1 }

[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }

[[losses]]
use = "cross_entropy"

[[losses]]
use = "kd"
temperature = 2.0
"""


def problems(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse_suite(text, "x.toml", Catalog())
    return [str(problem) for problem in caught.value.problems]


def test_a_good_suite_parses() -> None:
    suite = parse_suite(GOOD, "x.toml", Catalog())
    assert suite.seeds == (0, 1)
    assert suite.losses[1].options == {"temperature": 2.0}


def test_every_shipped_suite_parses() -> None:
    assert {"quickstart", "fashion", "mnist-mlp", "cifar10-mlp"} <= suites().keys()
    for path in suites().values():
        load_suite(path, Catalog())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("temperature = 2.0", "temprature = 2.0", 18, ["unknown option 'temprature'", "losses[1]", "did you mean 'temperature'"]),
        ("temperature = 2.0", "temperature = -2.0", 18, ["-2.0", "greater than 0"]),
        ("temperature = 2.0", 'temperature = "hot"', 18, ["'hot'", "number"]),
        ("epochs = 3", "epoch = 3", 6, ["unknown key 'epoch' at train", "did you mean 'epochs'"]),
        ("epochs = 3", "epochs = 0", 6, ["train.epochs is 0", "greater than or equal to 1"]),
        ("epochs = 3", 'epochs = "3"', 6, ["train.epochs is '3'", "integer"]),
        ("lr = 0.1", "learning_rate = 0.1", 7, ["unknown key 'learning_rate' at train.optimizer", "lr"]),
        ('use = "sgd"', 'use = "sdg"', 7, ["sdg", "'sgd', 'adamw'"]),
        ('use = "kd"', 'use = "dk"', 17, ["unknown loss 'dk' at losses[1]", "did you mean 'kd'"]),
        ('use = "digits"', 'use = "digit"', 2, ["unknown dataset 'digit'", "did you mean 'digits'"]),
        ("hidden = [8]", "hidden = [0]", 11, ["pairs[0].student", "hidden"]),
        ('student = { use = "mlp"', 'student = { use = "mpl"', 11, ["unknown model 'mpl' at pairs[0].student", "did you mean 'mlp'"]),
        ('student = { use = "mlp"', 'student = { use = "torchvision:resnet81"', 11, ["unknown model", "resnet"]),
        ("seeds = 2", "seeds = 0", 3, ["seeds"]),
        ("seeds = 2", "seeds = 2\nseed = 3", 4, ["unknown key 'seed' at the top level", "did you mean 'seeds'"]),
        ("seeds = 2", "seeds = 2\nteacher_seeds = 3", 4, ["teacher_seeds is 3", "only 2 seeds"]),
        ("seeds = 2", "seeds = [1, 1]", 3, ["duplicate '1'"]),
        ('use = "kd"\ntemperature = 2.0', 'use = "cross_entropy"', 13, ["duplicate 'cross_entropy'", "name ="]),
        ('name = "x"', 'name = "a b"', 1, ["name is 'a b'"]),
        ('name = "x"\n', "", 1, ["missing key 'name' at the top level"]),
        ("epochs = 3", "epochs = 3\nschedule = \"cosin\"", 7, ["cosin", "cosine"]),
        ("epochs = 3", "epochs = 3\naugment = [\"flop\"]", 7, ["unknown view 'flop'", "did you mean 'flip'"]),
        ("seeds = 2", "seeds = 2\n[latency]\nproviders = [\"cudda\"]", 5, ["cudda", "'cpu', 'cuda'"]),
        ("epochs = 3", "epochs = ", 6, ["not TOML"]),
    ],
)  # fmt: skip
def test_one_error(old: str, new: str, line: int, words: list[str]) -> None:
    assert old in GOOD
    (problem,) = problems(GOOD.replace(old, new))
    for word in words:
        assert word in problem, problem
    assert f"x.toml:{line}\n" in problem, problem


def test_all_errors_at_once() -> None:
    text = (
        GOOD.replace("temperature", "temprature").replace("hidden = [8]", "hiden = [8]").replace('"digits"', '"digit"')
    )
    assert len(problems(text)) == 3


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b'name = "x"\n# caf\xe9\n')
    with pytest.raises(UserError, match=r"not UTF-8: byte 0xe9\n  --> .*bad\.toml:2"):
        load_suite(path, Catalog())


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read suite file"):
        load_suite(tmp_path / "none.toml", Catalog())
    with pytest.raises(UserError, match="cannot read suite file"):
        load_suite(tmp_path, Catalog())
