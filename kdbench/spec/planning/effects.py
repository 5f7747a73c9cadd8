"""Options of a suite that change nothing, in sentences: a plan and a run tell them, and go on (decision 40)."""

from collections.abc import Iterator

from kdbench.spec.comparison import Budget
from kdbench.spec.errors import as_toml
from kdbench.spec.latency import LatencySpec
from kdbench.spec.planning.entry import SINGLE, loss_alone
from kdbench.spec.planning.plan import Plan
from kdbench.spec.recipe import Step
from kdbench.spec.suite import Suite
from kdbench.spec.trial import Trial
from kdbench.spec.types import ON_DEVICE


def without_effect(plan: Plan) -> tuple[str, ...]:
    """A sentence for each option that changes nothing, as far as suite and trials tell without the data.

    Trainings of another length than the recipe's are left out: tries, variants, other budgets.
    """
    usual = {entry.key for entry in plan.entries if entry.role not in ("try", "variant") and entry.budget == 1}
    trials = (trial for key, trial in plan.trials.items() if key in usual and trial.epochs)
    told = [sentence for trial in trials for sentence in _of_a_training(trial)]
    told += [*_of_ways(plan), *_of_pairs(plan), *_of_budgets(plan.suite), *_of_latency(plan.suite.latency)]
    return tuple(dict.fromkeys(told))


def _of_a_training(trial: Trial) -> Iterator[str]:
    spec = trial.train
    if spec.warmup_epochs >= spec.epochs:
        ends = f"a training of {_epochs(spec.epochs)} ends before the learning rate has risen"
        yield f"warmup_epochs = {spec.warmup_epochs:g}: {ends}, and its schedule does nothing"
    if isinstance(spec.schedule, Step):
        if late := [milestone for milestone in spec.schedule.milestones if milestone >= spec.epochs]:
            yield f"milestones = {late}: a training of {_epochs(spec.epochs)} ends before the learning rate falls there"
        if spec.schedule.factor == 1:
            yield "factor = 1: the learning rate does not fall at milestones"
    if spec.views != "fresh" and not spec.augment and spec.mixup is None:
        yield f'views = "{spec.views}": without augment and mixup every epoch of every seed shows the same images'
    if spec.patience is not None and spec.patience >= len(trial.epochs):
        yield f"patience = {spec.patience}: it never stops a training of {_epochs(len(trial.epochs))}"
    if spec.optimizer.decay == "weights" and not spec.optimizer.weight_decay:
        yield 'decay = "weights": weight_decay is 0'


def _of_ways(plan: Plan) -> Iterator[str]:
    """Ways of teaching without a row, and keys of the recipe that a way does not follow."""
    there = {SINGLE, *(entry.teaching for entry in plan.entries)}
    for way in plan.suite.teaching:
        if way.label not in there:
            yield f"teaching '{way.label}': no loss of the suite asks for a teacher, so it has no row"
    asked = {loss.label: loss.recipe(plan.suite.train) for loss in plan.suite.losses}
    for entry in plan.entries:
        if entry.role == "student" and plan.trials[entry.key].epochs:
            found, written = plan.trials[entry.key].train, asked[entry.loss]
            if written.patience and not found.patience:
                yield f"patience = {written.patience}: it stops no training under '{entry.teaching}'"
            if found.select != written.select:
                yield f'select = "{written.select}": under \'{entry.teaching}\' it is "{found.select}"'


def _of_pairs(plan: Plan) -> Iterator[str]:
    suite, teachers = plan.suite, [pair.teacher.model for pair in plan.suite.pairs]
    apart = {entry.key for entry in plan.entries if entry.role in ("teacher", "member")}
    trained = any(trial.epochs and (key in apart or trial.model in teachers) for key, trial in plan.trials.items())
    if suite.teacher_train and not trained:
        yield "[teacher_train]: all teachers bring their weights, and none is trained"
    for pair in suite.pairs:
        if pair.lr and all(loss.recipe(suite.train.at(pair.lr)) == loss.recipe(suite.train) for loss in suite.losses):
            yield f"lr = {pair.lr:g} of the pair '{pair.label}': its losses have the same learning rates without it"


def _of_budgets(suite: Suite) -> Iterator[str]:
    alone, budget = loss_alone(suite), suite.budget
    if alone is None and budget.alone != Budget().alone:
        yield f"budget.alone = {as_toml(budget.alone)}: the suite has no 'cross_entropy', which is the student alone"
    if budget.losses != Budget().losses and all(loss.label == alone for loss in suite.losses):
        yield f"budget.losses = {as_toml(budget.losses)}: the suite has no loss beside the student alone"


def _of_latency(asked: LatencySpec) -> Iterator[str]:
    if not asked.batch_sizes and asked != LatencySpec(batch_sizes=()):
        yield "[latency]: batch_sizes = [] times nothing, whatever its other keys are"
    if asked.paths != LatencySpec().paths and not {*asked.providers} & {*ON_DEVICE}:
        yield f"paths = {as_toml(asked.paths)}: a call on {', '.join(asked.providers)} begins and ends at the host"
    if True in asked.spinning and all(count == 1 for count in asked.threads):
        yield f"spinning = {as_toml(asked.spinning)}: a single thread waits for no other"


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"
