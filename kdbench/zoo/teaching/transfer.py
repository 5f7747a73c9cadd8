"""From a source domain, which has many samples, to a target domain, which may have few."""

from typing import Literal

from kdbench.spec import Choice, DataSpec, Lesson, Site, Trial
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.task import HeadSpec
from kdbench.spec.types import Fraction, Positive, Source

SOURCE, TARGET = "source", "target"


def transfer(
    site: Site,
    taught: bool,
    *,
    source: Source,
    source_share: Fraction = 1.0,
    share: Fraction = 1.0,
    by: Literal["features", "head"] = "head",
    longer: Positive = 10.0,
) -> str:
    """A teacher trained on the dataset `source`, or on a share of it, teaches the student on a share of the target.

    The target is the suite's dataset. By "features" the teacher knows nothing of it: a loss that compares layers can
    use that, and one that compares outputs learns the classes of the source. By "head" the teacher gets new columns for
    the classes of the target, and is trained on the same samples as the student, from its weights on the source. The
    student alone learns from the same share. Each seed draws its own; few samples are seen for 1 / share times the
    epochs, at most `longer` times.
    Raises: nothing. A source whose images have another shape than the target's, or that has another number of classes,
    is refused before training.
    Source: by features Romero et al. 2015, FitNets (arXiv:1412.6550), between domains as in Yim et al. 2017 (CVPR,
    doi:10.1109/CVPR.2017.754), section 4.3; by head the fine-tuning of Yosinski et al. 2014 (arXiv:1411.1792).
    """
    data, times = _part(site.suite.data, share, site.seed), min(1 / share, longer)
    target = {"data": data, "train": site.recipe.lasting(times * site.recipe.epochs)}
    if not taught:
        return site.add(site.student().model_copy(update=target))
    recipe = site.suite.teacher_train or site.suite.train
    teacher_seed = site.suite.teacher_seed(site.index)
    teacher = Trial(
        model=site.pair.teacher,
        data=_part(site.dataset(source), source_share, teacher_seed),
        lessons=(Lesson(loss=ALONE),),
        train=recipe,
        seed=teacher_seed,
    )
    if by == "features":
        return site.add(site.student(site.add(teacher, position=1)).model_copy(update=target), position=2)
    heads = {"heads": (HeadSpec(name=SOURCE), HeadSpec(name=TARGET))}
    on_source = {"lessons": (Lesson(loss=ALONE, heads=(SOURCE,)),), "deploys": (SOURCE,)}
    known = site.add(teacher.model_copy(update=heads | on_source), position=1)
    on_target = {"lessons": (Lesson(loss=ALONE, heads=(TARGET,)),), "deploys": (TARGET,)}
    tuning = {"data": data, "start": (known,), "train": recipe.lasting(times * recipe.epochs)}
    tuned = teacher.model_copy(update=heads | on_target | tuning)
    lesson = Lesson(loss=site.loss, teachers=(site.add(tuned, position=2),), heads=(TARGET,))
    student = {**target, "heads": (HeadSpec(name=TARGET),), "lessons": (lesson,)}
    return site.add(site.student().model_copy(update=student), position=3)


def _part(data: DataSpec, share: float, seed: int) -> DataSpec:
    """A share of the samples of each class."""
    own = {"seed": seed} if seed else {}
    part = (Choice(use="fraction", options={"share": share, **own}),) if share < 1 else ()
    return data.model_copy(update={"parts": (*data.parts, *part)})
