"""The contract holds for every loss of kdbench, and catches a wrong loss of every kind."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from kdbench.spec import UserError
from kdbench.zoo import BrokenContract, LossModule, check_loss
from kdbench.zoo.catalog import BUILTIN
from kdbench.zoo.contract.clauses import CLAUSES
from kdbench.zoo.interface import NotApplicable, Outputs

# Rows of norm or sum 1 over the batch, and a mean over [B, B]: as the papers and their weights have it, it falls as 1/B.
WAIVED: dict[str, tuple[str, ...]] = {"similarity_preserving": ("batch doubling",), "pkt": ("batch doubling",)}
# Logit losses as they were published; each docstring says so under Differs.
WAIVED |= {
    "agreement_masked": ("minimum", "temperature"),  # samples that disagree are charged nothing; no T^2
    "dist": ("class padding", "temperature"),  # a mean over classes; T^2, although correlation knows no scale
    "logit_standardization": ("class padding",),  # mean and deviation over all classes
    "multi_level": ("class padding",),  # a mean over classes in the term between them
    "nkd": ("direction",),  # its term of the label's class is no divergence: more certain is never charged
}


@pytest.mark.parametrize("use", BUILTIN["losses"])
def test_every_loss_holds_the_contract(use: str) -> None:
    check_loss(use, WAIVED.get(use, ()))


@pytest.mark.parametrize("use", WAIVED)
def test_a_waiver_is_needed(use: str) -> None:
    for clause in WAIVED[use]:
        with pytest.raises(BrokenContract, match=f"clause '{clause}'"):
            check_loss(use, CLAUSES.keys() - {clause})


@pytest.mark.parametrize(
    ("use", "options"),
    [
        ("kd", {"temperature": 1.0, "ce_weight": 0.0}),
        ("soft_cross_entropy", {"temperature": 4.0}),
        ("fitnet", {"student_layer": "embedding", "teacher_layer": "embedding"}),
        ("fitnet", {"student_layer": "first", "teacher_layer": "relu1"}),
        ("attention_transfer", {"student_layers": ("relu1", "last"), "teacher_layers": ("relu2", "conv2")}),
        ("vid", {"student_layers": ("embedding",), "teacher_layers": ("fc1",), "initial_variance": 1.0}),
        ("nst", {"student_layers": ("last",), "teacher_layers": ("first",)}),
        ("rkd", {"student_layer": "last", "teacher_layer": "embedding", "angle_weight": 0.0}),
        ("correlation_congruence", {"kernel": "bilinear", "student_layer": "last"}),
    ],
)
def test_options_reach_the_loss(use, options) -> None:
    check_loss(use, **options)


def kl(student, teacher, temperature=1.0):
    """The right divergence, from which the wrong ones below depart."""
    log_t = functional.log_softmax(teacher.logits.detach().float() / temperature, 1)
    log_s = functional.log_softmax(student.logits.float() / temperature, 1)
    return functional.kl_div(log_s, log_t, reduction="batchmean", log_target=True)


def ce(student, labels):
    return functional.cross_entropy(student.logits.float(), labels)


def right(student, teacher, labels, *, temperature=4.0):
    return temperature**2 * kl(student, teacher, temperature) + ce(student, labels)


def mean_over_classes(student, teacher, labels):
    return kl(student, teacher) / student.logits.shape[1] + 0 * ce(student, labels)


def sum_over_batch(student, teacher, labels):
    return kl(student, teacher) * len(labels)


def without_t_squared(student, teacher, labels, *, temperature=4.0):
    return kl(student, teacher, temperature) + ce(student, labels)


def swapped(student, teacher, labels):
    log_t = functional.log_softmax(teacher.logits.detach().float(), 1)
    return functional.kl_div(log_t, functional.softmax(student.logits.float(), 1), reduction="batchmean")


def negated(student, teacher, labels):
    return ce(student, labels) - kl(student, teacher)


def negated_labels(student, labels):
    return -ce(student, labels)


def detached_term(student, teacher, labels):
    return ce(student, labels) + kl(student, teacher).detach()


def rebuilt_tensor(student, teacher, labels):
    return torch.tensor([kl(student, teacher).item(), ce(student, labels).item()]).sum()


def without_teacher(student, teacher, labels):
    return ce(student, labels)


def log_of_softmax(student, teacher, labels):
    p_t = functional.softmax(teacher.logits.detach().float(), 1)
    return -(p_t * functional.softmax(student.logits.float(), 1).log()).sum(1).mean()


def teacher_attached(student, teacher, labels):
    return functional.mse_loss(student.logits.float(), teacher.logits.float())


def per_sample(student, teacher, labels):
    return functional.cross_entropy(student.logits.float(), labels, reduction="none")


def a_number(student, labels):
    return ce(student, labels).item()


def first_come(student, teacher, labels):
    half = len(labels) // 2  # of a batch and of its double: the same value for both
    return kl(student, teacher) + functional.cross_entropy(student.logits[:1].float(), labels[:1]) * (half > 0)


def changes_the_teacher(student, teacher, labels):
    with torch.no_grad():
        teacher.logits.clamp_(-100, 1)
    return right(student, teacher, labels)


def warmed_up(student, teacher, labels, moment):
    share = min(1.0, moment.epoch / (0.1 * moment.epochs))
    return share * kl(student, teacher) + functional.cross_entropy(student.logits.float(), labels)


def noisy(student, teacher, labels, moment):
    noise = 0.1 * moment.draw.normal("noise", teacher.logits.shape[1])
    return right(student, Outputs(teacher.logits.detach().float() + noise), labels)


def divides_by_the_epoch(student, teacher, labels, moment):
    return right(student, teacher, labels) / moment.epoch


def half_precision(student, labels):
    return functional.cross_entropy(student.logits, labels).float()


def gathers(student, labels):
    return -functional.log_softmax(student.logits.float(), 1).gather(1, labels[:, None]).mean()


def decides(student, labels):
    return ce(student, labels if labels.ndim == 1 else labels.argmax(dim=1))


def halves_shares(student, labels):
    return ce(student, labels) if labels.ndim == 1 else ce(student, labels) / 2


def hard_labels_alone(student, labels):
    if labels.ndim == 2:
        raise NotApplicable("hard_labels_alone takes no shares of classes: drop mixup")
    return gathers(student, labels)


class IdleWeight(LossModule):
    """A loss with a weight that no gradient reaches."""

    def __init__(self, student, teacher):
        super().__init__(student, teacher)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, student, teacher, labels):
        return kl(student, teacher) * self.scale.detach()


class FeaturesCut(LossModule):
    """A loss of features that cuts the student's off."""

    def __init__(self, student, teacher):
        super().__init__(student, teacher, ("embedding",), ("embedding",))
        self.regressor = nn.Linear(student.shape("embedding")[0], teacher.shape("embedding")[0])

    def forward(self, student, teacher, labels):
        guessed = self.regressor(student.features["embedding"].detach())
        return functional.mse_loss(guessed, teacher.features["embedding"].detach()) + ce(student, labels)


def reads_labels_unasked(student, teacher, labels: torch.Tensor | None):
    return kl(student, teacher) * (1.0 if labels is None else 2.0)


def needs_labels_after_all(student, teacher, labels: torch.Tensor | None):
    return kl(student, teacher) + ce(student, labels) if labels is not None else 0.0 * student.logits.sum()


WRONG = [
    (mean_over_classes, "class padding"),
    (sum_over_batch, "batch doubling"),
    (first_come, "batch order"),
    (changes_the_teacher, "teacher"),
    (without_t_squared, "temperature"),
    (swapped, "direction"),
    (negated, "minimum"),
    (negated_labels, "step"),
    (detached_term, "gradient"),
    (rebuilt_tensor, "gradient"),
    (without_teacher, "gradient"),
    (log_of_softmax, "finite"),
    (teacher_attached, "teacher"),
    (per_sample, "scalar"),
    (a_number, "scalar"),
    (half_precision, "precision"),
    (gathers, "soft labels"),
    (decides, "soft labels"),
    (halves_shares, "soft labels"),
    (IdleWeight, "gradient"),
    (FeaturesCut, "gradient"),
    (reads_labels_unasked, "no labels"),
    (needs_labels_after_all, "no labels"),
]


def test_the_right_loss_passes() -> None:
    check_loss(right)


def test_a_loss_may_be_another_at_first_and_draw_noise_by_sample() -> None:
    check_loss(warmed_up)
    check_loss(noisy, ("class padding",))  # other classes draw other noise


def test_a_loss_is_asked_at_the_start_too() -> None:
    with pytest.raises(BrokenContract, match="breaks the clause 'finite'"):
        check_loss(divides_by_the_epoch)


def test_a_loss_may_decline_soft_labels() -> None:
    check_loss(hard_labels_alone)


@pytest.mark.parametrize(("loss", "clause"), WRONG, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_loss_is_caught_by_its_clause(loss, clause: str) -> None:
    others = [name for name in CLAUSES if name != clause]
    with pytest.raises(BrokenContract, match=f"loss '{loss.__name__}' breaks the clause '{clause}': ") as caught:
        check_loss(loss, others)
    assert caught.value.clause == clause
    with pytest.raises(BrokenContract):
        check_loss(loss)


def test_every_clause_catches_something() -> None:
    assert {clause for _, clause in WRONG} == CLAUSES.keys()


def test_a_clause_can_be_waived() -> None:
    check_loss(swapped, ("direction", "finite"))


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="no clause 'padding'"):
        check_loss("kd", ("padding",))
    with pytest.raises(UserError, match=r"unknown loss 'kdd'\n  help: did you mean 'kd'"):
        check_loss("kdd")


def test_the_random_state_is_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_loss("fitnet")
    assert torch.equal(before, torch.get_rng_state())
