"""torchdistill's side: training runs as in its example for image classification, one JSON line each.

`python -m benchmarks.engine.torchdistill_side FOLDER --loss kd --seed 0 [--setting tuned]`

A run does what the example does on one device: boxes, loaders, metric logger with the loss read in every step,
validation after each epoch, a checkpoint at each new best, the best one tested. Differences, all in torchdistill's
favour: the teacher is put into eval mode (the example leaves it in training mode), the test takes whole batches (the
sample configurations: 1) and is for the student alone, and the schedule is that of the suite.
"""

import logging
import math
import sys
import tempfile
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, SequentialSampler
from torchdistill.common.main_util import load_ckpt, save_ckpt, set_seed
from torchdistill.core.distillation import get_distillation_box
from torchdistill.core.training import get_training_box
from torchdistill.datasets.util import build_data_loader
from torchdistill.misc.log import MetricLogger, SmoothedValue, set_basic_log_config

from benchmarks.engine.assignment import PARTS, Assignment
from benchmarks.engine.images import open_images
from benchmarks.engine.side import Stopwatch, arguments, print_run
from benchmarks.engine.torchdistill_config import Setting, build_config, example, loader, tuned

CPU = torch.device("cpu")


def build_box(
    assignment: Assignment, use: str, seed: int, setting: Setting, epochs: int, datasets: Any
) -> tuple[Any, nn.Module]:
    """torchdistill's box for a loss, and the student in it."""
    loss = assignment.loss(use)
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    set_seed(seed)
    student = assignment.build_student(seed).to(memory_format=layout)
    steps = math.ceil(len(datasets["train"]) / assignment.batch_size)
    config = build_config(assignment, loss, setting, steps, epochs)
    if not loss.taught:
        return get_training_box(student, datasets, config, CPU, None, False, 1), student
    teacher = assignment.build_teacher().to(memory_format=layout)
    box = get_distillation_box(teacher, student, datasets, config, CPU, None, False, 1)
    box.teacher_model.eval()
    return box, student


def train_epoch(box: Any, epoch: int, log_every: int, limit: int | None) -> int:
    """One epoch; returns the number of steps."""
    metrics = MetricLogger(delimiter="  ")
    metrics.add_meter("lr", SmoothedValue(window_size=1, fmt="{value}"))
    steps = 0
    batches = metrics.log_every(box.train_data_loader, log_every, f"Epoch: [{epoch}]")
    for images, labels, extra in islice(batches, limit):
        images, labels = images.to(CPU), labels.to(CPU)
        loss = box.forward_process(images, labels, extra)
        box.post_forward_process(loss=loss)
        metrics.update(loss=loss.item(), lr=box.optimizer.param_groups[0]["lr"])
        if not math.isfinite(metrics.meters["loss"].value):
            raise ValueError(f"the loss is {loss}")
        steps += 1
    return steps


@torch.inference_mode()
def evaluate(model: nn.Module, batches: DataLoader[Any], log_every: int) -> float:
    """Top-1 accuracy, 0 to 1, through the metric logger."""
    model.eval()
    metrics = MetricLogger(delimiter="  ")
    for images, labels in metrics.log_every(batches, log_every, "Evaluation:"):
        right = (model(images).argmax(dim=1) == labels).sum().item()
        metrics.meters["acc1"].update(right / len(labels), n=len(labels))
    return float(metrics.acc1.global_avg)


def run(assignment: Assignment, use: str, seed: int, setting: Setting, epochs: int, limit: int | None) -> None:
    """One training run; its JSON line goes to stdout."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(Path(folder, "best.pt"))
        with watch.phase("setup"):
            datasets = {part: open_images(assignment, part) for part in PARTS}
            box, student = build_box(assignment, use, seed, setting, epochs, datasets)
        steps, best, validated = 0, -1.0, []
        for epoch in range(epochs):
            with watch.phase("train"):
                box.pre_epoch_process(epoch=epoch)
                steps += train_epoch(box, epoch, setting.log_every, limit)
            with watch.phase("validate"):
                validated.append(evaluate(student, box.val_data_loader, setting.log_every))
                if validated[-1] > best:
                    best = validated[-1]
                    save_ckpt(student, box.optimizer, box.lr_scheduler, best, None, checkpoint)
                box.post_epoch_process()
        box.clean_modules()
        with watch.phase("test"):
            load_ckpt(checkpoint, model=student, strict=True)
            test = loader("test", SequentialSampler, setting.evaluation_batch, setting)
            top1 = evaluate(student, build_data_loader(datasets["test"], test, False), setting.log_every)
    facts = {"side": "torchdistill", "setting": asdict(setting), "loss": use, "seed": seed}
    accuracies = {"validation_top1": validated, "test_top1": top1}
    print_run(watch, steps=steps, epochs=epochs, workers=setting.workers, **facts, **accuracies)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--setting", choices=("example", "tuned"), default="example")
    parser.add_argument("--layout", choices=("contiguous", "channels_last"), help="instead of the setting's")
    given = parser.parse_args()
    set_basic_log_config()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(sys.stderr)
    assignment = Assignment.read(given.folder)
    setting = example() if given.setting == "example" else tuned()
    if given.workers is not None:
        persistent = given.setting == "tuned" and given.workers > 0
        setting = replace(setting, workers=given.workers, persistent=persistent)
    if given.layout:
        setting = replace(setting, channels_last=given.layout == "channels_last")
    for seed in given.seed:
        for use in given.loss:
            run(assignment, use, seed, setting, given.epochs or assignment.epochs, given.steps)


if __name__ == "__main__":
    main()
