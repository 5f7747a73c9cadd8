"""The clauses of the contract, each a fault found in public implementations."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from kdbench.zoo.contract.examination import BATCH, CLASSES, Broken, Examined, Subject, draw_case, require
from kdbench.zoo.interface import NotApplicable, Outputs


def _scalar(loss: Examined) -> None:
    student, teacher, labels = draw_case()
    value = loss.value(loss.outputs(student, "student"), loss.outputs(teacher, "teacher"), labels)
    require(value.shape == (), f"its value has the shape {list(value.shape)}; reduce it to a scalar")
    require(value.dtype == torch.float32, f"its value is {value.dtype}; compute in float32")


def _finite(loss: Examined) -> None:
    """Fault 10: log(softmax) and masks of -1000."""
    _, _, labels = draw_case()
    far = 1e4 * torch.eye(CLASSES)[torch.arange(BATCH) % CLASSES]
    for student, teacher in (
        (far, -far),
        (-far, far),
        (far, far.roll(1, 1)),
        (far, far),
        (0 * far, far),
        (far, 0 * far),
    ):
        value = loss.of(student, teacher, labels)
        require(bool(torch.tensor(value).isfinite()), f"it is {value} for logits of +-1e4; use log_softmax in float32")
        gradient = loss.gradient(student, teacher, labels)
        require(bool(gradient.isfinite().all()), "its gradient is not finite for logits of +-1e4; use log_softmax")


def _batch_doubling(loss: Examined) -> None:
    """Fault 1: a sum over the batch."""
    student, teacher, labels = draw_case()
    one, two = loss.outputs(student, "student"), loss.outputs(teacher, "teacher")
    value = loss.value(one, two, labels).item()
    twice = torch.arange(BATCH).repeat(2)
    doubled = loss.value(_rows(one, twice), _rows(two, twice), labels[twice], twice).item()
    require(_close(value, doubled, 1e-4), f"{value:.6g} became {doubled:.6g} with every sample twice; mean over it")


def _batch_order(loss: Examined) -> None:
    """A batch is a set."""
    student, teacher, labels = draw_case()
    one, two = loss.outputs(student, "student"), loss.outputs(teacher, "teacher")
    value = loss.value(one, two, labels).item()
    order = torch.arange(BATCH).roll(3).flip(0)
    other = loss.value(_rows(one, order), _rows(two, order), labels[order], order).item()
    require(_close(value, other, 1e-4), f"{value:.6g} became {other:.6g} with the samples in another order")


def _rows(outputs: Outputs, index: Tensor) -> Outputs:
    return Outputs(outputs.logits[index], {layer: tensor[index] for layer, tensor in outputs.features.items()})


def _class_padding(loss: Examined) -> None:
    """Fault 1: a mean over classes too. Only for losses of probabilities, which a constant on all logits leaves."""
    student, teacher, labels = draw_case()
    value = loss.of(student, teacher, labels)
    if not loss.taught or not _close(value, loss.of(student + 1, teacher - 1, labels), 1e-4):
        return
    wider = loss.of(_pad(student), _pad(teacher), labels)
    require(_close(value, wider, 1e-4), f"{value:.6g} became {wider:.6g} with classes of probability 0; sum over them")


def _pad(logits: Tensor) -> Tensor:
    return torch.cat((logits, torch.full_like(logits, -1e4)), dim=1)


def _minimum(subject: Subject) -> None:
    """Fault 4. L(a, b) + L(b, a) - L(a, a) - L(b, b), in which the labels' term cancels, is never below 0 if L(b, b) is
    the least loss under a teacher b. Losses with weights of their own have no such minimum."""
    loss = subject.build()
    if not loss.taught or loss.module:
        return
    for seed in range(5):
        a, b, labels = draw_case(seed=seed)
        crossed, straight = (
            sum(loss.of(one, two, labels) for one, two in pairs) for pairs in (((a, b), (b, a)), ((a, a), (b, b)))
        )
        require(
            crossed - straight >= -1e-5 * max(1.0, abs(straight)),
            f"students equal to their teachers give {straight:.6g}, swapped ones {crossed:.6g}; check the sign",
        )


def _direction(subject: Subject) -> None:
    """Fault 3: swapped arguments. To leave out one of the teacher's classes costs no less than to add one."""
    loss = subject.build()
    if not loss.taught or loss.module:
        return
    labels = torch.zeros(BATCH, dtype=torch.int64)
    teacher, missing, allowing = (
        torch.tensor(logits).repeat(BATCH, 1) for logits in ((0.0, 0.0, -20.0), (0.0, -20.0, -20.0), (0.0, 0.0, 0.0))
    )
    excess = [loss.of(s, teacher, labels) - loss.of(s, s, labels) for s in (missing, allowing)]
    require(
        excess[0] >= excess[1] - 1e-4 * abs(excess[1]),
        f"leaving out a class of the teacher's costs {excess[0]:.4g}, adding one costs {excess[1]:.4g}: "
        "student and teacher look swapped",
    )


def _step(subject: Subject) -> None:
    """Fault 4: one gradient step on free logits must bring the student closer to the teacher (or to the labels)."""
    loss = subject.build()
    student, teacher, labels = draw_case()
    if loss.taps or loss.module:
        _descend(loss, student, teacher, labels)
    elif loss.taught:
        toward = _centre(teacher) - _centre(student)
        gain = -(loss.teaching(student, teacher, labels) * toward).sum().item()
        require(gain > 0, "a gradient step takes the student's logits away from the teacher's; check the sign")
    else:
        after = student - 0.01 * loss.gradient(student, teacher, labels)
        before, now = (functional.cross_entropy(logits, labels).item() for logits in (student, after))
        require(now < before, f"a gradient step raises the cross-entropy to the labels: {before:.6g} to {now:.6g}")


def _descend(loss: Examined, student: Tensor, teacher: Tensor, labels: Tensor) -> None:
    """One small step on everything that learns lowers the loss, and the gradient is that of the value."""
    one, two = loss.outputs(student, "student"), loss.outputs(teacher, "teacher")
    learning = [one.logits, *one.features.values(), *loss.own.values()]
    before = loss.value(one, two, labels)
    require(before.requires_grad, "its value carries no gradient: something detached it")
    before.backward()  # type: ignore[no-untyped-call]
    length = torch.cat([p.grad.flatten() for p in learning if p.grad is not None]).norm()
    with torch.no_grad():
        for p in learning:
            if p.grad is not None:
                p -= 1e-2 * p.grad / length.clamp(min=1e-12)
    after = loss.value(one, two, labels)
    require(after.item() < before.item(), f"a gradient step raises it: {before.item():.6g} to {after.item():.6g}")


def _centre(logits: Tensor) -> Tensor:
    return logits - logits.mean(dim=1, keepdim=True)


def _gradient(subject: Subject) -> None:
    """Fault 5: a detached or constant term."""
    student, teacher, labels = draw_case()
    reached: dict[str, bool] = {}  # by what must be reached, at one time of the training or another
    for loss in subject.at_any_time():
        if not loss.taps:
            part = loss.teaching(student, teacher, labels) if loss.taught else loss.gradient(student, teacher, labels)
            whose = "the teacher's" if loss.taught else "the labels'"
            what = f"of {whose} term reaches the student's logits"
            reached[what] = reached.get(what, False) or bool(part.abs().max() > 0)
        one = loss.outputs(student, "student")
        value = loss.value(one, loss.outputs(teacher, "teacher"), labels)
        require(value.requires_grad, "its value carries no gradient: something detached it")
        value.backward()  # type: ignore[no-untyped-call]
        learning = {f"reaches the student's layer '{name}'": tensor for name, tensor in one.features.items()}
        learning |= {f"reaches its own weight '{name}'": tensor for name, tensor in loss.own.items()}
        for what, tensor in learning.items():
            found = tensor.grad is not None and bool(tensor.grad.abs().max() > 0)
            reached[what] = reached.get(what, False) or found
    for what, found in reached.items():
        require(found, f"no gradient {what}")


def _teacher(loss: Examined) -> None:
    """Faults 5 and 6: a teacher that learns from its student, or that the loss changes."""
    student, teacher, labels = draw_case()
    given = loss.outputs(teacher, "teacher")
    before = loss.outputs(teacher, "teacher")
    value = loss.value(loss.outputs(student, "student"), given, labels)
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    for name, tensor in (("logits", given.logits), *given.features.items()):
        reached = tensor.grad is not None and bool(tensor.grad.abs().max() > 0)
        require(not reached, f"a gradient reaches the teacher's {name}; detach them")
        same = before.logits if name == "logits" else before.features[name]
        require(torch.equal(tensor, same), f"it changes the teacher's {name} in place; compute anew")


def _temperature(subject: Subject) -> None:
    """Fault 2: without T^2 the gradient falls with the square of T (small logits, where the law is exact)."""
    if not subject.build().taught or not subject.takes_temperature:
        return
    student, teacher, labels = draw_case(scale=0.1)
    norms = {t: subject.build(temperature=t).teaching(student, teacher, labels).norm().item() for t in (1.0, 4.0, 16.0)}
    require(
        max(norms.values()) <= 1.5 * min(norms.values()),
        f"its gradient goes from {norms[1.0]:.3g} at T 1 to {norms[16.0]:.3g} at T 16; multiply by T^2",
    )


def _precision(loss: Examined) -> None:
    """Fault 10: half-precision logits must be computed with in float32."""
    student, teacher, labels = draw_case(scale=8.0)
    halves = student.bfloat16(), teacher.bfloat16()
    exact = loss.of(halves[0].float(), halves[1].float(), labels)
    rough = loss.value(loss.outputs(halves[0], "student"), loss.outputs(halves[1], "teacher"), labels)
    require(
        rough.dtype == torch.float32 and _close(rough.item(), exact, 1e-4),
        f"bfloat16 logits give {rough.item():.6g} ({rough.dtype}), in float32 {exact:.6g}; call .float() first",
    )


def _soft_labels(loss: Examined) -> None:
    """Under mixup labels are shares of the classes [B, C]: a share of 1 is that class, a mix of two is neither."""
    student, teacher, labels = draw_case()
    others = (labels + 1) % CLASSES
    own, other = (functional.one_hot(which, CLASSES).float() for which in (labels, others))
    try:
        whole, mixed = (loss.of(student, teacher, shares) for shares in (own, 0.7 * own + 0.3 * other))
    except NotApplicable:
        return
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        text = str(error).partition("\n")[0]
        raise Broken(
            f"labels [B, C] raise {type(error).__name__} ({text}); accept them, or raise NotApplicable"
        ) from None
    hard, next_to = (loss.of(student, teacher, which) for which in (labels, others))
    require(
        _close(hard, whole, 1e-4), f"{hard:.6g} became {whole:.6g} with the same labels as shares [B, C] of 1 and 0"
    )
    if not _close(hard, next_to, 1e-4):
        taken = any(_close(mixed, end, 1e-5) for end in (hard, next_to))
        require(
            not taken, f"labels of 0.7 and 0.3 give the {mixed:.6g} of whole ones; weigh the classes by their shares"
        )


def _no_labels(loss: Examined) -> None:
    """Where labels may be None, a loss then leaves out their term, and nothing of its teacher's."""
    if "labels" not in loss.optional:
        return
    student, teacher, labels = draw_case()
    teachers = teacher, teacher.roll(1, 0)
    try:
        without = [loss.of(student, each, None) for each in teachers]
    except NotApplicable:
        return
    terms = [loss.of(student, each, labels) - value for each, value in zip(teachers, without, strict=True)]
    same = _close(terms[0], terms[1], 1e-3)
    require(same, f"labels=None leaves out {terms[0]:.6g}, and {terms[1]:.6g} under another teacher")
    taught = loss.taps or not _close(without[0], without[1], 1e-6)
    require(taught, "with labels=None its value does not depend on the teacher")


def _close(one: float, two: float, relative: float) -> bool:
    return abs(one - two) <= relative * max(abs(one), abs(two), 1e-3)


def _always(hold: Callable[[Examined], None]) -> Callable[[Subject], None]:
    """A clause that holds at every time of a training, not only when it is done."""

    def clause(subject: Subject) -> None:
        for loss in subject.at_any_time():
            hold(loss)

    return clause


CLAUSES: dict[str, Callable[[Subject], None]] = {
    "scalar": _always(_scalar),
    "finite": _always(_finite),
    "batch doubling": _always(_batch_doubling),
    "batch order": _always(_batch_order),
    "class padding": _always(_class_padding),
    "minimum": _minimum,
    "direction": _direction,
    "step": _step,
    "gradient": _gradient,
    "teacher": _always(_teacher),
    "temperature": _temperature,
    "precision": _always(_precision),
    "soft labels": _always(_soft_labels),
    "no labels": lambda subject: _no_labels(subject.build()),
}
