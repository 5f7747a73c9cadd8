"""A student that learns from pseudo-labels under noise, and then labels for the next one."""

from typing import Literal

from kdbench.spec import Lesson, Site
from kdbench.spec.types import Fraction, GenerationCount, Positive
from kdbench.zoo.teaching.denoising import view_of
from kdbench.zoo.teaching.scarce import part_of, teacher_of_part


def noisy_student(
    site: Site,
    taught: bool,
    *,
    share: Fraction = 0.1,
    noise: Literal["gaussian", "salt_pepper", "masking"] = "gaussian",
    level: Positive = 0.5,
    count: GenerationCount = 1,
    longer: Positive = 10.0,
) -> str:
    """A teacher learns from a labelled `share` of the samples; students learn from it on all, which they see noisy.

    The student's loss teaches it on the labelled samples, and without labels on all: `kd` by soft pseudo-labels,
    `pseudo_label` by hard ones. Each of `count` students labels for the next, the last is reported. `noise` and `level`
    are those of `denoising`; share and `longer` those of `scarce`. The student alone learns from the labelled samples,
    under the same noise. In the paper the student is as large as its teacher or larger: choose such a pair.
    Source: Xie et al. 2020, Self-training with Noisy Student (arXiv:1911.04252), algorithm 1.
    Differs: noise of the input alone, without dropout, stochastic depth, balancing or filtering of the pseudo-labels.
    """
    part, times, view = part_of(site.seed, share), min(1 / share, longer), site.view(view_of(noise, level))
    few = site.suite.data.model_copy(update={"parts": (*site.suite.data.parts, *part)})
    if not taught:
        alone = {"data": few, "view": view, "train": site.recipe.lasting(times * site.recipe.epochs)}
        return site.add(site.student().model_copy(update=alone))
    key = teacher_of_part(site, few, times)
    hidden = site.suite.data.model_copy(update={"labelled": part})
    for number in range(1, count + 1):
        student = site.student(key)
        lessons = (*student.lessons, Lesson(loss=site.loss, teachers=(key,), labels=False))
        noisy = {"data": hidden, "view": view, "lessons": lessons}
        key = site.add(student.model_copy(update=noisy), position=number + 1)
    return key
