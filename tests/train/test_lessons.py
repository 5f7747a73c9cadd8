"""What a trial learns from: several teachers, several lessons, and weights to start from."""

import math
import time
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Choice, Lesson, Trial
from kdbench.spec.generators import drain
from kdbench.train.build import Criterion, build_model, start_from
from kdbench.train.ended import Ended, NotTrained, Trained
from kdbench.train.faculty import Parents
from kdbench.train.instruction import Instruction, combine_outputs
from kdbench.train.loop import train_cohort
from kdbench.train.rehearsing.rehearsal import rehearse
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw, Moment, NotApplicable, Outputs, Split
from tests.small import random_splits, small_trial

SPLITS = random_splits()
GUIDES = [small_trial(model={"use": "cnn", "width": 4}, seed=seed) for seed in (5, 6, 7)]
FIRST, SECOND = (small_trial(seed=seed) for seed in (8, 9))
ALL = {"loss": "cross_entropy", "heads": ["all"]}
WIDE = small_trial(model={"use": "cnn", "width": 4}, seed=8)
KD = {"use": "kd", "temperature": 4.0, "weight": 1.0}


def network(trial: Trial) -> torch.nn.Module:
    return build_model(trial.model, Catalog(), SPLITS.classes, SPLITS.shape, trial.seed)


def parents(*starts: Trial) -> Parents:
    teachers = {guide.key: network(guide) for guide in GUIDES}
    return Parents(teachers, {trial.key: network(trial).state_dict() for trial in starts})


def train(*trials: Trial, starts: tuple[Trial, ...] = ()) -> list[Ended]:
    torch.set_num_threads(1)
    return drain(train_cohort(trials, SPLITS, Catalog(), parents(*starts)))


def weights(outcome: Ended) -> str:
    assert isinstance(outcome, Trained), outcome
    return hash_weights(outcome.model)


def refused(trial: Trial) -> str:
    (outcome,) = train(trial)
    assert isinstance(outcome, NotTrained)
    assert outcome.status == "skipped"
    return outcome.reason


def lesson(**content: object) -> Lesson:
    return Lesson.model_validate({"loss": KD, **content})


def outputs(*rows: list[float]) -> Outputs:
    return Outputs(torch.tensor(rows))


def test_the_mean_of_logits() -> None:
    found = combine_outputs([outputs([2.0, 0.0]), outputs([4.0, -6.0])], lesson(teachers=("a", "b"), combine="logits"))
    assert found.logits.tolist() == [[3.0, -3.0]]


def test_the_mean_of_probabilities_is_that_at_the_losses_temperature() -> None:
    # At T = 4 logits of 0 and 4 ln 3 are probabilities of 1/4 and 3/4; of 4 ln 3 and 0, 3/4 and 1/4; their mean is 1/2.
    far = 4 * math.log(3)
    several = lesson(teachers=("a", "b"), combine="probabilities")
    found = combine_outputs([outputs([0.0, far]), outputs([far, 0.0])], several).logits
    assert torch.softmax(found / 4, dim=1).tolist() == [[pytest.approx(0.5), pytest.approx(0.5)]]
    # Weighted towards the teacher that is surer: probabilities of 1/4, 3/4 and 1/2, 1/2 have the mean 3/8, 5/8.
    found = combine_outputs([outputs([0.0, far]), outputs([0.0, 0.0])], several).logits
    assert torch.softmax(found / 4, dim=1).tolist() == [[pytest.approx(3 / 8), pytest.approx(5 / 8)]]


def test_a_loss_without_temperature_takes_the_mean_at_one() -> None:
    several = lesson(loss="pseudo_label", teachers=("a", "b"), combine="probabilities")
    found = combine_outputs([outputs([0.0, math.log(3)]), outputs([0.0, 0.0])], several).logits
    assert torch.softmax(found, dim=1).tolist() == [[pytest.approx(3 / 8), pytest.approx(5 / 8)]]


def test_teachers_that_are_sure_beyond_float32_are_combined_all_the_same() -> None:
    sure = [outputs([0.0, 3000.0]), outputs([0.0, 2000.0])]
    found = combine_outputs(sure, lesson(teachers=("a", "b"), combine="probabilities")).logits
    assert torch.isfinite(found).all()


def test_one_teacher_is_taken_as_it_is() -> None:
    one = Outputs(torch.randn(3, 4), {"layer": torch.randn(3, 2)})
    assert combine_outputs([one], lesson(teachers=("a",))) is one


@pytest.mark.parametrize("combine", ["probabilities", "logits"])
def test_every_teacher_of_an_ensemble_counts(combine: str) -> None:
    found = {
        weights(train(small_trial(loss=KD, teachers=teachers, combine=combine))[0])
        for teachers in (GUIDES[:1], GUIDES[:2], GUIDES[1:], GUIDES)
    }
    assert len(found) == 4


def test_teachers_weighed_by_confidence_need_labels() -> None:
    with pytest.raises(ValueError, match="weighs teachers by the labels"):
        lesson(teachers=("a", "b"), combine="confidence", labels=False)


def test_a_teacher_that_errs_less_counts_more() -> None:
    # Probabilities of the label are 3/4 and 1/4, which are as 1/3 : 1 in the softmax: shares of 3/4 and 1/4.
    given = [outputs([0.0, math.log(3)]), outputs([math.log(3), 0.0])]
    several = lesson(loss="pseudo_label", teachers=("a", "b"), combine="confidence")
    found = combine_outputs(given, several, torch.tensor([1])).logits
    assert torch.softmax(found, dim=1).tolist() == [[pytest.approx(3 / 8), pytest.approx(5 / 8)]]


def ensemble(**content: object) -> Trial:
    """Of two networks, by the mean of their logits."""
    trial = small_trial(**{"start": ["a", "b"], "train": {"epochs": 0}, **content})
    return Trial.model_validate({**trial.model_dump(mode="json"), "combine": "logits"})


def test_an_ensemble_is_its_members_and_is_not_trained() -> None:
    trial = ensemble(start=[FIRST.key, WIDE.key])
    given = Parents(members={each.key: network(each) for each in (FIRST, WIDE)})
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), given))
    assert isinstance(outcome, Trained)
    assert [point.epoch for point in outcome.curve] == [0]
    images = torch.randn(5, *SPLITS.shape)
    one, other = (network(each).eval()(images) for each in (FIRST, WIDE))
    torch.testing.assert_close(outcome.model(images), (one + other) / 2)


@pytest.mark.parametrize("content", [{"start": ["a"]}, {"merge": [1.0, 1.0]}, {"train": {"epochs": 1}}])
def test_an_ensemble_that_is_trained_or_merged_is_refused(content: dict[str, object]) -> None:
    ensemble()
    with pytest.raises(ValueError, match=r"an ensemble \(combine\) names several trials"):
        ensemble(**content)


def test_an_ensemble_cannot_teach() -> None:
    several = ensemble()
    with pytest.raises(NotApplicable, match="an ensemble can neither teach nor be started from"):
        rehearse(small_trial(loss=KD, teachers=[several]), [several], SPLITS, Catalog())


def test_an_ensemble_of_networks_with_heads_is_refused() -> None:
    member = small_trial(heads=[{"name": "all"}, {"name": "again"}], deploys="all", lessons=[ALL])
    with pytest.raises(NotApplicable, match="an ensemble of networks with heads of their own is not built yet"):
        rehearse(ensemble(start=[FIRST.key, member.key]), [FIRST, member], SPLITS, Catalog())
    rehearse(ensemble(start=[FIRST.key, WIDE.key]), [FIRST, WIDE], SPLITS, Catalog())


def test_a_teacher_three_times_over_is_that_teacher() -> None:
    # Three keys for one network: their mean is what it puts out, but for rounding.
    given = parents()
    alike = Parents(dict.fromkeys(given.teachers, given.teachers[GUIDES[0].key]))
    several, single = small_trial(loss=KD, teachers=GUIDES), small_trial(loss=KD, teachers=GUIDES[:1])
    one, other = (drain(train_cohort([trial], SPLITS, Catalog(), alike))[0] for trial in (several, single))
    assert isinstance(one, Trained)
    assert isinstance(other, Trained)
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(value, other.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_an_ensemble_is_alike_alone_and_in_a_cohort() -> None:
    trials = [small_trial(loss=loss, teachers=GUIDES) for loss in (KD, "logit_mse", "soft_cross_entropy")]
    assert [weights(one) for one in train(*trials)] == [weights(train(trial)[0]) for trial in trials]


def test_a_loss_that_reads_layers_has_one_teacher() -> None:
    reason = refused(small_trial(loss="fitnet", teachers=GUIDES))
    assert reason.startswith('it reads layers of one teacher, and 3 teach together: give combine = "losses"')
    assert isinstance(train(small_trial(loss="fitnet", teachers=GUIDES[:1]))[0], Trained)


def test_the_cost_of_an_ensemble_is_that_of_all_its_teachers() -> None:
    slow = parents()
    for teacher in slow.teachers.values():
        teacher.register_forward_hook(lambda *_: _work(0.002))
    trial = small_trial(loss=KD, teachers=GUIDES)
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), slow))
    assert isinstance(outcome, Trained)
    assert outcome.cost.teacher == "live"
    assert outcome.cost.teacher_seconds >= 3 * outcome.cost.steps * 0.002
    assert outcome.cost.teacher_seconds_alone == outcome.cost.teacher_seconds


def _work(seconds: float) -> None:
    """Costs are CPU time, which waiting does not take."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def test_two_halves_of_a_lesson_are_the_lesson() -> None:
    half = {"loss": KD, "teachers": [GUIDES[0].key], "weight": 0.5}
    (whole,), (halves,) = train(small_trial(loss=KD, teachers=GUIDES[:1])), train(small_trial(lessons=[half, half]))
    assert isinstance(whole, Trained)
    assert isinstance(halves, Trained)
    for name, value in halves.model.state_dict().items():
        torch.testing.assert_close(value, whole.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_lessons_add_up() -> None:
    hard, soft = {"loss": "cross_entropy"}, {"loss": "logit_mse", "teachers": [GUIDES[1].key]}
    found = [weights(train(small_trial(lessons=lessons))[0]) for lessons in ([hard], [soft], [hard, soft])]
    assert len(set(found)) == 3


def without_labels(student: Outputs, teacher: Outputs) -> Tensor:
    return functional.mse_loss(student.logits, teacher.logits)


def test_a_lesson_without_labels_keeps_them_from_its_loss() -> None:
    refusal = "it needs the labels, which its lesson keeps from it (labels = false): take a loss that does without"
    assert refused(small_trial(lessons=[{"loss": "cross_entropy", "labels": False}])).startswith(refusal)
    trial = small_trial(lessons=[{"loss": f"{__name__}:without_labels", "teachers": [GUIDES[0].key], "labels": False}])
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog((__name__,)), parents()))
    assert isinstance(outcome, Trained)


@pytest.mark.parametrize("loss", ["kd", "noisy_teacher", "ctkd"])
def test_a_loss_that_can_do_without_labels_leaves_out_their_term(loss: str) -> None:
    """The same weights as with a term of weight 0."""
    taught = {"teachers": [GUIDES[0].key]}
    silent = small_trial(lessons=[{"loss": loss, "labels": False, **taught}])
    weightless = small_trial(lessons=[{"loss": {"use": loss, "options": {"ce_weight": 0.0}}, **taught}])
    assert weights(train(silent)[0]) == weights(train(weightless)[0])


def unlabelled(*rows: int) -> Splits:
    """The small splits, in which these training samples have no label."""
    labels = SPLITS.train.labels.clone()
    labels[list(rows)] = -1
    return replace(SPLITS, train=Split(SPLITS.train.images, labels))


def test_a_lesson_with_labels_learns_from_the_samples_that_have_one() -> None:
    """Of a batch of all samples, half of them hidden: the loss is that of the other half alone."""
    asked: list[tuple[int, list[int], list[int]]] = []

    def note(student: Outputs, labels: Tensor, moment: Moment) -> Tensor:
        asked.append((len(student.logits), labels.tolist(), moment.draw.samples.tolist()))
        return functional.cross_entropy(student.logits, labels)

    splits = unlabelled(*range(0, 70, 2))
    instruction = Instruction(
        Lesson(loss=Choice(use="cross_entropy")), Criterion(note, ("student", "labels", "moment")), hidden=True
    )
    order = torch.arange(70).flip(0)
    moment = Moment(0.0, 1, Draw(0, 1, order), splits.train.labels)
    logits = torch.randn(70, 4)
    found = instruction.loss(Outputs(logits), {}, splits.train.labels[order], moment)
    left = order[order % 2 == 1]
    assert asked == [(35, SPLITS.train.labels[left].tolist(), left.tolist())]
    torch.testing.assert_close(found, functional.cross_entropy(logits[order % 2 == 1], SPLITS.train.labels[left]))
    none = instruction.loss(Outputs(logits[:3].requires_grad_()), {}, torch.tensor([-1, -1, -1]), moment)
    none.backward()
    assert none.item() == 0
    assert len(asked) == 1


def test_hidden_labels_are_out_of_reach_of_a_loss() -> None:
    """A loss that asks for the labels of all samples is refused."""
    for loss in ("crd", f"{__name__}:peeks"):
        trial = small_trial(lessons=[{"teachers": [GUIDES[0].key], "loss": loss}])
        with pytest.raises(NotApplicable, match="asks for the labels of all training samples, of which"):
            rehearse(trial, GUIDES[:1], unlabelled(3, 5), Catalog((__name__,)))


def peeks(student: Outputs, teacher: Outputs, moment: Moment) -> Tensor:
    return functional.mse_loss(student.logits, teacher.logits) + moment.labels.sum()


def test_hidden_labels_change_nothing_for_a_lesson_without_labels() -> None:
    silent = small_trial(lessons=[{"loss": "kd", "teachers": [GUIDES[0].key], "labels": False}])
    (hidden,) = drain(train_cohort([silent], unlabelled(*range(70)), Catalog(), parents()))
    assert weights(hidden) == weights(train(silent)[0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"part": "fraction"}, "a lesson on a part of the data ('fraction') is not built yet"),
        ({"teachers": ["x"]}, "it asks for no teacher, and has some"),
        ({"loss": "kd"}, "it asks for a teacher, and its lesson has none"),
    ],
)
def test_what_is_not_built_or_means_nothing_is_refused(content: dict[str, object], reason: str) -> None:
    trial = small_trial(lessons=[{"loss": "cross_entropy", **content}])
    guide = Parents({"x": network(GUIDES[0])})
    (outcome,) = drain(train_cohort([trial], SPLITS, Catalog(), guide))
    assert isinstance(outcome, NotTrained)
    assert reason in outcome.reason


def test_training_continues_from_the_weights_of_its_start() -> None:
    going_on = small_trial(start=[FIRST.key], train={"epochs": 0})
    (outcome,) = train(going_on, starts=(FIRST,))
    assert weights(outcome) == hash_weights(network(FIRST))
    assert isinstance(outcome, Trained)
    assert [point.epoch for point in outcome.curve] == [0]
    (plain,), (further,) = train(small_trial()), train(small_trial(start=[FIRST.key]), starts=(FIRST,))
    assert weights(plain) != weights(further) != hash_weights(network(FIRST))


def test_several_starts_are_merged_by_their_weights() -> None:
    merged = small_trial(start=[FIRST.key, SECOND.key], merge=[1.0, 3.0], train={"epochs": 0})
    (outcome,) = train(merged, starts=(FIRST, SECOND))
    assert isinstance(outcome, Trained)
    first, second = (network(trial).state_dict() for trial in (FIRST, SECOND))
    for name, value in outcome.model.state_dict().items():
        torch.testing.assert_close(value, (first[name] + 3 * second[name]) / 4)


def test_a_trial_merged_with_itself_is_itself() -> None:
    model = network(FIRST)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    start_from(model, [state, state, state], [1.0, 1.0, 1.0])
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_batches_that_a_batch_norm_has_counted_stay_whole_numbers() -> None:
    model = torch.nn.BatchNorm2d(2)
    states = [{**model.state_dict(), "num_batches_tracked": torch.tensor(count)} for count in (3, 6)]
    start_from(model, states)
    assert model.num_batches_tracked.dtype == torch.int64
    assert int(model.num_batches_tracked) in (4, 5)


def test_weights_of_another_network_are_refused() -> None:
    (outcome,) = train(small_trial(start=[WIDE.key]), starts=(WIDE,))
    assert isinstance(outcome, NotTrained)
    assert outcome.reason.startswith("the weights it starts from are of another network: ")
    with pytest.raises(NotApplicable, match="of another network"):
        start_from(network(FIRST), [{}, {}])


def test_a_student_that_is_deployed_as_another_network_cannot_teach() -> None:
    middle = small_trial(loss="simkd", teachers=GUIDES[:1])
    for trial in (small_trial(loss=KD, teachers=[middle]), small_trial(start=[middle.key])):
        with pytest.raises(NotApplicable, match="a student of 'simkd' is deployed as another network than cnn"):
            rehearse(trial, [middle], SPLITS, Catalog())
    rehearse(small_trial(loss=KD, teachers=GUIDES[:1]), GUIDES[:1], SPLITS, Catalog())


def test_a_further_lesson_tells_its_readings_by_its_number() -> None:
    annealed = {"use": "teacher_annealing"}
    lessons = [lesson(loss=annealed, teachers=[GUIDES[0].key]), lesson(loss=annealed, teachers=[GUIDES[1].key])]
    (outcome,) = train(small_trial(lessons=lessons))
    assert isinstance(outcome, Trained)
    assert outcome.curve[0].readings == {}
    assert list(outcome.curve[1].readings) == ["teacher's weight", "teacher's weight, lesson 2"]


NOISE = {"use": "gaussian_noise", "options": {"sd": 0.5}}
ATTACK = {"use": "pgd", "options": {"epsilon": 0.2, "steps": 2}}


def test_a_lesson_on_clean_images_is_that_of_a_trial_without_a_view() -> None:
    clean = lesson(teachers=[GUIDES[0].key], clean=True)
    (noisy,) = train(small_trial(lessons=[clean], view=NOISE))
    (plain,) = train(small_trial(lessons=[clean.model_copy(update={"clean": False})]))
    assert weights(noisy) == weights(plain)


def test_lessons_on_clean_and_on_changed_images_are_both_learnt_from() -> None:
    changed = lesson(teachers=[GUIDES[0].key])
    clean = changed.model_copy(update={"clean": True})
    alone, both = train(small_trial(lessons=[changed], view=NOISE), small_trial(lessons=[changed, clean], view=NOISE))
    assert weights(alone) != weights(both)


@pytest.mark.parametrize("target", ["labels", "teacher"])
def test_each_student_is_attacked_alike_alone_and_in_a_cohort(target: str) -> None:
    attack = {"use": "pgd", "options": {**ATTACK["options"], "target": target}}
    attacked = small_trial(lessons=[lesson(teachers=[GUIDES[0].key])], view=attack)
    beside = small_trial(lessons=[lesson(teachers=[GUIDES[1].key])], view=attack)
    (alone,) = train(attacked)
    together, other = train(attacked, beside)
    (plain,) = train(small_trial(lessons=[lesson(teachers=[GUIDES[0].key])]))
    assert weights(alone) == weights(together)
    assert len({weights(alone), weights(other), weights(plain)}) == 3


def test_an_attack_on_the_teachers_prediction_needs_a_teacher() -> None:
    attack = {"use": "pgd", "options": {"target": "teacher"}}
    with pytest.raises(NotApplicable, match="needs a teacher, and there is none"):
        rehearse(small_trial(view=attack), [], SPLITS, Catalog())


def test_an_attack_sees_no_label_that_no_lesson_may_see() -> None:
    unlabelled = lesson(teachers=[GUIDES[0].key], labels=False)
    with pytest.raises(NotApplicable, match="away from the labels needs them, and no lesson of the student may see"):
        rehearse(small_trial(lessons=[unlabelled], view=ATTACK), [GUIDES[0]], SPLITS, Catalog())
    follows = {"use": "pgd", "options": {**ATTACK["options"], "target": "teacher"}}
    rehearse(small_trial(lessons=[unlabelled], view=follows), [GUIDES[0]], SPLITS, Catalog())
