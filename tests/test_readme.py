"""What the README shows is what kdbench does."""

import re
from pathlib import Path

import pytest

from kdbench import api
from kdbench.cli import COMMANDS
from kdbench.spec import UserError, parse_suite
from kdbench.zoo.catalog import Catalog

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
SUITE, GIVEN, FAIR = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def test_the_suite_file_can_be_planned() -> None:
    plan = api.plan(parse_suite(SUITE, "my.toml", Catalog()))
    # Over 5 seeds the student alone for one, two and four times the epochs, and two losses with one teacher, with three,
    # and two more generations; 3 teachers.
    assert len(plan.trials) == 5 * (3 + 2 * (1 + 1 + 2)) + 3


def test_teachers_that_one_has_can_be_planned(tmp_path: Path) -> None:
    for name in ("teacher.pth", "teacher.onnx"):
        (tmp_path / name).write_bytes(b"weights")
    suite = f'name = "x"\ndata = "cifar100"\nseeds = 1\nlosses = ["kd"]\n{GIVEN}'
    plan = api.plan(parse_suite(suite, str(tmp_path / "my.toml"), Catalog()))
    assert [entry.model for entry in plan.entries if entry.role == "teacher"] == [
        "cifar:resnet32x4(weights=teacher.pth)",
        "torchvision:resnet50(weights=IMAGENET1K_V2)",
        "onnx(weights=teacher.onnx)",
    ]


@pytest.mark.parametrize("part", FAIR.split("\n\n"), ids=["tuning", "sweep"])
def test_tuning_and_sweeps_can_be_planned(part: str) -> None:
    usual = SUITE.replace('[[losses]]\nuse = "kd"\ntemperature = 4.0\n', "")
    plan = api.plan(parse_suite(f"{usual}\n{part}", "my.toml", Catalog()))
    roles = [entry.role for entry in plan.entries]
    settings = {entry.loss for entry in plan.entries if entry.sweep}
    assert (roles.count("try"), len(settings)) == ((10 * (1 + 3), 0) if part.startswith("[tuning]") else (0, 20))


def test_the_error_is_word_for_word() -> None:
    with pytest.raises(UserError) as caught:
        parse_suite(SUITE.replace("temperature", "temprature"), "my.toml", Catalog())
    assert f"```\n{caught.value}\n```" in README


def test_every_command_is_in_the_table() -> None:
    assert set(COMMANDS) == set(re.findall(r"`kdbench ([a-z]+)[ `]", README)) & set(COMMANDS)
