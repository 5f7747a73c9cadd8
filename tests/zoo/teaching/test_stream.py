"""stream: which trials it makes, what they learn from, and that it forgets as fine-tuning does without its teacher."""

import pytest
import torch

from kdbench import api
from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Trial, UserError
from kdbench.spec.generators import drain
from kdbench.train.build import build_model
from kdbench.train.ended import Trained
from kdbench.train.faculty import Parents
from kdbench.train.loop import train_cohort
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import split
from kdbench.zoo.interface import Dataset, Split
from tests.small import random_splits, small_suite

CE, KD = {"use": "cross_entropy"}, {"use": "kd", "temperature": 2.0, "weight": 1.0}


def made(loss: dict[str, object], **options: object) -> dict[tuple[str, int], list[Trial]]:
    """By role and position the trials of the row of one seed: of two tasks of two classes, by default."""
    way = {"use": "stream", "options": {"tasks": 2, "classes": 4, **options}}
    plan = api.plan(small_suite(seeds=1, teaching=["single", way], losses=[loss]))
    found: dict[tuple[str, int], list[Trial]] = {}
    for entry in plan.entries:
        if entry.teaching.startswith("stream"):
            found.setdefault((entry.role, entry.position), []).append(plan.trials[entry.key])
    return found


def lessons(trial: Trial) -> list[tuple[str, tuple[str, ...], tuple[str, ...], bool]]:
    return [(each.loss.use, each.heads, each.teachers, each.labels) for each in trial.lessons]


def test_each_task_goes_on_from_the_one_before_and_is_taught_by_it() -> None:
    found = made(KD)
    (untrained,), (first, ahead), (last,) = found["stage", 0], found["stage", 1], found["student", 2]
    assert untrained.train.epochs == ahead.train.epochs == 0
    assert (first.start, first.deploys) == ((), ("task 1",))
    assert (ahead.start, ahead.deploys) == ((first.key,), ("task 2",))  # for forward transfer
    assert (last.start, last.deploys) == ((first.key,), ())
    assert lessons(first) == [("cross_entropy", ("task 1",), (), True)]
    assert lessons(last) == [
        ("cross_entropy", ("task 1", "task 2"), (), True),
        ("kd", ("task 1",), (first.key,), False),
    ]
    assert [head.groups for head in last.heads] == [((0,), (1,)), ((2,), (3,))]
    assert [part.options for part in last.data.parts] == [{"which": [2, 3]}]
    assert last.train.select == "last"


def test_fine_tuning_has_no_teacher() -> None:
    found = made(CE)
    (last,) = found["student", 2]
    assert lessons(last) == [("cross_entropy", ("task 1", "task 2"), (), True)]
    assert found["stage", 1] == made(KD)["stage", 1]  # the first task has nothing to be forgotten


def test_where_the_task_is_known_each_head_is_apart() -> None:
    found = made(KD, scenario="task", tasks=4)
    (third, _) = found["stage", 3]
    former = third.start
    assert lessons(third) == [
        *(("cross_entropy", (f"task {task}",), (), True) for task in (1, 2, 3)),
        *(("kd", (f"task {task}",), former, False) for task in (1, 2)),
    ]


def test_a_memory_adds_samples_of_the_tasks_before() -> None:
    (last,) = made(CE, memory=5, kept="class")["student", 2]
    assert [part.options for part in last.data.parts] == [{"new": [2, 3], "old": [0, 1], "count": 5, "kept": "class"}]


def test_weights_are_held_to_those_after_every_earlier_task() -> None:
    found = made(CE, tasks=4, consolidation=30.0)
    first, second, third = (found["stage", time][0] for time in (1, 2, 3))
    assert (first.anchors, first.anchor_weight) == ((), None)
    assert (third.anchors, third.anchor_weight) == ((first.key, second.key), 30.0)
    assert first in made(CE, tasks=4)["stage", 1]


def test_tasks_that_do_not_divide_the_classes() -> None:
    with pytest.raises(UserError, match="4 classes cannot be divided into 3 tasks of equal size"):
        made(CE, tasks=3)


def test_samples_are_not_kept_in_a_memory_of_none() -> None:
    with pytest.raises(UserError, match="keeps samples by class, and its memory is 0") as told:
        made(CE, kept="class")
    assert told.value.problems[0].help == "give memory = 10, or drop kept"


@pytest.mark.parametrize(("memory", "told"), [(7, False), (8, True)])
def test_a_memory_of_all_earlier_samples_is_told(memory: int, told: bool) -> None:
    # 5 samples of each class, of which one validates: 8 of the first task.
    labels = torch.arange(4).repeat(5)
    images = torch.arange(20, dtype=torch.float32)[:, None, None, None].expand(20, 1, 2, 2).contiguous()
    dataset = Dataset(Split(images, labels), Split(images, labels), 4)
    (last,) = made(CE, memory=memory)["student", 2]
    (text,) = split(dataset, last.data).told or ("",)
    assert ("takes all of 16 samples: it leaves none out" in text) is told


def test_a_teacher_of_weight_0_is_fine_tuning_bit_for_bit() -> None:
    splits = random_splits()
    torch.set_num_threads(1)
    hashes = []
    for loss in (CE, KD | {"weight": 0.0}):
        (last,) = made(loss)["student", 2]
        small = last.model_copy(update={"data": last.data.model_copy(update={"parts": ()})})
        former = build_model(last.model, Catalog(), 4, splits.shape, seed=9)
        parents = Parents({last.start[0]: former}, {last.start[0]: former.state_dict()}, trials={last.start[0]: last})
        (outcome,) = drain(train_cohort([small], splits, Catalog(), parents))
        assert isinstance(outcome, Trained)
        hashes.append(hash_weights(outcome.model))
    assert hashes[0] == hashes[1]
