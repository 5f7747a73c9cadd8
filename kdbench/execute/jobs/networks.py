"""Trained networks, rebuilt from a trial's record and its weights: what teaches, and what is exported."""

from collections.abc import Iterable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from kdbench.deploy.export.export import hash_state
from kdbench.execute.jobs.context import Context
from kdbench.results import Store
from kdbench.spec import Lesson, Trial, UserError
from kdbench.train.build import build_criterion, build_network
from kdbench.train.ensemble import Ensemble
from kdbench.train.faculty import Parents
from kdbench.train.quantized import quantized
from kdbench.train.samples.batches import normalize
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.interface import Draw
from kdbench.zoo.layers.anchor import Anchor, anchor_of
from kdbench.zoo.layers.narrow import narrowed
from kdbench.zoo.layers.taps import trace
from kdbench.zoo.loss_module import LossModule
from kdbench.zoo.models.joint.heads import JointNetwork

ANCHOR_SAMPLES = 100  # of the training split, from which importance is measured


def load_parents(trials: Iterable[Trial], splits: Splits, context: Context) -> Parents:
    """What trials need of those before them: the networks that teach them, and the weights that they start from."""
    teachers = dict.fromkeys(key for trial in trials for key in trial.teachers)
    starts = dict.fromkeys(key for trial in trials for key in trial.start if not trial.combine)
    members = dict.fromkeys(key for trial in trials for key in trial.start if trial.combine)
    return Parents(
        {key: load_network(key, splits, context) for key in teachers},
        {key: _load_weights(key, context.store) for key in starts},
        {key: load_network(key, splits, context) for key in members},
        {key: context.store.read_trial(key).trial for key in teachers},
        {key: context.store.read_trial(key).samples for key in starts},
        {key: _anchor(key, context) for key in dict.fromkeys(key for trial in trials for key in trial.anchors)},
    )


def _load_weights(key: str, store: Store) -> dict[str, Tensor]:
    """The state dict of a trial. Raises `UserError` where the file is not what its record has the hash of."""
    file, help = store.weights(key), f"remove '{store.trial_folder(key)}', and run again: it is trained again"
    try:
        state = load_file(file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read the weights '{file}': {error}", help=help) from error
    if hash_state(state) != store.read_trial(key).weights_sha256:
        raise UserError(f"'{file}' does not hold the weights that were trained: their SHA-256 differs", help=help)
    return state


def _anchor(key: str, context: Context) -> Anchor:
    """A trial as an anchor, its importance measured on samples that it was trained on."""
    trial = context.store.read_trial(key).trial
    splits = context.splits(trial.data)
    images = normalize(splits.train.images[anchor_places(len(splits.train))], splits)
    columns = trial.columns(trial.deploys, splits.classes).places
    return anchor_of(load_network(key, splits, context), images, columns)


def anchor_places(samples: int) -> Tensor:
    """At most `ANCHOR_SAMPLES` places from end to end, since a folder's images come class by class; int64."""
    return torch.linspace(0, samples - 1, min(samples, ANCHOR_SAMPLES), dtype=torch.float64).round().long()


def load_deployed(key: str, splits: Splits, context: Context) -> nn.Module:
    """What is exported of a trial: its network, or the part of it that computes the heads that it deploys."""
    trial = context.store.read_trial(key).trial
    model = load_network(key, splits, context)
    if not trial.deploys:
        return model
    if isinstance(model, JointNetwork) and len(trial.deploys) == 1:
        return model.deployed(trial.deploys[0])
    return narrowed(model, trial.columns(trial.deploys, splits.classes).places, splits.shape)


def load_network(key: str, splits: Splits, context: Context) -> nn.Module:
    """The network of a trial with its weights, in eval mode, on the context's device.

    A loss may deploy another network than the student (SimKD: with the teacher's head). It is put together again from
    the trial's teachers; the state dict holds the weights of all that is part of it. Raises `UserError` where the store
    has no such trial.
    """
    trial = context.store.read_trial(key).trial
    if trial.combine:  # its members have the weights
        return Ensemble([load_network(key, splits, context) for key in trial.start], trial.combine).eval()
    state = _load_weights(key, context.store)
    model = build_network(trial, context.catalog, splits.task, state).to(context.device)
    for number, lesson in enumerate(trial.lessons):
        if _assembles(lesson, context):
            teachers = [trace(load_network(teacher, splits, context), splits.shape) for teacher in lesson.teachers]
            traced = trace(model, splits.shape)
            criterion = build_criterion(lesson, context.catalog, traced, teachers, Draw(trial.seed), number)
            model = criterion.deployed(model).to(context.device)
    if trial.weight_bits:
        model = quantized(model, splits.shape, trial.weight_bits)
    model.load_state_dict(state)
    return model.eval()


def _assembles(lesson: Lesson, context: Context) -> bool:
    """Whether the loss of a lesson deploys another network than the student."""
    loss = context.catalog.load("losses", lesson.loss.use)
    return isinstance(loss, type) and issubclass(loss, LossModule) and loss.deployed is not LossModule.deployed
