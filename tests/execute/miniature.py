"""Shipped suites in miniature: what a user runs in minutes or hours, in seconds."""

from pathlib import Path

from kdbench import api
from kdbench.results import ResultSet, Store, load_suite_results
from kdbench.spec import DataSpec, Suite
from kdbench.spec.comparison import Budget
from kdbench.spec.latency import LatencySpec
from kdbench.zoo.datasets.digits import digits
from tests.execute.running import place, run

EMBEDDED = ("digits", "clusters")  # datasets that need no file


def miniature(name: str, seeds: int = 2, epochs: int = 1, **changes: object) -> Suite:
    """A shipped suite with few seeds, epochs and conditions, untimed; on the digits where its data is a file.

    Its pairs, losses and ways of teaching are its own, unless `changes` says otherwise.
    """
    suite = api.load_suite(name)
    recipes = {"train": suite.train, "teacher_train": suite.teacher_train}
    short = {key: recipe.model_copy(update={"epochs": epochs}) for key, recipe in recipes.items() if recipe}
    content: dict[str, object] = {
        "seeds": suite.seeds[:seeds],
        "teacher_seeds": 1,
        "confirm_seeds": (),
        "budget": Budget(by="epochs"),
        "tuning": None,
        "conditions": suite.conditions[:1],
        "latency": LatencySpec(batch_sizes=()),
        **short,
    }
    if suite.data.dataset.use not in EMBEDDED:
        content["data"] = DataSpec.model_validate({"use": digits.__name__})
    return suite.model_copy(update={**content, **changes})


def trained(suite: Suite, root: Path) -> ResultSet:
    """Everything that a suite asks for, done; raises `AssertionError` for a trial that failed."""
    record, _ = run(suite, place(root))
    bad = {key: outcome.reason for key, outcome in record.outcomes.items() if outcome.status != "done"}
    assert not bad, bad
    return load_suite_results(Store(root), suite.name)
