"""The sides of the engine's benchmark do the same job: same networks, same samples, same losses and gradients."""

import json
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.engine.analysis import ratios, speeds
from benchmarks.engine.assignment import PARTS, Assignment
from benchmarks.engine.images import open_images
from benchmarks.engine.kdbench_side import vary
from benchmarks.engine.plain_loop import Hint, build_loss
from benchmarks.engine.prepare import write_assignment
from benchmarks.engine.scenarios import SCENARIOS, SUITES
from kdbench import api
from kdbench.spec import Plan, plan
from kdbench.spec.reading.suite_file import parse_suite
from kdbench.spec.recipe import learning_rate_factor
from kdbench.train.build import build_criterion, build_model
from kdbench.train.samples.batches import normalize
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, split
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.layers.taps import outputs, tapped, trace

ROOT = Path(__file__).parents[2]
LOSSES = ("cross_entropy", "kd", "soft_cross_entropy", "logit_mse", "pseudo_label", "fitnet")
MISSING = "torchdistill is not installed: `make bench-engine` installs it"


@pytest.fixture(scope="module")
def planned() -> Plan:
    """The sweep in miniature, on the digits."""
    text = (SUITES / "sweep.toml").read_text("utf-8")
    for old, new in {
        'use = "fashion_mnist"': 'use = "digits"',
        "count = 2000": "count = 20",
        "width = 80": "width = 8",
        "width = 32": "width = 4",
        "batch_size = 128": "batch_size = 32",
    }.items():
        assert old in text
        text = text.replace(old, new)
    return plan(parse_suite(text, "sweep.toml", Catalog()), Catalog())


@pytest.fixture(scope="module")
def splits(planned: Plan) -> Splits:
    spec = planned.suite.data
    return split(Catalog().load("datasets", "digits")(api.DEFAULT_DATA), spec)


@pytest.fixture(scope="module")
def assignment(planned: Plan, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The assignment of that sweep, with an untrained teacher."""
    folder = tmp_path_factory.mktemp("engine") / "sweep"
    folder.mkdir()
    teacher = next(planned.trials[entry.key] for entry in planned.entries if entry.role == "teacher")
    made = write_assignment(list(planned.trials.values()), teacher, splits, Catalog(), folder)
    network = build_model(teacher.model, Catalog(), splits.classes, splits.shape, teacher.seed)
    weights = made.store / "trials" / teacher.key
    weights.mkdir(parents=True)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, weights / "weights.safetensors"
    )
    return Assignment.read(folder)


def gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters())))


def kdbench_loss(
    planned: Plan, assignment: Assignment, splits: Splits, use: str
) -> tuple[Tensor, list[Tensor], nn.Module | None]:
    """Loss, the student's gradients, and the loss's own module, of kdbench on the first validation samples."""
    trial = next(t for t in planned.trials.values() if t.lessons[0].loss.use == use and t.model.options["width"] == 4)
    student = build_model(trial.model, Catalog(), splits.classes, splits.shape, trial.seed).train()
    teacher = assignment.build_teacher()
    traced, taught = trace(student, splits.shape), trace(teacher, splits.shape)
    taught_by = [taught] if trial.teachers else []
    criterion = build_criterion(trial.lessons[0], Catalog(), traced, taught_by, Draw(trial.seed))
    images = normalize(splits.validation.images[:8], splits)
    with ExitStack() as stack:
        features = stack.enter_context(tapped(student, traced, criterion.student_layers))
        hints = stack.enter_context(tapped(teacher, taught, criterion.teacher_layers))
        with torch.no_grad():
            answer = outputs(teacher, images, hints)
        moment = Moment(0.0, trial.train.epochs, Draw(trial.seed, 1, torch.arange(8)), splits.train.labels)
        loss = criterion(outputs(student, images, features), answer, splits.validation.labels[:8], moment)
    return loss, gradients(student, loss), criterion.module


def first_samples(assignment: Assignment) -> tuple[Tensor, Tensor]:
    images = open_images(assignment, "validation")
    return torch.stack([images[i][0] for i in range(8)]), torch.tensor([images[i][1] for i in range(8)])


def assert_alike(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_samples_are_kdbenchs(assignment: Assignment, splits: Splits) -> None:
    for part in PARTS:
        assert assignment.samples(part)[1].tolist() == getattr(splits, part).labels.tolist()
    images, labels = first_samples(assignment)
    torch.testing.assert_close(images, normalize(splits.validation.images[:8], splits), rtol=1e-5, atol=1e-5)
    assert labels.tolist() == splits.validation.labels[:8].tolist()
    assert assignment.data_sha256 == splits.sha256()


@pytest.mark.parametrize("use", LOSSES)
def test_the_plain_loop_computes_the_same_loss(planned: Plan, assignment: Assignment, splits: Splits, use: str) -> None:
    value, expected, module = kdbench_loss(planned, assignment, splits, use)
    loss = assignment.loss(use)
    student, teacher = assignment.build_student(0).train(), assignment.build_teacher()
    hint = Hint(loss, student, teacher) if loss.student_tap else None
    if hint and module:
        hint.regressor.load_state_dict(module.regressor.state_dict())
    images, labels = first_samples(assignment)
    with torch.no_grad():
        taught = teacher(images) if loss.taught else None
    found = build_loss(loss, hint)(student(images), taught, labels)
    torch.testing.assert_close(found, value)
    assert_alike(gradients(student, found), expected)


@pytest.mark.parametrize("use", LOSSES)
def test_torchdistill_computes_the_same_loss(planned: Plan, assignment: Assignment, splits: Splits, use: str) -> None:
    pytest.importorskip("torchdistill", reason=MISSING)
    from benchmarks.engine.torchdistill_config import tuned
    from benchmarks.engine.torchdistill_side import build_box

    value, expected, module = kdbench_loss(planned, assignment, splits, use)
    box, student = build_box(assignment, use, 0, tuned(), 1, {part: open_images(assignment, part) for part in PARTS})
    box.pre_epoch_process(epoch=0)
    if use == "fitnet" and module:
        box.student_model.regressor.load_state_dict(module.regressor.state_dict())
    assert use == "cross_entropy" or not box.teacher_model.training
    found = box.forward_process(*first_samples(assignment), {})
    if use != "soft_cross_entropy":  # KDLoss leaves out the teacher's entropy, which has no gradient
        torch.testing.assert_close(found, value)
    assert_alike(gradients(student, found), expected)


@pytest.mark.parametrize("side", ["plain_loop", "torchdistill_side"])
def test_a_side_trains_and_tells(assignment: Assignment, side: str) -> None:
    if side == "torchdistill_side":
        pytest.importorskip("torchdistill", reason=MISSING)
    command = [sys.executable, "-m", f"benchmarks.engine.{side}", str(assignment.folder)]
    command += ["--loss", "kd", "--epochs", "1", "--steps", "2", "--workers", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["steps"] == 2
    assert 0 <= told["test_top1"] <= 1
    assert {"setup", "train", "validate", "test", "run"} <= told["seconds"].keys()


def test_suites_are_valid_and_share_their_teacher() -> None:
    plugins = ("benchmarks.engine.datasets",)
    for scenario in SCENARIOS.values():
        found = api.plan(api.load_suite(scenario.suite, plugins), plugins)
        assert sum(entry.role == "teacher" for entry in found.entries) == 1


def test_a_suite_is_varied_for_its_students_alone() -> None:
    text = (SUITES / "sweep.toml").read_text("utf-8")
    assert vary(text, "fresh", None) == text
    assert vary(text, "bank", None).count('views = "bank"') == 1
    found, as_written = (tomllib.loads(t) for t in (vary(text, "fresh", 2), text))
    assert found["train"]["epochs"] == 2
    assert found["teacher_train"] == as_written["teacher_train"]


def test_the_schedule_is_kdbenchs(planned: Plan, assignment: Assignment) -> None:
    spec = planned.suite.train
    for step in range(0, 10 * spec.epochs, 3):
        assert assignment.rate(step, 10, spec.epochs) == pytest.approx(learning_rate_factor(spec, (step + 0.5) / 10))


def test_ratios_extrapolate_from_the_runs_measured() -> None:
    run = {"loss": "kd", "seed": 0, "steps": 10, "test_top1": 0.5}
    slow = {**run, "seconds": {"train": 2.0}}
    fast = [{**run, "seed": seed, "wall_seconds": 1.0, "cohort": 1} for seed in range(5)]
    units = {
        f"sweep/{arm}/{repeat}": {"arm": arm, "repeat": repeat, "seconds": seconds, "peak_bytes": 1, "runs": runs}
        for repeat in (0, 1)
        for arm, seconds, runs in (("torchdistill example", 8.0 + repeat, [slow]), ("kdbench fresh", 5.0, fast))
    }
    content = {"scenarios": {"sweep": {"losses": ["kd"], "seeds": 5}}, "units": units}
    (ratio,) = ratios(content, "sweep")
    assert ratio.times == pytest.approx((40 * 45) ** 0.5 / 5)
    assert ratio.low is not None
    assert ratio.low < ratio.times
    example, ours = speeds(content, "sweep")
    assert example.extrapolated
    assert not ours.extrapolated
    assert example.loop_ms == pytest.approx(200)
