"""Students that shall stay right on images that were changed to mislead them."""

from typing import Literal

from kdbench.spec import Choice, Lesson, Site
from kdbench.spec.types import Count, Fraction, ProperFraction


def robust(
    site: Site,
    taught: bool,
    *,
    epsilon: Fraction = 0.1,
    steps: Count = 10,
    inner: Literal["labels", "teacher"] = "labels",
    clean: ProperFraction = 0.0,
) -> str:
    """The student sees images that `pgd` changes against it; its teacher was trained so, and sees them as they are.

    `inner`: what the attack leads away from, the labels or the teacher's prediction. A share `clean` of the loss is
    taken on the clean images. `kd` under it is robust distillation (ARD, where the labels' term is left out), with
    inner = "teacher" and clean = 1/6 RSLAD; `cross_entropy` under it is adversarial training, the student alone.
    Source: Goldblum et al. 2020, Adversarially Robust Distillation (arXiv:1905.09747), section 4; Zi et al. 2021, RSLAD
    (arXiv:2108.07969), section 3; Madry et al. 2018 (arXiv:1706.06083) for adversarial training.
    Differs: ARD takes the labels' term on clean images; here a loss has one input, and `clean` weighs all of it.
    """

    def attack(target: str) -> Choice:
        return Choice(use="pgd", options={"epsilon": epsilon, "steps": steps, "target": target})

    student = site.student(*([_teacher(site, attack("labels"))] if taught else []))
    (lesson,) = student.lessons
    parts = [lesson.model_copy(update={"weight": 1 - clean})]
    parts += [lesson.model_copy(update={"weight": clean, "clean": True})] if clean else []
    seen = site.view(attack(inner if taught else "labels"))
    return site.add(student.model_copy(update={"view": seen, "lessons": tuple(parts)}), position=2)


def _teacher(site: Site, attack: Choice) -> str:
    """The pair's teacher, trained on labels under the attack."""
    plain = site.student()
    trained = {
        "model": site.pair.teacher,
        "lessons": (Lesson(loss=Choice(use="cross_entropy")),),
        "train": site.suite.teacher_train or site.suite.train,
        "view": attack,
        "seed": site.suite.teacher_seed(site.index),
    }
    return site.add(plain.model_copy(update=trained), position=1)
