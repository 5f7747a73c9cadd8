"""What every loss says of a student wider than its teacher, of a batch of one, and of a layer that does not exist."""

from functools import cache

import pytest
import torch
from torch import Tensor

from kdbench.spec import Trial
from kdbench.train.build import Criterion, build_criterion, build_model
from kdbench.zoo import NotApplicable
from kdbench.zoo.catalog import BUILTIN, Catalog
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.layers.taps import Trace, outputs, tapped, trace
from tests.small import small_trial

SHAPE, CLASSES, EPOCHS = (3, 8, 8), 5, 240
# Student and teacher.
WIDER = {
    "cnn": [{"use": "cnn", "options": {"width": width}} for width in (6, 4)],
    "resnet_cifar": [{"use": "resnet_cifar", "options": {"depth": 8, "width_factor": x}} for x in (4, 1)],
}
REFUSED = {("overhaul", "cnn"): "overhaul takes its margins from the teacher's batch norm"}
SERVED = [(use, pair) for use in BUILTIN["losses"] for pair in WIDER if (use, pair) not in REFUSED]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@cache
def networks(pair: str) -> list[Trace]:
    """Student and teacher, which no case trains."""
    trials = [small_trial(model=model, seed=seed) for model, seed in zip(WIDER[pair], (0, 5), strict=True)]
    student, teacher = (build_model(one.model, Catalog(), CLASSES, SHAPE, one.seed) for one in trials)
    return [trace(student, SHAPE), trace(teacher.eval(), SHAPE)]


class Case:
    """A loss between two untrained networks: what it gives for a batch, and whom its gradient reaches."""

    def __init__(self, use: str, pair: str = "resnet_cifar", **options: object) -> None:
        trial: Trial = small_trial(loss={"use": use, "options": options}, teachers=[small_trial(seed=5)])
        self.traces = networks(pair)
        self.student, self.teacher = (each.model for each in self.traces)
        self.student.zero_grad()
        teachers = self.traces[1:] if trial.teachers else []
        self.criterion: Criterion = build_criterion(trial.lessons[0], Catalog(), self.traces[0], teachers, Draw(0))

    def value(self, batch: int, epoch: float) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        images, labels = torch.randn(batch, *SHAPE, generator=generator), torch.arange(40) % CLASSES
        layers = self.criterion.student_layers, self.criterion.teacher_layers
        with (
            tapped(self.student, self.traces[0], layers[0]) as own,
            tapped(self.teacher, self.traces[1], layers[1]) as others,
        ):
            given = outputs(self.student, images, own)
            with torch.no_grad():
                wanted = outputs(self.teacher, images, others)
        moment = Moment(epoch, EPOCHS, Draw(0, int(epoch) + 1, torch.arange(batch)), labels)
        return self.criterion(given, wanted, labels[:batch], moment)

    def reached(self) -> dict[str, bool]:
        """Whether a gradient is there, and not 0; that it is finite is asserted."""
        own = self.criterion.parameters
        return {"student": _any_gradient(list(self.student.parameters())), "loss": _any_gradient(own)}


def _any_gradient(parameters: list[torch.nn.Parameter]) -> bool:
    gradients = [p.grad for p in parameters if p.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    return any(bool(gradient.any()) for gradient in gradients)


# A student wider than its teacher


@pytest.mark.parametrize(("use", "pair"), SERVED)
@pytest.mark.parametrize("epoch", [0.0, EPOCHS - 0.5])
def test_a_student_may_be_wider_than_its_teacher(use: str, pair: str, epoch: float) -> None:
    case = Case(use, pair)
    value = case.value(batch=4, epoch=epoch)
    assert value.isfinite()
    value.backward()
    # First its paraphraser learns the teacher's features: the student waits.
    learning = "loss" if (use, epoch) == ("factor_transfer", 0.0) else "student"
    assert case.reached()[learning]


@pytest.mark.parametrize(("use", "pair"), REFUSED)
def test_a_pair_that_is_refused_has_its_reason_before_any_step(use: str, pair: str) -> None:
    with pytest.raises(NotApplicable, match=REFUSED[use, pair]):
        Case(use, pair)


# A batch of one, which no training makes: see test_batches.py for the last of an epoch

RELATIONS = {
    **dict.fromkeys(
        ("similarity_preserving", "rkd", "pkt", "correlation_congruence"),
        "a relation between samples needs at least 2 in the batch, got 1",
    ),
    "dist": "dist correlates over samples and classes, at least 2 of each: the batch has 1 and 5",
    "review_kd": "more than 1 value per channel",  # its batch norm of the embedding, in torch's words
}


@pytest.mark.parametrize("use", BUILTIN["losses"])
@pytest.mark.parametrize("epoch", [0.0, EPOCHS - 0.5])
def test_a_batch_of_one_is_declined_where_samples_are_compared_and_else_has_a_value(use: str, epoch: float) -> None:
    case = Case(use)
    if use in RELATIONS:
        with pytest.raises((ValueError, NotApplicable), match=RELATIONS[use]):
            case.value(batch=1, epoch=epoch)
    else:
        value = case.value(batch=1, epoch=epoch)
        assert value.isfinite()
        value.backward()
        assert any(case.reached().values())


def test_no_recipe_has_batches_of_one() -> None:
    with pytest.raises(ValueError, match=r"batch_size\n.*greater than or equal to 2"):
        small_trial(train={"batch_size": 1})


# A layer that does not exist

TAPPING = [
    (use, f"{whose}_layer{plural}")
    for use in BUILTIN["losses"]
    for whose in ("student", "teacher")
    for plural in ("", "s")
    if f"{whose}_layer{plural}" in {option.name for option in Catalog().signature("losses", use).options}
]


@pytest.mark.parametrize(("use", "option"), TAPPING)
@pytest.mark.parametrize(
    ("pair", "wrong", "nearest"), [("cnn", "relux2", "relu2"), ("resnet_cifar", "stge3", "stage3")]
)
def test_a_layer_that_does_not_exist_is_told_with_the_nearest(
    use: str, option: str, pair: str, wrong: str, nearest: str
) -> None:
    options: dict[str, object] = {option: wrong}
    if option.endswith("s"):  # as many of the other
        options = {name: [wrong if name == option else nearest] for name in ("student_layers", "teacher_layers")}
    with pytest.raises(NotApplicable, match=f"no layer '{wrong}' in this model; did you mean '{nearest}'") as told:
        Case(use, pair, **options)
    listed = str(told.value).partition("allowed: ")[2].split(", ")
    assert len(listed) <= 20 or " more" in listed[-1]
    if pair == "resnet_cifar":  # of more than 20, nearest first
        assert listed[0] == nearest


def test_every_loss_that_taps_can_be_told_where() -> None:
    cases = {use: Case(use, "resnet_cifar" if (use, "cnn") in REFUSED else "cnn") for use in BUILTIN["losses"]}
    tapping = {use for use, case in cases.items() if case.criterion.student_layers or case.criterion.teacher_layers}
    assert {use for use, _ in TAPPING} == tapping
