"""Options that change nothing are told, each once; those that change something are not."""

from pathlib import Path

import pytest

from kdbench.spec import TrainSpec, find_suite, load_suite, plan, suites
from kdbench.spec.planning.effects import without_effect
from kdbench.spec.recipe import learning_rate_factor
from kdbench.zoo.catalog import Catalog
from tests.small import small_suite

ONE_VIEW = "without augment and mixup every epoch of every seed shows the same images"
PATIENT = {"epochs": 4, "batch_size": 64, "patience": 2, "select": "best"}


def told(**changes: object) -> tuple[str, ...]:
    return without_effect(plan(small_suite(seeds=1, **changes), Catalog()))


def of_recipe(**changes: object) -> tuple[str, ...]:
    return told(train={"epochs": 4, "batch_size": 64, **changes})


def factors(recipe: dict[str, object]) -> list[float]:
    """In the middle of each of 100 steps an epoch."""
    spec = TrainSpec.model_validate({"epochs": 4, **recipe})
    return [learning_rate_factor(spec, (step + 0.5) / 100) for step in range(400)]


def test_a_suite_without_such_options_is_told_nothing() -> None:
    assert told() == of_recipe(patience=3, views="fresh") == ()


@pytest.mark.parametrize("last", [3, 4, 5])
def test_a_milestone_is_told_where_the_learning_rate_is_the_same_without_it(last: int) -> None:
    one, two = ({"schedule": {"use": "step", "milestones": found}} for found in ([1], [1, last]))
    text = f"milestones = [{last}]: a training of 4 epochs ends before the learning rate falls there"
    assert of_recipe(**two) == ((text,) if factors(one) == factors(two) else ())


@pytest.mark.parametrize("warmup", [3.5, 4.0, 6.5])
def test_a_warm_up_is_told_where_all_schedules_are_alike_under_it(warmup: float) -> None:
    cosine, constant = ({"warmup_epochs": warmup, "schedule": name} for name in ("cosine", "constant"))
    text = "a training of 4 epochs ends before the learning rate has risen, and its schedule does nothing"
    alike = factors(cosine) == factors(constant)
    assert of_recipe(**cosine) == ((f"warmup_epochs = {warmup:g}: {text}",) if alike else ())


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ({"views": "shared"}, f'views = "shared": {ONE_VIEW}'),
        ({"views": "bank", "bank": 3}, f'views = "bank": {ONE_VIEW}'),
        ({"views": "shared", "augment": ["flip"]}, None),
        ({"views": "bank", "mixup": 0.2}, None),
        ({"patience": 4}, "patience = 4: it never stops a training of 4 epochs"),
        (
            {"optimizer": {"use": "sgd", "weight_decay": 0.0, "decay": "weights"}},
            'decay = "weights": weight_decay is 0',
        ),
        ({"optimizer": {"use": "sgd", "decay": "weights"}}, None),
        (
            {"schedule": {"use": "step", "milestones": [2], "factor": 1.0}},
            "factor = 1: the learning rate does not fall at milestones",
        ),
    ],
)
def test_keys_of_the_recipe(recipe: dict[str, object], text: str | None) -> None:
    assert of_recipe(**recipe) == ((text,) if text else ())


def test_trainings_that_are_shorter_by_another_key_are_left_out() -> None:
    shorter = {"tuning": {"trials": 2, "epochs": 2}, "variants": ["fp32", "int8_qat"]}
    assert told(train=PATIENT, budget={"alone": [0.5, 1]}, **shorter) == ()


def test_of_a_span_its_own_epochs_count() -> None:
    way = {"use": "federated", "rounds": 2, "clients": 2}  # of 2 epochs each
    assert told(train={**PATIENT, "select": "last"}, teaching=["single", way]) == (
        "patience = 2: it never stops a training of 2 epochs",
    )


def test_what_a_way_of_teaching_does_otherwise() -> None:
    assert told(train=PATIENT, teaching=["stream"]) == (
        "patience = 2: it stops no training under 'stream'",
        'select = "best": under \'stream\' it is "last"',
    )


def test_a_way_that_no_loss_is_taught_by() -> None:
    ways = ["single", {"use": "generations", "count": 2}]
    text = "teaching 'generations(count=2)': no loss of the suite asks for a teacher, so it has no row"
    assert told(teaching=ways, losses=["cross_entropy"]) == (text,)
    assert told(teaching=ways, losses=["kd"]) == ()


@pytest.mark.parametrize("tune", [False, True])
def test_a_recipe_of_teachers_none_of_which_is_trained(tune: bool, tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    file.write_bytes(b"abc")
    teacher = {"use": "mlp", "hidden": [16], "weights": {"file": str(file), "tune": tune}}
    pair = {"teacher": teacher, "student": {"use": "mlp", "hidden": [8]}}
    text = "[teacher_train]: all teachers bring their weights, and none is trained"
    assert told(pairs=[pair], teacher_train={"epochs": 1}) == (() if tune else (text,))
    assert told(pairs=[pair]) == ()


@pytest.mark.parametrize(("lr", "is_told"), [(None, False), (0.2, True)])
def test_a_pairs_learning_rate_under_losses_that_have_their_own(lr: float | None, is_told: bool) -> None:
    pair = {"teacher": "mlp", "student": {"use": "mlp", "hidden": [8]}, "lr": 0.01, "name": "small"}
    losses = [{"use": "kd", **({"lr": lr} if lr else {})}]
    text = "lr = 0.01 of the pair 'small': its losses have the same learning rates without it"
    assert told(pairs=[pair], losses=losses) == ((text,) if is_told else ())


def test_budgets_of_rows_that_there_are_not() -> None:
    assert told(losses=["kd"], budget={"alone": [1, 2]}) == (
        "budget.alone = [1.0, 2.0]: the suite has no 'cross_entropy', which is the student alone",
    )
    assert told(losses=["cross_entropy"], budget={"by": "epochs", "losses": [1, 2]}) == (
        "budget.losses = [1.0, 2.0]: the suite has no loss beside the student alone",
    )


@pytest.mark.parametrize(
    ("latency", "text"),
    [
        ({"batch_sizes": []}, None),
        ({"batch_sizes": [], "margin": 0.2}, "[latency]: batch_sizes = [] times nothing, whatever its other keys are"),
        ({"paths": ["host", "device"]}, 'paths = ["host", "device"]: a call on cpu begins and ends at the host'),
        ({"paths": ["device"], "providers": ["cpu", "cuda"]}, None),
        ({"spinning": [False, True]}, "spinning = [false, true]: a single thread waits for no other"),
        ({"spinning": [True], "threads": [1, "cores"]}, None),
    ],
)
def test_keys_of_the_timing(latency: dict[str, object], text: str | None) -> None:
    assert told(latency=latency) == ((text,) if text else ())


@pytest.mark.slow
def test_of_the_suites_of_kdbench_three_have_such_an_option() -> None:
    catalog = Catalog()
    found = {name: without_effect(plan(load_suite(find_suite(name), catalog), catalog)) for name in suites()}
    views = (f'views = "shared": {ONE_VIEW}',)
    assert {name: texts for name, texts in found.items() if texts} == dict.fromkeys(
        ("multitask", "multitask-digits", "stream"), views
    )
