"""Few samples for the student, and a teacher that may have had more."""

from typing import Literal

from kdbench.spec import Choice, DataSpec, Lesson, Site, Trial, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.types import Count, Fraction, Positive


def scarce(
    site: Site,
    taught: bool,
    *,
    share: Fraction | None = None,
    per_class: Count | None = None,
    teacher: Literal["all", "part"] = "all",
    rest: Literal["unused", "unlabelled"] = "unused",
    longer: Positive = 10.0,
) -> str:
    """The student gets a `share` of the samples of each class, or so many `per_class`; each seed draws its own.

    The parts of one seed are nested: what a smaller one has is in a larger one, too. `teacher` "all": the teacher
    learnt from all samples; "part": from the same part as the student. Few samples are seen more often: for 1 / share
    times the epochs of the recipe, and at most `longer` times, by the student alone and a teacher of the part as well.
    `rest` "unlabelled": the student sees all samples, in the recipe's epochs. Its loss teaches it on those of the part,
    and without labels on all. The student alone learns from the part, which is all that it can use.
    Source: few samples, Li et al. 2020 (arXiv:1812.01839); a teacher that labels the rest, Chen et al. 2020, SimCLRv2
    (arXiv:2006.10029), section 2.
    """
    part = part_of(site.seed, share, per_class)
    all_data, few = site.suite.data, site.suite.data.model_copy(update={"parts": (*site.suite.data.parts, *part)})
    times = 1.0 if not part else longer if share is None else min(1 / share, longer)
    own_teacher = taught and teacher == "part" and part
    teachers = (teacher_of_part(site, few, times) if own_teacher else site.teacher(),) if taught else ()
    student, position = site.student(*teachers), 2 if own_teacher else 0
    if taught and part and rest == "unlabelled":
        unlabelled = Lesson(loss=site.loss, teachers=teachers, labels=False)
        hidden = all_data.model_copy(update={"labelled": part})
        lessons = (*student.lessons, unlabelled)
        return site.add(student.model_copy(update={"data": hidden, "lessons": lessons}), position)
    recipe = site.recipe.lasting(times * site.recipe.epochs)
    return site.add(student.model_copy(update={"data": few, "train": recipe}), position)


def part_of(seed: int, share: float | None, per_class: int | None = None) -> tuple[Choice, ...]:
    """Which samples are used; none: all of them."""
    if (share is None) == (per_class is None):
        given = "neither is given" if share is None else f"share = {share} and per_class = {per_class}"
        text = f"the way of teaching 'scarce' takes either share or per_class: {given}"
        raise UserError(text, help="give share = 0.1 for a tenth of each class, or per_class = 10 for ten samples")
    own = {"seed": seed} if seed else {}
    if per_class is not None:
        return (Choice(use="per_class", options={"count": per_class, **own}),)
    return (Choice(use="fraction", options={"share": share, **own}),) if share != 1 else ()


def teacher_of_part(site: Site, data: DataSpec, times: float) -> str:
    """The pair's teacher, trained on a part."""
    recipe = site.suite.teacher_train or site.suite.train
    trial = Trial(
        model=site.pair.teacher,
        data=data,
        lessons=(Lesson(loss=ALONE),),
        train=recipe.lasting(times * recipe.epochs),
        seed=site.suite.teacher_seed(site.index),
    )
    return site.add(trial, position=1)
