"""One student for several tasks."""

from kdbench.spec import HeadSpec, Lesson, Site, Trial, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.types import WholeNumber

TEACHERS, SINGLE, JOINT = 1, 2, 3  # positions


def multitask(site: Site, taught: bool, *, groups: tuple[tuple[WholeNumber, ...], ...], task: str = "group") -> str:
    """A student with two heads, the dataset's classes and `groups` of them, each taught by a teacher of its own task.

    Its loss is the sum over both heads, and it is deployed with the head of the classes. Beside it stand, per task, the
    teacher, a student of that task alone, and the joint student's other head, taken out of the same weights. A loss
    without a teacher trains the same students on labels. `groups = [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]` with
    `task = "parity"` asks of digits whether they are odd.
    Source: Caruana 1997, Multitask Learning (doi:10.1023/A:1007379606734); Li and Bilen 2020, Knowledge Distillation
    for Multi-task Learning (arXiv:2007.06889), where a teacher of each task teaches one student.
    Differs: there the student imitates features through adaptors; here any loss may be given.
    Raises: UserError for fewer than two groups.
    """
    if len(groups) < 2:
        text = f"'multitask' has {len(groups)} group of classes, and one group leaves nothing to tell apart"
        raise UserError(text, help="give two groups or more, such as groups = [[0, 1, 2], [3, 4]]")
    heads = (HeadSpec(name="class"), HeadSpec(name=task, groups=groups))
    teachers = _teachers(site, heads[1]) if taught else {head.name: () for head in heads}
    lessons = {head.name: Lesson(loss=site.loss, teachers=teachers[head.name], heads=(head.name,)) for head in heads}
    plain = site.student(*teachers["class"])
    site.add(plain, SINGLE, evaluated=True)
    site.add(plain.model_copy(update={"heads": heads[1:], "lessons": (lessons[task],)}), SINGLE, evaluated=True)
    both = {"heads": heads, "lessons": tuple(lessons.values()), "deploys": ("class",)}
    joint = plain.model_copy(update=both)
    key = site.add(joint, JOINT)
    taken = {"start": (key,), "deploys": (task,), "train": joint.train.model_copy(update={"epochs": 0})}
    site.add(joint.model_copy(update=taken), JOINT, evaluated=True)
    return key


def _teachers(site: Site, head: HeadSpec) -> dict[str, tuple[str, ...]]:
    """The pair's teacher for the classes, and one like it for the other head, which has learned that one alone."""
    teacher = Trial(
        model=site.pair.teacher,
        data=site.suite.data,
        lessons=(Lesson(loss=site.fill(ALONE, "losses")),),
        train=site.suite.teacher_train or site.suite.train,
        seed=site.suite.teacher_seed(site.index),
        heads=(head,),
    )
    return {"class": (site.teacher(),), head.name: (site.add(teacher, TEACHERS, evaluated=True),)}
