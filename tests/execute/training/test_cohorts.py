from kdbench import api
from kdbench.execute.training.cohorts import Cohort, cohorts
from tests.small import small_suite


def names(groups: list[Cohort]) -> list[list[str]]:
    return [[f"{trial.lessons[0].loss.use}/{trial.seed}" for trial in group] for group in groups]


def test_without_a_teacher_every_trial_is_alone() -> None:
    wave = api.plan(small_suite()).waves[0]
    assert names(cohorts(wave, workers=1)) == [["cross_entropy/0"], ["cross_entropy/0"], ["cross_entropy/1"]]


def test_what_shares_teacher_and_seed_is_trained_together() -> None:
    suite = small_suite(losses=["kd", "logit_mse", "pseudo_label"])
    wave = api.plan(suite).waves[1]
    together = [[f"{loss}/{seed}" for loss in ("kd", "logit_mse", "pseudo_label")] for seed in (0, 1)]
    assert names(cohorts(wave, workers=2)) == together
    assert names(cohorts(wave, workers=1)) == together


def test_optimizers_may_differ_and_batches_may_not() -> None:
    losses = [
        "kd",
        {"use": "kd", "name": "faster", "lr": 0.5},
        {"use": "kd", "name": "small", "train": {"batch_size": 32}},
    ]
    wave = api.plan(small_suite(seeds=1, losses=losses)).waves[1]
    assert [[trial.train.optimizer.lr for trial in group] for group in cohorts(wave, workers=1)] == [
        [0.05, 0.5],
        [0.05],
    ]


def test_spans_of_a_recipe_are_trained_apart() -> None:
    one, other = api.plan(small_suite(seeds=1, losses=["kd", "logit_mse"])).waves[1]
    assert len(cohorts([one, other], workers=1)) == 1
    assert len(cohorts([one, other.model_copy(update={"span": (0, 1)})], workers=1)) == 2


def test_a_cohort_has_at_most_32_models() -> None:
    losses = ["kd", {"use": "kd", "name": "swept", "temperature": {"range": [1, 8], "scale": "log", "points": 39}}]
    groups = cohorts(api.plan(small_suite(seeds=1, losses=losses)).waves[1], workers=1)
    assert [len(group) for group in groups] == [20, 20]
    assert len({trial.key for group in groups for trial in group}) == 40


def test_the_last_groups_are_divided_so_that_no_worker_is_idle() -> None:
    suite = small_suite(seeds=3, losses=["kd", "logit_mse", "pseudo_label"])
    groups = names(cohorts(api.plan(suite).waves[1], workers=2))
    assert [len(group) for group in groups] == [3, 3, 2, 1]
    assert sorted(name for group in groups[2:] for name in group) == ["kd/2", "logit_mse/2", "pseudo_label/2"]


def test_awaited_trials_stand_first_then_the_longest() -> None:
    suite = small_suite(losses=["cross_entropy", "kd", "logit_mse", "pseudo_label"])
    plan = api.plan(suite)
    teacher, alone = plan.waves[0][0], plan.waves[0][1]
    everything = [alone, *plan.waves[1], teacher]
    groups = names(cohorts(everything, workers=1, first={teacher.key}))
    assert [len(group) for group in groups] == [1, 3, 3, 1]
    assert groups[0] == ["cross_entropy/0"]  # the teacher
    assert cohorts(everything, 1, {teacher.key})[0] == (teacher,)


def test_a_division_that_saves_no_time_is_not_made() -> None:
    # Two cohorts of 3 and two single trials: each worker has a cohort and a single one, 3 + 1 shared + 1 = 5 models.
    plan = api.plan(small_suite(losses=["cross_entropy", "kd", "logit_mse", "pseudo_label"]))
    students = [trial for trial in plan.trials.values() if trial.model == plan.suite.pairs[0].student]
    assert [len(group) for group in cohorts(students, workers=2)] == [3, 3, 1, 1]
