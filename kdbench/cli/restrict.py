"""A suite cut down on the command line."""

from kdbench.spec import Suite


def restrict(suite: Suite, seeds: int | None = None, epochs: int | None = None) -> Suite:
    """The suite with only its first `seeds` seeds, and another number of epochs (teachers' too)."""
    changes: dict[str, object] = {}
    if seeds is not None:
        changes["seeds"] = suite.seeds[:seeds]
        changes["teacher_seeds"] = min(suite.teacher_seeds, seeds)
    if epochs is not None:
        changes["train"] = suite.train.model_copy(update={"epochs": epochs})
        if suite.teacher_train:
            changes["teacher_train"] = suite.teacher_train.model_copy(update={"epochs": epochs})
    return suite.model_copy(update=changes)
