import pytest
from pydantic import ValidationError

from kdbench.spec.task import Head, Input, Task

IMAGES = Input(shape=(1, 8, 8), dtype="uint8", mean=(4.0,), std=(6.0,))


def test_a_task_survives_json() -> None:
    task = Task(inputs=(IMAGES,), heads=(Head(classes=2, class_names=("cat", "dog")),))
    assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Head(classes=3, class_names=("cat", "dog")), "head 'class' has 3 classes and 2 names"),
        (lambda: Input(shape=(3, 8, 8), dtype="uint8", mean=(4.0,), std=(6.0,)), "has 1 means and 1 deviations"),
        (lambda: Input(shape=(1, 8, 8), dtype="uint8", mean=(4.0,), std=(0.0,)), "greater than 0"),
        (lambda: Task(inputs=(), heads=(Head(classes=2),)), "at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused(make, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make()
