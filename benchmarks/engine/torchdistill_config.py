"""An assignment as a configuration of torchdistill: the content of its YAML files once they are read.

The layout and the settings of `example` are those of torchdistill's sample configurations for CIFAR (criteria in a
WeightedSumLoss, workers, pinned memory, a log line every 100 steps), with a difference in its favour: as many loader
workers as the machine has cores, which is what DataLoader's own warning asks for (the samples have 16).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import RandomSampler, SequentialSampler
from torchdistill.losses.registry import register_mid_level_loss
from torchdistill.models.registry import register_auxiliary_model_wrapper
from torchdistill.models.wrapper import AuxiliaryModelWrapper
from torchdistill.optim.registry import register_scheduler

from benchmarks.engine.assignment import Assignment, Loss, build_regressor

Config = dict[str, Any]
LOGITS = {"module_path": ".", "io": "output"}


@dataclass(frozen=True)
class Setting:
    """Settings that change the speed and not the work."""

    name: str
    workers: int
    pin_memory: bool = True
    persistent: bool = False
    channels_last: bool = False
    evaluation_batch: int = 128
    log_every: int = 100


def example() -> Setting:
    """As in torchdistill's sample configurations, except for the number of workers (see above)."""
    return Setting("example", workers=len(os.sched_getaffinity(0)))


def tuned(workers: int = 0, channels_last: bool = True) -> Setting:
    """What a user can set without changing torchdistill: the loaders, the memory layout, larger evaluation batches."""
    return Setting("tuned", workers, False, workers > 0, channels_last, evaluation_batch=1000)


def build_config(assignment: Assignment, loss: Loss, setting: Setting, steps: int, epochs: int) -> Config:
    """The `train` part of a configuration. The datasets are named `train` and `validation`."""
    model = {"sequential": [], "frozen_modules": [], "forward_proc": "forward_batch_only"}
    student: Config = {**model, "requires_grad": True}
    roles: Config = {"model": student}
    if loss.taught:
        roles = {"teacher": {**model, "requires_grad": False}, "student": student}
    if loss.student_tap and loss.teacher_tap:
        student["auxiliary_model_wrapper"] = {"key": "Student4Hint", "kwargs": {"loss": loss}}
        student["forward_hook"] = {
            "input": [f"student_model.{loss.student_tap.module}"] if loss.student_tap.entering else [],
            "output": ["regressor", *([] if loss.student_tap.entering else [_student_path(loss)])],
        }
        kind = "input" if loss.teacher_tap.entering else "output"
        roles["teacher"]["forward_hook"] = {kind: [loss.teacher_tap.module]}
    rate = partial(assignment.rate, steps=steps, epochs=epochs)
    return {
        "log_freq": setting.log_every,
        "num_epochs": epochs,
        "train_data_loader": loader("train", RandomSampler, assignment.batch_size, setting),
        "val_data_loader": loader("validation", SequentialSampler, setting.evaluation_batch, setting),
        **roles,
        "optimizer": {"key": "SGD", "kwargs": dict(assignment.sgd)},
        "scheduler": {"key": "rate_by_step", "kwargs": {"rate": rate}, "scheduling_step": 1},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": build_terms(loss)}},
    }


def loader(dataset: str, sampler: type, batch_size: int, setting: Setting) -> Config:
    """A data loader's part of a configuration."""
    kwargs: Config = {
        "batch_size": batch_size,
        "num_workers": setting.workers,
        "pin_memory": setting.pin_memory,
        "drop_last": False,
    }
    if setting.persistent:
        kwargs["persistent_workers"] = True
    return {"dataset_id": dataset, "sampler": {"class_or_func": sampler, "kwargs": None}, "kwargs": kwargs}


def build_terms(loss: Loss) -> Config:
    """A loss of kdbench as terms of a WeightedSumLoss: torchdistill's own criteria where it has them."""
    options = loss.options
    if loss.use in ("kd", "soft_cross_entropy"):
        # At temperature 1 KDLoss differs from the soft cross-entropy by the teacher's entropy: the same gradient.
        between = {"student_module_path": ".", "student_module_io": "output"}
        between |= {"teacher_module_path": ".", "teacher_module_io": "output"}
        weights = {"alpha": options["ce_weight"], "beta": options["weight"], "temperature": options["temperature"]}
        return {"kd": _term({"key": "KDLoss", "kwargs": {**between, **weights, "reduction": "batchmean"}}, 1.0)}
    labels = {"key": "CrossEntropyLoss", "kwargs": {"reduction": "mean"}}
    terms = {"ce": _term(labels, options.get("ce_weight", 1.0), {"uses_label": True})}
    squared = {"key": "MSELoss", "kwargs": {"reduction": "mean"}}
    if loss.use == "logit_mse":
        terms["mse"] = _term(squared, options["weight"], {"is_from_teacher": True, **LOGITS})
    elif loss.use == "pseudo_label":
        terms["decided"] = _term({"key": "PseudoLabelLoss", "kwargs": {}}, options["weight"])
    elif loss.use == "fitnet" and loss.teacher_tap:
        kind = "input" if loss.teacher_tap.entering else "output"
        target = {"is_from_teacher": True, "module_path": loss.teacher_tap.module, "io": kind}
        terms["hint"] = _term(squared, options["weight"], target, {"module_path": "regressor", "io": "output"})
    elif loss.use != "cross_entropy":
        raise ValueError(f"no configuration of torchdistill is written for {loss.use}")
    return terms


def _term(criterion: Config, weight: float, target: Config | None = None, source: Config = LOGITS) -> Config:
    term = {"criterion": criterion, "weight": weight}
    if target:
        between = {"input": {"is_from_teacher": False, **source}, "target": target}
        term["criterion_wrapper"] = {"key": "SimpleLossWrapper", "kwargs": between}
    return term


def _student_path(loss: Loss) -> str:
    assert loss.student_tap
    return f"student_model.{loss.student_tap.module}"


@register_mid_level_loss
class PseudoLabelLoss(nn.Module):
    """Cross-entropy to the class that the teacher predicts, which torchdistill does not have."""

    def forward(self, student: Config, teacher: Config, *_: Any, **__: Any) -> Tensor:
        return functional.cross_entropy(student["."]["output"], teacher["."]["output"].argmax(dim=1))


@register_auxiliary_model_wrapper
class Student4Hint(AuxiliaryModelWrapper):  # type: ignore[misc]  # torchdistill has no types
    """The student with the regressor of hints, built like torchdistill's own wrappers of this kind."""

    def __init__(self, student_model: nn.Module, loss: Loss, **_: Any) -> None:
        super().__init__()
        self.student_model = student_model
        self.regressor = build_regressor(loss)
        assert loss.student_tap
        self.path, self.kind = _student_path(loss), "input" if loss.student_tap.entering else "output"

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.student_model(images)
        return logits

    def secondary_forward(self, io_dict: Config) -> None:
        self.regressor(io_dict[self.path][self.kind])


def rate_by_step(optimizer: torch.optim.Optimizer, rate: Callable[[int], float]) -> LambdaLR:
    """kdbench's schedule, applied in every step."""
    return LambdaLR(optimizer, rate)


register_scheduler(rate_by_step)
