"""How models were trained, in plain words: the recipe, the schedule of views, precision, processes and threads."""

from collections.abc import Callable, Sequence

from kdbench.analyze import Summary
from kdbench.report.writing import formats as f
from kdbench.results import Layout
from kdbench.spec import Suite, TrainSpec

Facts = tuple[tuple[str, str], ...]


def training_facts(summary: Summary) -> Facts:
    """What was declared of the training, and on how many processes and threads it ran."""
    suite = summary.suite
    return (
        ("Student's training", recipe(suite.train) + _own_rates(suite)),
        ("Teacher's training", recipe(suite.teacher_train) if suite.teacher_train else "as the student's"),
        ("View schedule", _of_both(suite, view_schedule)),
        ("Mixup", _of_both(suite, mixup)),
        ("Precision", _of_both(suite, precision)),
        ("Processes and threads", processes_and_threads(summary)),
    )


def recipe(train: TrainSpec) -> str:
    """Epochs, optimizer and augmentation in one line."""
    optimizer = train.optimizer.model_dump()
    settings = ", ".join(f"{name} {value:g}" for name, value in optimizer.items() if name != "use" and value)
    parts = [
        f"{f.several(train.epochs, 'epoch')} of batches of {train.batch_size}",
        f"{optimizer['use']} ({settings}), {train.schedule.use} schedule",
        f"warm-up over {train.warmup_epochs:g} of them" if train.warmup_epochs else "",
        f"augmentation: {', '.join(view.label for view in train.augment)}" if train.augment else "no augmentation",
        f"stops after {train.patience} epochs without gain" if train.patience else "",
    ]
    return "; ".join(part for part in parts if part)


def _own_rates(suite: Suite) -> str:
    """Pairs whose students have another learning rate."""
    own = [f"lr {pair.lr:g} in the pair {pair.label}" for pair in suite.pairs if pair.lr is not None]
    return "; ".join(["", *own])


def view_schedule(train: TrainSpec) -> str:
    """Which views of a sample its epochs show, and whether seeds see the same ones."""
    if not train.augment and train.mixup is None:
        return "static: no augmentation, so every epoch of every seed shows the same images"
    if train.views == "fresh":
        return "fresh: every seed draws its own views in every epoch"
    if train.views == "bank":
        return f"bank: {f.several(train.slots or 0, 'view')} per sample, from which every seed takes its own"
    return "shared: one view per epoch, the same for all seeds; intervals do not include how views vary"


def mixup(train: TrainSpec) -> str:
    """Whether samples are mixed, and how strongly."""
    if train.mixup is None:
        return "none"
    return f"each image and label is mixed with another sample's, alpha {train.mixup:g}"


def precision(train: TrainSpec) -> str:
    """What the forward pass was computed in."""
    if train.precision == "float32":
        return "float32"
    return f"{train.precision} in the model's own forward pass (autocast), else float32"


def _of_both(suite: Suite, word: Callable[[TrainSpec], str]) -> str:
    """What holds of students and teachers, told apart where it differs."""
    students, teachers = word(suite.train), word(suite.teacher_train or suite.train)
    return students if students == teachers else f"students: {students}; teachers: {teachers}"


def processes_and_threads(summary: Summary) -> str:
    """Of each wave that this run trained, and what the probe found; else of the records."""
    if summary.layouts:
        return "; ".join(_waves(summary.layouts))
    found = sorted({layout for row in summary.models for layout in row.training.layouts})
    earlier = ", ".join(_times(processes, threads) for processes, threads in found) or f.NONE
    return f"nothing was trained in this run; earlier: {earlier}"


def _waves(layouts: Sequence[Layout]) -> list[str]:
    several = len(layouts) > 1
    return [(f"wave {i} of {len(layouts)}: " if several else "") + _wave(layout) for i, layout in enumerate(layouts, 1)]


def _wave(layout: Layout) -> str:
    how = _times(layout.processes, layout.threads)
    if layout.epoch_seconds is None or layout.seconds is None:
        return f"{how}, without a probe"
    return (
        f"{how}, chosen by a probe: an epoch of one model took {f.seconds(layout.epoch_seconds)} in all of them at "
        f"once, which foresees {f.seconds(layout.seconds)} for the wave"
    )


def _times(processes: int, threads: int) -> str:
    count = f"{processes:,} {'process' if processes == 1 else 'processes'}"
    return f"{count} × {f.several(threads, 'thread')}"
