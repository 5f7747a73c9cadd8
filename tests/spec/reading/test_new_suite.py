"""A new suite file runs as it is written."""

import pytest

from kdbench.spec import UserError, parse_suite
from kdbench.spec.reading.new_suite import new_suite
from kdbench.zoo.catalog import Catalog

VALUES = {"data": "digits", "teacher": '{ use = "cnn", width = 16 }', "student": "cnn"}


def test_it_holds_what_was_asked_for() -> None:
    text = new_suite("mine", "mine.toml", VALUES, ["kd", "fitnet"], Catalog())
    suite = parse_suite(text, "mine.toml", Catalog())
    assert [loss.use for loss in suite.losses] == ["cross_entropy", "kd", "fitnet"]
    assert suite.pairs[0].teacher.options == {"width": 16}
    assert (suite.name, suite.data.dataset.use, suite.seeds) == ("mine", "digits", (0, 1, 2, 3, 4))


def test_what_it_offers_in_comments_is_accepted() -> None:
    text = new_suite("mine", "mine.toml", VALUES, ["kd"], Catalog())
    offered = text.replace("# ", "", 1).replace("\n# ", "\n").partition("\n")[2]
    suite = parse_suite(offered, "mine.toml", Catalog())
    assert [variant.use for variant in suite.variants] == ["fp32", "int8_dynamic"]
    assert [view.use for view in suite.train.augment] == ["crop", "flip"]
    assert suite.losses[1].options == {"weight": {"grid": [0.5, 1.0]}}
    assert suite.gates[0].may_drop == 0.01


def test_the_student_alone_comes_once() -> None:
    text = new_suite("mine", "mine.toml", VALUES, ["cross_entropy", "kd"], Catalog())
    assert [loss.use for loss in parse_suite(text, "mine.toml", Catalog()).losses] == ["cross_entropy", "kd"]


@pytest.mark.parametrize(
    ("name", "changes", "losses", "words"),
    [
        ("Mine", {}, ["kd"], "lower-case letters"),
        ("mine", {"student": "cnnn"}, ["kd"], "did you mean 'cnn'?"),
        ("mine", {}, ["kdd"], "did you mean 'kd'?"),
        ("mine", {"data": "{ use = 3"}, ["kd"], "not TOML"),
    ],
)
def test_what_could_not_be_run_is_refused(name: str, changes: dict[str, str], losses: list[str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        new_suite(name, "mine.toml", VALUES | changes, losses, Catalog())
    assert words in str(caught.value)
    assert "-->" not in str(caught.value)  # to a line of a file that is not there
