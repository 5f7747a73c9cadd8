"""How and where a run was measured, and how to repeat it, as names and values."""

import json
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from kdbench.analyze import Elsewhere, Summary
from kdbench.report.writing import formats as f
from kdbench.results import Layout
from kdbench.spec import Suite, TrainSpec
from kdbench.spec.trial import Checkpoint
from kdbench.statistics.paired import EQUIVALENCE, SEEDS_FOR_A_CLAIM

Facts = tuple[tuple[str, str], ...]
INTERVALS = (
    "95 %, Student's t over seeds and over test samples, each with its own part of the error; gains pair both; "
    "for what they hold is said at the top. Those of retention, gap closed, calibration and further metrics are over "
    "seeds alone"
)
MACHINE = (
    ("cpu", "Processor"),
    ("physical_cores", "Physical cores"),
    ("logical_cores", "Logical cores"),
    ("affinity", "Cores in use"),
    ("cpu_quota", "CPU quota"),
    ("hypervisor", "Virtual machine"),
    ("governor", "Frequency governor"),
    ("instruction_set", "Instruction set"),
    ("caches", "Caches"),
    ("memory_bytes", "Memory"),
    ("gpus", "GPUs"),
    ("system", "System"),
    ("allocator", "C library"),
    ("python", "Python"),
    ("load_average", "Load average at the start"),
    ("kdbench_commit", "kdbench commit"),
    ("kdbench_source", "kdbench source hash"),
)


def protocol(summary: Summary) -> Facts:
    """The protocol of training and measurement."""
    suite, train = summary.suite, summary.suite.train
    data = suite.data
    chosen = "the last epoch" if train.select == "last" else "the epoch that is best on validation"
    kept = "".join(f", {part.label} of the training samples" for part in data.parts)
    kept += "".join(f", labels of {part.label} of them" for part in data.labelled)
    shape = " x ".join(map(str, summary.input_shape)) or "unknown"
    tested = f"{summary.test_samples:,} test samples" if summary.test_samples is not None else "no test samples"
    teachers = f"{f.several(suite.teacher_seeds, 'teacher')} per pair"
    teachers += "; student seeds use them in turn" if suite.teacher_seeds > 1 else ", the same for all seeds"
    share = summary.largest_class
    largest = f", of which the largest has {f.percent(share)} of the test samples" if share else ""
    return (
        ("Data", f"{data.dataset.label}{kept}; {summary.classes or 'unknown'} classes{largest}; input {shape}"),
        ("Validation", f"{100 * data.validation:g} % of the training split, held out (split seed {data.split_seed})"),
        ("Accuracy", f"top-1 of the exported ONNX model on {tested}, the same for all"),
        ("Deployed weights", f"of {chosen}"),
        ("Selection", _selection(suite)),
        ("Budget", _budget(suite)),
        ("Tuning", _tuning(suite)),
        ("Seeds", f"{f.several(len(suite.seeds), 'seed')} ({', '.join(map(str, suite.seeds))}), shared by all losses"),
        ("Teachers", teachers),
        ("Ways of teaching", ", ".join(way.label for way in suite.teaching)),
        *training_facts(summary),
        ("What the student sees", suite.view.label),
        ("Intervals", INTERVALS),
        ("Latency", _latency(summary)),
    )


def _selection(suite: Suite) -> str:
    """Which row is the candidate, and what confirms it."""
    apart = f"seeds {', '.join(map(str, suite.confirming))}" if suite.confirming else "none"
    return (
        "the row of a pair that is best on validation at the recipe's epochs is its candidate. It ships where its gain "
        "over the student alone on test is confirmed: by a 95 % interval above 0 at seeds that took no part in the "
        f"choice ({apart}), or, without such seeds, by a Holm p of at most 0.05 over the pair's rows; either takes "
        f"{SEEDS_FOR_A_CLAIM} seeds. The student alone ships where no loss is better on validation, or where a gain of "
        f"{100 * EQUIVALENCE:g} points is excluded. Of all pairs and variants the cheapest ships that is not shown to "
        "be worse by that much than the best on validation"
    )


def _budget(suite: Suite) -> str:
    """For how many times the recipe's epochs students are trained."""
    alone = suite.budget.alone if suite.budget.by != "epochs" else (1.0,)
    times = [", ".join(f"{budget:g}" for budget in budgets) for budgets in (alone, suite.budget.losses)]
    return f"the student alone {times[0]} x the recipe's epochs, losses {times[1]} x"


def _tuning(suite: Suite) -> str:
    """How the settings of each row were searched for."""
    tuning = suite.tuning
    if tuning is None:
        return "none: every row has the settings that the suite gives it"
    seeds = f"{'seed' if len(tuning.seeds) == 1 else 'seeds'} {', '.join(map(str, tuning.seeds))}"
    epochs = tuning.epochs or suite.train.epochs
    lr = f"{tuning.lr.range[0]:g} to {tuning.lr.range[1]:g}" if tuning.lr else "a tenth to ten times the published one"
    return (
        f"{tuning.trials} tries of {f.several(epochs, 'epoch')} for the student alone and each loss, {tuning.search}, "
        f"with {seeds}; learning rates from {lr}, and the ranges that the losses' options declare; the try that is "
        "best on validation gives the settings of the row 'tuned'"
    )


def _latency(summary: Summary) -> str:
    """What was asked for, and how many slices were timed."""
    asked = summary.suite.latency
    ratios = [timing.ratio for model in summary.deployed for timing in model.timings if timing.ratio]
    pairs = sorted(ratio.pairs for ratio in ratios)
    measured = f"{_range(f.count(pairs[0]), f.count(pairs[-1]))} slice pairs each" if pairs else "nothing was timed"
    words = [
        f"providers {', '.join(asked.providers)}",
        f"threads {', '.join(map(str, asked.threads))}",
        f"batch sizes {', '.join(map(str, asked.batch_sizes))}",
        f"margin {100 * asked.margin:g} %",
        f"once per architecture, in slices interleaved with a reference's; {measured}",
    ]
    return "; ".join(words)


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def machine(summary: Summary) -> Facts:
    """The machine and the versions; a fact that the kernel does not report is 'unknown'."""
    facts = summary.machine
    reasons = facts.get("unknown")
    why = reasons if isinstance(reasons, Mapping) else {}
    found = [(label, _show(name, facts[name], why.get(name))) for name, label in MACHINE if name in facts]
    if summary.elsewhere:
        found.insert(0, ("Records of other machines or versions", "; ".join(map(_differs, summary.elsewhere))))
    versions = facts.get("versions")
    if isinstance(versions, Mapping):
        listed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        found.append(("Versions", listed or "unknown"))
    return tuple(found)


def _differs(other: Elsewhere) -> str:
    """'Processor: Example CPU for 3 models and 1 timing'."""
    of = ((other.trials, "trained model"), (other.timings, "timing"))
    counted = " and ".join(f.several(number, noun) for number, noun in of if number)
    return f"{dict(MACHINE).get(other.fact, other.fact)}: {_show(other.fact, other.value)} for {counted}"


def _show(name: str, value: JsonValue, why_unknown: JsonValue = None) -> str:
    if value is None:
        return f"unknown ({why_unknown})" if why_unknown else "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "memory_bytes" and isinstance(value, int):
        return f.byte_size(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(f"{part:.2f}" if isinstance(part, float) else str(part) for part in value) or "none"
    return str(value)


def commands(summary: Summary) -> tuple[str, ...]:
    """The commands that give this report; the suite file is the resolved suite below."""
    if summary.command:
        return (summary.command,)
    return (f"kdbench run {summary.suite.name}", f"kdbench report {summary.suite.name}")


def resolved_suite(summary: Summary) -> str:
    """The suite with every default filled in, as JSON."""
    return json.dumps(summary.suite.model_dump(mode="json"), indent=1, ensure_ascii=False)


def training_facts(summary: Summary) -> Facts:
    """The recipe of the suite, and the processes and threads on which it ran."""
    suite = summary.suite
    return (
        ("Student's training", recipe(suite.train) + _own_rates(suite)),
        ("Teacher's training", _teaching_recipe(suite)),
        ("View schedule", _of_both(suite, view_schedule)),
        ("Mixup", _of_both(suite, mixup)),
        ("Precision", _of_both(suite, precision)),
        ("Processes and threads", processes_and_threads(summary)),
    )


def recipe(train: TrainSpec) -> str:
    """Epochs, optimizer and augmentation in one line."""
    optimizer = train.optimizer.model_dump(exclude={"use", "decay"})
    settings = ", ".join(f"{name} {value:g}" for name, value in optimizer.items() if value)
    settings += ", weight decay of weights alone" if train.optimizer.decay == "weights" else ""
    parts = [
        f"{f.several(train.epochs, 'epoch')} of batches of {train.batch_size}",
        f"{train.optimizer.use} ({settings}), {train.schedule.use} schedule",
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
    """Which views of a sample each epoch shows, and whether all seeds see the same ones."""
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
    """The floating-point type of the forward pass."""
    if train.precision == "float32":
        return "float32"
    return f"{train.precision} in the model's own forward pass (autocast), else float32"


def _teaching_recipe(suite: Suite) -> str:
    """The recipe of teachers, and what those bring that were trained elsewhere."""
    weights = [pair.teacher.weights for pair in suite.pairs]
    usual = recipe(suite.teacher_train) if suite.teacher_train else "as the student's"
    trained = [usual] if any(each is None or each.tune for each in weights) else []
    return "; ".join(dict.fromkeys([*trained, *(_brought(each) for each in weights if each)]))


def _brought(weights: Checkpoint) -> str:
    which = f"{weights.label}{f' (SHA-256 {weights.sha256[:16]} ...)' if weights.sha256 else ''}"
    how = "begins with" if weights.tune else "none here, trained elsewhere:"
    return f"{how} {which}, pixels {weights.pixels}"


def _of_both(suite: Suite, word: Callable[[TrainSpec], str]) -> str:
    """One text for students and teachers, or one for each where they differ."""
    students, teachers = word(suite.train), word(suite.teacher_train or suite.train)
    return students if students == teachers else f"students: {students}; teachers: {teachers}"


def processes_and_threads(summary: Summary) -> str:
    """Of each wave that this run trained, with the result of the probe; else of the records."""
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
        f"{how}, chosen by a probe: an epoch of one model took {f.seconds(layout.epoch_seconds)} with all of them "
        f"busy, which predicts {f.seconds(layout.seconds)} for the wave"
    )


def _times(processes: int, threads: int) -> str:
    count = f"{processes:,} {'process' if processes == 1 else 'processes'}"
    return f"{count} × {f.several(threads, 'thread')}"
