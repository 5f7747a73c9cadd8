"""Suites written from parameters: the prototype's pair and recipe, with what a benchmark varies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Options = Mapping[str, object]

# In the order in which a sweep grows: all but `cross_entropy` and `label_smoothing` take the teacher.
LOSSES: tuple[Options, ...] = (
    {"use": "kd", "temperature": 4.0},
    {"use": "logit_mse"},
    {"use": "fitnet", "student_layer": "embedding", "teacher_layer": "embedding", "weight": 1.0},
    {"use": "cross_entropy"},
    {"use": "soft_cross_entropy"},
    {"use": "pseudo_label"},
    {"use": "label_smoothing"},
    {"use": "probability_mse"},
)


@dataclass(frozen=True)
class Job:
    """What a suite asks for."""

    name: str
    student: Options
    teacher: Options
    dataset: str = "benchmarks.engine.datasets:fashion_few"
    per_class: int = 2000
    validation: float = 0.033333  # of Fashion-MNIST's 60,000: 2,000
    padding: int = 2
    losses: Sequence[Options] = LOSSES
    seeds: int = 1
    epochs: int = 1
    views: str = "fresh"
    teacher_epochs: int = 1


def suite_text(job: Job) -> str:
    """The suite file. The teacher's recipe is written out, so that every variant of the students' has the same one."""
    losses = "\n".join(
        "[[losses]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in loss.items())
        for loss in job.losses
    )
    return f"""name = "{job.name}"
data = {{ use = "{job.dataset}", per_class = {job.per_class}, validation = {job.validation} }}
seeds = {job.seeds}
environments = []

[train]
views = "{job.views}"
{_recipe(job.epochs, job.padding)}
[teacher_train]
{_recipe(job.teacher_epochs, job.padding)}
[[pairs]]
teacher = {_inline(job.teacher)}
student = {_inline(job.student)}

{losses}
[latency]
batch_sizes = [1]
threads = [1]
providers = ["cpu"]
margin = 10.0 # one round: what is measured here is training
largest_batch = 1
"""


def _recipe(epochs: int, padding: int) -> str:
    return f"""epochs = {epochs}
batch_size = 128
optimizer = {{ use = "sgd", lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }}
schedule = "cosine"
warmup_epochs = 1
augment = [{{ use = "crop", padding = {padding} }}, "flip"]
"""


def _inline(options: Options) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items()) + " }"
