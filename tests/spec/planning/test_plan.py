"""From suite to graph: pure, keyed by content, shared where the content is the same."""

import pytest

from kdbench import api, spec
from kdbench.spec import Choice, HeadSpec, Lesson, Site, Suite, UserError
from kdbench.spec.types import Count
from kdbench.zoo.catalog import Catalog
from tests.small import small_suite


def keys(suite: Suite) -> set[str]:
    return set(api.plan(suite).trials)


def test_the_graph_of_a_small_suite() -> None:
    plan = api.plan(small_suite())
    assert [(e.role, e.loss, e.seed) for e in plan.entries] == [
        ("teacher", "cross_entropy", 0),
        ("student", "cross_entropy", 0),
        ("student", "cross_entropy", 1),
        ("student", "kd", 0),
        ("student", "kd", 1),
    ]
    assert [len(wave) for wave in plan.waves] == [3, 2]
    assert all(trial.teachers == (plan.entries[0].key,) for trial in plan.waves[1])
    assert all(not trial.teachers for trial in plan.waves[0])


def test_options_are_filled_in_before_hashing() -> None:
    written = small_suite(losses=["cross_entropy", {"use": "kd", "temperature": 4.0, "weight": 0.9}])
    assert keys(written) == keys(small_suite())
    assert api.plan(small_suite()).suite.losses[1].options["temperature"] == 4.0


def test_names_do_not_enter_keys() -> None:
    named = small_suite(name="other", losses=["cross_entropy", {"use": "kd", "name": "hinton"}])
    assert keys(named) == keys(small_suite())
    assert {e.loss for e in api.plan(named).entries} == {"cross_entropy", "hinton"}


def test_every_seed_may_have_a_teacher_of_its_own() -> None:
    plan = api.plan(small_suite(seeds=4, teacher_seeds=2))
    taught = [plan.trials[e.key] for e in plan.entries if e.loss == "kd"]
    seeds = [(trial.seed, plan.trials[trial.teachers[0]].seed) for trial in taught]
    assert seeds == [(0, 0), (1, 1), (2, 0), (3, 1)]


def test_the_student_alone_is_shared_between_pairs() -> None:
    student = {"use": "mlp", "hidden": [8]}
    pairs = [{"teacher": {"use": "mlp", "hidden": [width]}, "student": student} for width in (32, 64)]
    plan = api.plan(small_suite(pairs=pairs))
    alone = [e.key for e in plan.entries if e.role == "student" and e.loss == "cross_entropy"]
    assert len(alone) == 4
    assert len(set(alone)) == 2


def test_teachers_may_have_a_recipe_of_their_own() -> None:
    plan = api.plan(small_suite(teacher_train={"epochs": 7}))
    epochs = {e.role: plan.trials[e.key].train.epochs for e in plan.entries}
    assert epochs == {"teacher": 7, "student": 2}


def test_a_resolved_suite_plans_to_the_same_graph() -> None:
    plan = api.plan(small_suite())
    again = Suite.model_validate(plan.suite.model_dump(mode="json"))
    assert keys(again) == set(plan.trials)


def test_adding_a_loss_keeps_the_other_keys() -> None:
    assert keys(small_suite()) < keys(small_suite(losses=["cross_entropy", "kd", "logit_mse"]))


def test_all_problems_of_a_python_suite_at_once() -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(losses=[{"use": "kd", "heat": 2}], data="digit"))
    text = str(caught.value)
    assert "unknown option 'heat' at losses[0].heat" in text
    assert "unknown dataset 'digit' at data.use" in text


@pytest.mark.parametrize(
    ("teacher", "meant"),
    [
        ("cifar:resnet57", "cifar:resnet56"),
        ("torchvision:resnet19", "torchvision:resnet18"),
        ("timm:resnet19", "timm:resnet18"),
        ("cifr:resnet56", "cifar:"),
        ("mpl", "mlp"),
    ],
)
def test_a_mistaken_model_is_told_with_the_nearest_of_its_family(teacher: str, meant: str) -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(pairs=[{"teacher": teacher, "student": "mlp"}]))
    (problem,) = caught.value.problems
    assert problem.what == f"unknown model '{teacher}' at pairs[0].teacher.use"
    assert problem.help.startswith(f"did you mean '{meant}'? allowed: ")


def test_conditions_are_resolved_and_keep_their_names() -> None:
    crooked = {"use": "rotation", "name": "crooked"}
    (found,) = api.plan(small_suite(conditions=[crooked])).suite.conditions
    assert found.label == "crooked"
    assert set(found.options) == {"degrees"}  # the default is filled in: another one later is another condition


def test_problems_of_conditions_have_their_place() -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(conditions=["contrast", "fog", {"use": "rotation", "degrees": -4.0}, "contrast"]))
    text = str(caught.value)
    assert "unknown view 'fog' at conditions[1].use" in text
    assert "conditions[2].degrees" in text
    assert "duplicate 'contrast' at conditions" in text


def test_a_pair_may_have_a_learning_rate_of_its_own() -> None:
    teacher, student = {"use": "mlp", "hidden": [32]}, {"use": "mlp", "hidden": [8]}
    gentle = {"teacher": teacher, "student": student, "name": "gentle", "lr": 0.01}
    plan = api.plan(small_suite(pairs=[{"teacher": teacher, "student": student}, gentle]))
    found = {(e.pair, e.role): plan.trials[e.key].train.optimizer.lr for e in plan.entries}
    usual = "mlp(hidden=32) -> mlp(hidden=8)"
    assert found == {
        (usual, "teacher"): 0.05,
        (usual, "student"): 0.05,
        ("gentle", "teacher"): 0.05,  # the rate is the student's
        ("gentle", "student"): 0.01,
    }
    alone = plan.trials[next(e.key for e in plan.entries if e.pair == "gentle" and e.role == "student")]
    assert (
        alone.train == small_suite(train={"epochs": 2, "batch_size": 64, "optimizer": {"use": "sgd", "lr": 0.01}}).train
    )
    again = Suite.model_validate(plan.suite.model_dump(mode="json"))
    assert keys(again) == set(plan.trials)


def test_a_pairs_learning_rate_is_the_recipes_in_the_key() -> None:
    pair = {"teacher": {"use": "mlp", "hidden": [32]}, "student": {"use": "mlp", "hidden": [8]}}
    assert keys(small_suite(pairs=[{**pair, "lr": 0.05}])) == keys(small_suite())  # as the recipe has it
    slow = keys(small_suite(pairs=[{**pair, "lr": 0.01}]))
    assert len(slow & keys(small_suite())) == 1  # the teacher


def test_a_row_for_each_way_of_teaching() -> None:
    teaching = ["single", {"use": "ensemble", "count": 2}, {"use": "generations", "count": 2, "name": "again"}]
    plan = api.plan(small_suite(seeds=2, teaching=teaching))
    rows = [(entry.role, entry.row, entry.seed, entry.position) for entry in plan.entries]
    assert rows == [
        ("teacher", "cross_entropy", 0, 0),
        ("student", "cross_entropy", 0, 0),  # no teacher, so no way of teaching
        ("student", "cross_entropy", 1, 0),
        ("student", "kd", 0, 0),
        ("student", "kd", 1, 0),
        ("teacher", "cross_entropy", 1, 0),
        ("student", "kd, ensemble(count=2)", 0, 0),
        ("student", "kd, ensemble(count=2)", 1, 0),
        ("step", "kd, again", 0, 1),
        ("student", "kd, again", 0, 2),
        ("step", "kd, again", 1, 1),
        ("student", "kd, again", 1, 2),
    ]
    assert [len(wave) for wave in plan.waves] == [4, 4, 2]


def half(site: Site, taught: bool) -> str:
    """Half of the data, for losses with and without a teacher."""
    data = site.suite.data.model_copy(update={"parts": (Choice(use="fraction", options={"share": 0.5}),)})
    student = site.student(*[site.teacher()] if taught else [])
    return site.add(student.model_copy(update={"data": data}))


def test_a_way_that_takes_taught_is_made_for_losses_without_a_teacher_too() -> None:
    losses = ["cross_entropy", "label_smoothing", "kd"]
    teaching = ["single", {"use": f"{__name__}:half", "name": "half"}]
    plan = spec.plan(small_suite(seeds=1, losses=losses, teaching=teaching), Catalog((__name__,)))
    found = {entry.row: plan.trials[entry.key] for entry in plan.entries if entry.role == "student"}
    assert {row: (len(trial.teachers), len(trial.data.parts)) for row, trial in found.items()} == {
        "cross_entropy": (0, 0),
        "cross_entropy, half": (0, 1),
        "label_smoothing": (0, 0),
        "label_smoothing, half": (0, 1),
        "kd": (1, 0),
        "kd, half": (1, 1),
    }


def test_an_ensemble_of_one_and_one_generation_are_the_usual_way() -> None:
    usual = keys(small_suite())
    for way in ("ensemble", "generations"):
        assert keys(small_suite(teaching=[{"use": way, "count": 1}])) == usual


def test_the_first_generation_is_the_usual_students_trial() -> None:
    plan = api.plan(small_suite(seeds=1, teaching=["single", {"use": "generations", "count": 2}]))
    keys = {(entry.role, entry.row): entry.key for entry in plan.entries}
    first, second = keys["student", "kd"], keys["student", "kd, generations(count=2)"]
    assert keys["step", "kd, generations(count=2)"] == first
    assert plan.trials[second].teachers == (first,)
    assert first in plan.reported


def test_steps_are_not_reported() -> None:
    plan = api.plan(small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": 3}]))
    steps = {entry.key for entry in plan.entries if entry.role == "step"}
    assert len(steps) == 2
    assert plan.reported == set(plan.trials) - steps


def test_the_members_of_an_ensemble_take_turns_with_the_teachers() -> None:
    suite = small_suite(seeds=3, teacher_seeds=2, losses=["kd"], teaching=[{"use": "ensemble", "count": 2}])
    plan = api.plan(suite)
    members = [
        tuple(plan.trials[key].seed for key in plan.trials[entry.key].teachers)
        for entry in plan.entries
        if entry.role == "student"
    ]
    assert members == [(0, 1), (1, 2), (0, 1)]


def test_problems_of_teaching_have_their_place() -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(teaching=["singel", {"use": "ensemble", "count": 6}, {"use": "generations", "of": 2}]))
    text = str(caught.value)
    assert "unknown way of teaching 'singel' at teaching[0].use" in text
    assert "teaching[1].count" in text
    assert "at most 5" in text
    assert "unknown option 'of' at teaching[2].of" in text


def test_each_setting_of_a_swept_way_is_a_way_of_its_own() -> None:
    suite = small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": {"grid": [1, 3]}}])
    plan = api.plan(suite)
    rows = [entry.row for entry in plan.entries if entry.role == "student"]
    assert rows == ["kd, generations(count=1)", "kd, generations(count=3)"]
    assert [way.settings for way in plan.suite.teaching] == [{"count": 1}, {"count": 3}]
    again = Suite.model_validate(plan.suite.model_dump(mode="json"))
    assert api.plan(again).suite.teaching == plan.suite.teaching


def test_problems_of_a_swept_way_have_their_place() -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(teaching=[{"use": "generations", "count": {"grid": [0, 2]}}]))
    assert "option 'count' of 'generations' is 0" in str(caught.value)
    with pytest.raises(UserError, match=r"the sweep of count is \{grid = \[2\]\} at teaching\[0\].count"):
        api.plan(small_suite(teaching=[{"use": "generations", "count": {"grid": [2]}}]))


def test_the_same_way_twice_is_one_too_many() -> None:
    with pytest.raises(UserError, match="duplicate 'single' at teaching"):
        api.plan(small_suite(teaching=["single", "single"]))


def chain(site: Site, *, levels: Count = 6, width: Count = 4) -> str:
    """Levels of trials that each start from all those of the level before."""
    before: tuple[str, ...] = ()
    for level in range(levels):
        seeds = range(100 * level, 100 * level + width)
        layer = [site.student().model_copy(update={"start": before, "seed": seed}) for seed in seeds]
        before = tuple(site.add(trial, position=level) for trial in layer)
    return site.add(site.student(*before, combine="logits"))


def test_a_graph_of_many_levels_is_keyed_and_written_in_linear_size() -> None:
    suite = small_suite(seeds=1, losses=["kd"], teaching=[f"{__name__}:chain"])
    plan = spec.plan(suite, Catalog((__name__,)))
    assert len(plan.trials) == 1 + 6 * 4 + 1
    assert len(plan.waves) == 7
    assert max(len(trial.model_dump_json()) for trial in plan.trials.values()) < 3000


def astray(site: Site) -> str:
    return site.student().key  # never added


def rootless(site: Site) -> str:
    return site.add(site.student("0123456789abcdef"))


@pytest.mark.parametrize(
    ("way", "reason"), [("astray", "not the key of a trial that it added"), ("rootless", "that it has not added")]
)
def test_a_way_that_leads_nowhere_is_refused(way: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        spec.plan(small_suite(losses=["kd"], teaching=[f"{__name__}:{way}"]), Catalog((__name__,)))


def ungrounded(site: Site) -> str:
    trial = site.student(site.teacher())
    return site.add(trial.model_copy(update={"start": trial.teachers, "merge": (1.0, 3.0)}))


def twice(site: Site) -> str:
    return site.add(site.student(site.teacher(), site.teacher(), combine="logits"))


def misspelt(site: Site) -> str:
    lesson = Lesson(loss=Choice(use="kdd"), teachers=(site.teacher(),))
    return site.add(site.student().model_copy(update={"lessons": (lesson,)}))


def misfilled(site: Site) -> str:
    lesson = Lesson(loss=Choice(use="kd", options={"temprature": 2.0}), teachers=(site.teacher(),))
    return site.add(site.student().model_copy(update={"lessons": (lesson,)}))


def taught_by_nobody(site: Site, taught: bool) -> str:
    return site.add(site.student(site.teacher()))


def misnamed(site: Site, teached: bool) -> str:
    return site.add(site.student())


def leaking(site: Site) -> str:
    data = site.suite.data.model_copy(update={"split_seed": 1})
    before = site.add(site.student(site.teacher()).model_copy(update={"data": data}))
    return site.add(site.student(before))


def another_model(site: Site) -> str:
    return site.add(site.student(site.teacher()).model_copy(update={"model": site.pair.teacher}))


def in_8_bits(site: Site) -> str:
    before = site.add(site.student(site.teacher()))
    return site.add(site.student(site.teacher()).model_copy(update={"start": (before,), "weight_bits": 8}))


def half_deployed(site: Site) -> str:
    heads = (HeadSpec(name="low", groups=((0,), (1,))), HeadSpec(name="high", groups=((2,), (3,))))
    return site.add(site.student(site.teacher()).model_copy(update={"heads": heads, "deploys": ("low",)}))


def parity_reported(site: Site) -> str:
    heads = (HeadSpec(name="parity", groups=((0, 2, 4, 6, 8), (1, 3, 5, 7, 9))),)
    return site.add(site.student(site.teacher()).model_copy(update={"heads": heads}))


def elsewhere(site: Site) -> str:
    data = site.dataset(Choice(use="mnist"))
    return site.add(site.student(site.teacher()).model_copy(update={"data": data}))


def stage_elsewhere(site: Site) -> str:
    data = site.dataset(Choice(use="mnist"))
    before = site.add(site.student(site.teacher()).model_copy(update={"data": data}), evaluated=True)
    return site.add(site.student(before))


def ensemble_reported(site: Site) -> str:
    teachers = [site.teacher(further) for further in range(2)]
    return site.ensemble(site.pair.student, *teachers)


def another_seed(site: Site) -> str:
    return site.add(site.student(site.teacher()).model_copy(update={"seed": 7}))


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("ungrounded", "makes a trial that is not valid: 2 weights are given to merge 1 trials"),
        ("twice", "makes a trial that is not valid: a lesson names the same teacher twice"),
        ("misspelt", "adds a trial with an unknown loss 'kdd'"),
        ("misfilled", "adds a trial with an unknown option 'temprature'"),
        ("leaking", "adds a trial on other data than the suite's"),
        ("elsewhere", "adds a trial that is evaluated on another dataset than the suite's"),
        ("stage_elsewhere", "adds a trial that is evaluated on another dataset than the suite's"),
        ("ensemble_reported", "adds a trial that is an ensemble as the row's student: return the key of one network"),
        ("another_model", "adds a trial of .* as the row's student, which is"),
        ("half_deployed", "that deploys only low as the row's student, which lack some classes"),
        ("parity_reported", "that answers with groups of classes as the row's student"),
        ("another_seed", "adds a trial of seed 7 as the row's student, whose seed is 0"),
        (
            "in_8_bits",
            r"trained in 8 bits as the row's student: a suite asks for that by variants = \['fp32', 'int8_qat'\]",
        ),
    ],
)
def test_a_trial_that_cannot_stand_in_its_row_is_refused(way: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        spec.plan(small_suite(losses=["kd"], teaching=[f"{__name__}:{way}"]), Catalog((__name__,)))


def test_a_loss_that_asks_for_no_teacher_is_given_none() -> None:
    with pytest.raises(UserError, match="a trial with a teacher for the loss 'cross_entropy', which asks for none"):
        spec.plan(small_suite(teaching=[f"{__name__}:taught_by_nobody"]), Catalog((__name__,)))


def test_a_way_is_told_what_it_may_take() -> None:
    with pytest.raises(UserError, match=r"takes \(site, teached\), .*\n.* are some of \(site, taught\)"):
        spec.plan(small_suite(teaching=[f"{__name__}:misnamed"]), Catalog((__name__,)))


def halved(site: Site) -> str:
    half = Choice(use="fraction", options={"share": 0.5})
    data = site.suite.data.model_copy(update={"parts": (half,)})
    return site.add(site.student(site.teacher()).model_copy(update={"data": data}))


def test_a_trial_may_be_trained_on_parts_of_the_suites_data() -> None:
    plan = spec.plan(small_suite(seeds=1, losses=["kd"], teaching=[f"{__name__}:halved"]), Catalog((__name__,)))
    (student,) = (plan.trials[entry.key] for entry in plan.entries if entry.role == "student")
    assert [part.use for part in student.data.parts] == ["fraction"]


def test_titles_tell_steps_from_the_student_of_their_row() -> None:
    suite = small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": 2}])
    titles = [entry.title for entry in api.plan(suite).entries]
    assert titles == ["teacher", "kd, generations(count=2), step 1", "kd, generations(count=2)"]


def test_only_single_may_be_called_single() -> None:
    with pytest.raises(UserError, match="a way of teaching other than 'single' has its name: generations"):
        api.plan(small_suite(teaching=[{"use": "generations", "name": "single"}]))


@pytest.mark.parametrize("recipe", ["train", "teacher_train"])
def test_a_suite_trains_at_least_one_epoch(recipe: str) -> None:
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(**{recipe: {"epochs": 0}}))
    (problem,) = caught.value.problems
    assert problem.what == f"{recipe}.epochs is 0 at {recipe}.epochs"
    assert problem.help == "allowed: at least 1"


def test_a_variant_that_is_trained_starts_from_each_students_weights() -> None:
    asked = small_suite(
        variants=["fp32", {"use": "int8_qat", "epochs": 3, "lr": 0.2}], train={"epochs": 6, "batch_size": 64}
    )
    plan = spec.plan(asked, Catalog())
    entries = [entry for entry in plan.entries if entry.role == "variant"]
    assert [entry.title for entry in entries] == [
        f"{loss}, int8_qat(epochs=3, lr=0.2)" for loss in ("cross_entropy", "kd") for _ in (0, 1)
    ]
    students = [entry.key for entry in plan.entries if entry.role == "student"]
    for entry, student in zip(entries, students, strict=True):
        further, before = plan.trials[entry.key], plan.trials[student]
        assert further.start == (student,)
        assert (further.lessons, further.model, further.seed) == (before.lessons, before.model, before.seed)
        assert further.weight_bits == 7
        assert further.train.epochs == 3
        assert further.train.optimizer.lr == pytest.approx(0.2 * before.train.optimizer.lr)
        assert entry.key not in plan.reported


def test_a_variant_that_is_trained_changes_no_other_key() -> None:
    plan = api.plan(small_suite(variants=["fp32", "int8_qat"]))
    trained = {entry.key for entry in plan.entries if entry.role == "variant"}
    assert set(plan.trials) - trained == keys(small_suite())
    assert len(trained) == 4


def test_bfloat16_is_for_the_student_itself() -> None:
    asked = small_suite(variants=["int8_qat"], train={"epochs": 2, "batch_size": 64, "precision": "bfloat16"})
    plan = api.plan(asked)
    assert {plan.trials[e.key].train.precision for e in plan.entries if e.role == "variant"} == {"float32"}


def variants_under(way: dict[str, object], **changes: object) -> list[spec.Trial]:
    asked = {"seeds": 1, "losses": ["cross_entropy", "kd"], "teaching": [way], "variants": ["fp32", "int8_qat"]}
    plan = api.plan(small_suite(**{**asked, "train": {"epochs": 4, "batch_size": 64}, **changes}))
    return [plan.trials[entry.key] for entry in plan.entries if entry.role == "variant"]


def test_a_variant_of_a_student_that_was_trained_in_pieces_trains_all_of_its_own_epochs() -> None:
    *_, further = variants_under({"use": "federated", "rounds": 2}, losses=["kd"])
    assert further.lessons[0].labels is False
    assert [*further.epochs] == [*range(1, further.train.epochs + 1)]


@pytest.mark.parametrize("way", [{"use": "federated", "rounds": 2}, {"use": "peers", "peer": 2}])
def test_a_student_that_is_not_trained_itself_is_not_trained_further(way: dict[str, object]) -> None:
    """Of FedAvg that would be on all clients' samples in one place."""
    with pytest.raises(UserError, match=r"'int8_qat' trains a student further, and under .* none is trained"):
        variants_under(way)
