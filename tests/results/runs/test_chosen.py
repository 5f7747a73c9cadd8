"""Which run a command is about."""

import re
from pathlib import Path

import pytest

from kdbench.results import Store
from kdbench.results.runs.chosen import chosen_run
from kdbench.spec import UserError
from tests.records import Shape, make_results

OLD, NEW, PART = "20260101T000000.000000Z-aaaa", "20260102T000000.000000Z-bbbb", "20260103T000000.000000Z-cccc"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three runs of `example`, the last of them of a part."""
    store, run = Store(tmp_path), make_results(Shape()).run
    for run_id, name in ((OLD, "example"), (NEW, "example"), (PART, "example@seeds=2")):
        store.write_run(run.model_copy(update={"run_id": run_id, "name": name}))
    return store


@pytest.mark.parametrize(
    ("suite", "run", "expected"),
    [
        ("example", None, NEW),
        ("example", "aaaa", OLD),
        ("example", "20260102", NEW),
        ("example", "cccc", PART),
        ("example@seeds=2", None, PART),
    ],
)
def test_the_latest_of_the_whole_or_the_one_that_is_named(
    store: Store, suite: str, run: str | None, expected: str
) -> None:
    assert chosen_run(store, suite, run).run_id == expected


def test_a_suite_goes_by_its_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "example"')
    assert chosen_run(store, str(tmp_path / "mine.toml")).run_id == NEW


def test_none_and_several_are_refused(store: Store) -> None:
    with pytest.raises(UserError, match=r"no run 'dddd' of 'example'\n  help: `kdbench runs example` lists them"):
        chosen_run(store, "example", "dddd")
    with pytest.raises(UserError, match="3 runs of suite 'example' are called '2026'"):
        chosen_run(store, "example", "2026")


def test_a_suite_that_never_ran_is_told_how_to_run(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"')
    file = str(tmp_path / "mine.toml")
    for asked, told in (("quickstart", "quickstart"), (file, file), ("example", "SUITE.toml")):
        with pytest.raises(UserError, match=f"run it first: kdbench run {re.escape(told)}; "):
            chosen_run(Store(tmp_path), asked)
