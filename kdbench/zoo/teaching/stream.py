"""Lifelong learning: one task after another."""

from typing import Literal

from kdbench.spec import Choice, HeadSpec, Lesson, Site, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.types import Count, NonNegative, WholeNumber


def stream(
    site: Site,
    taught: bool,
    *,
    tasks: Count = 5,
    classes: Count = 10,
    scenario: Literal["class", "task"] = "class",
    memory: WholeNumber = 0,
    kept: Literal["reservoir", "class"] = "reservoir",
    consolidation: NonNegative = 0.0,
) -> str:
    """The dataset's classes come in equal tasks, one after the other; the student learns each from its own samples.

    Its weights go on from task to task. The labels' term is cross-entropy among the columns of all tasks so far
    ("class"), or of each task apart ("task", where it is known which task a sample is of). A loss with a teacher adds
    a term without labels: the student as it was before the task teaches it the columns of the earlier tasks, on the
    samples of the new one. So `kd` under it is learning without forgetting, `cross_entropy` fine-tuning. With a
    `memory` samples of earlier tasks are `kept` and learned again: so many in all ("reservoir"), or of each class. With
    `consolidation` above 0 every weight is held to what it was after each earlier task, by its importance for that
    task: `cross_entropy` is then elastic weight consolidation (EWC), and `consolidation` its lambda. Every network is
    deployed with the heads of the tasks so far; no validation chooses among its epochs, since the samples of earlier
    tasks are gone.
    Raises: UserError where the classes cannot be divided into tasks of equal size, and for `kept` without a memory. A
    memory that takes all earlier samples is told before training.
    Source: Li and Hoiem 2016, Learning without Forgetting (arXiv:1606.09282), section 3; van de Ven and Tolias 2019
    (arXiv:1904.07734) for both scenarios; replay: Chaudhry et al. 2019 (arXiv:1902.10486); EWC: Kirkpatrick et al. 2017
    (arXiv:1612.00796), equation 3 with a term for each earlier task.
    Differs: LwF first trains the new columns alone; here all is trained at once. A memory is mixed into the epoch,
    where replay fills half of each batch with it.
    """
    if classes % tasks:
        text = f"{classes} classes cannot be divided into {tasks} tasks of equal size"
        raise UserError(text, help="let classes be a multiple of tasks")
    if kept != "reservoir" and not memory:
        raise UserError(f"'stream' keeps samples by {kept}, and its memory is 0", help="give memory = 10, or drop kept")
    size = classes // tasks
    heads = tuple(
        HeadSpec(name=f"task {at + 1}", groups=tuple((label,) for label in range(at * size, (at + 1) * size)))
        for at in range(tasks)
    )
    names = [head.name for head in heads]
    lone = site.fill(ALONE, "losses")
    plain = site.student().model_copy(
        update={
            "heads": heads,
            "lessons": (Lesson(loss=lone),),
            "train": site.recipe.model_copy(update={"select": "last", "patience": None}),
        }
    )
    untaught = {"train": site.recipe.model_copy(update={"epochs": 0})}
    key = site.add(plain.model_copy(update=untaught), evaluated=True)
    learned: list[str] = []
    for time in range(1, tasks + 1):
        former, seen = key, names[:time]
        apart = [tuple(seen)] if scenario == "class" else [(name,) for name in seen]
        lessons = [Lesson(loss=lone, heads=head) for head in apart]
        if taught and time > 1:
            before = [tuple(seen[:-1])] if scenario == "class" else [(name,) for name in seen[:-1]]
            lessons += [Lesson(loss=site.loss, labels=False, teachers=(former,), heads=head) for head in before]
        step = {
            "data": plain.data.model_copy(update={"parts": (*plain.data.parts, _part(site, time, size, memory, kept))}),
            "lessons": tuple(lessons),
            "start": (former,) if time > 1 else (),
            "deploys": tuple(seen) if time < tasks else (),
            **({"anchors": tuple(learned), "anchor_weight": consolidation} if learned and consolidation else {}),
        }
        key = site.add(plain.model_copy(update=step), position=time, evaluated=True)
        learned.append(key)
        if time < tasks:
            ahead = {"start": (key,), "deploys": (names[time],), **untaught}
            site.add(plain.model_copy(update=ahead), position=time, evaluated=True)
    return key


def _part(site: Site, time: int, size: int, memory: int, kept: str) -> Choice:
    """The samples of a task, numbered from 1, with the memory of those before."""
    old, new = range((time - 1) * size), range((time - 1) * size, time * size)
    if not memory or not old:
        return site.fill(Choice(use="classes", options={"which": [*new]}), "parts")
    return site.fill(
        Choice(use="replay", options={"new": [*new], "old": [*old], "count": memory, "kept": kept}), "parts"
    )
