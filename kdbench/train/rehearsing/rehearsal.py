"""A trial in miniature, to find out whether it can run before hours are spent on others."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from kdbench.spec import Trial
from kdbench.spec.generators import drain
from kdbench.train.build import build_network
from kdbench.train.ended import Trained
from kdbench.train.faculty import OpenTeacherCache, Parents, no_cache
from kdbench.train.loop import train_cohort
from kdbench.train.rehearsing.examination import examine
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits
from kdbench.zoo.given.onnx_network import OnnxNetwork
from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.layers.anchor import Anchor
from kdbench.zoo.loss_module import LossModule


def refuse_other_networks(parents: Sequence[Trial], catalog: Catalog) -> None:
    """Raise `NotApplicable` for a parent whose stored weights are not those of its model.

    A loss may deploy another network than the student (SimKD a part of its teacher). Such a network is not rebuilt
    here, so it can neither teach nor be started from. Nor can an ensemble: its members are parents instead.
    """
    for parent in parents:
        if parent.combine:
            raise NotApplicable("an ensemble can neither teach nor be started from: name its members instead")
        for lesson in parent.lessons:
            loss: object = catalog.load("losses", lesson.loss.use)
            another = isinstance(loss, type) and issubclass(loss, LossModule) and loss.deployed != LossModule.deployed
            if another:
                raise NotApplicable(
                    f"a student of '{lesson.loss.use}' is deployed as another network than {parent.model.label}, "
                    "which can neither teach nor be started from: take another loss under this way of teaching"
                )


def untrained(parents: Sequence[Trial], splits: Splits, catalog: Catalog) -> Parents:
    """What a trial needs of the trials before it, before any is trained: networks with their initial weights.

    A teacher that brings its weights has these.
    """
    device = splits.train.labels.device
    models = {parent.key: build_network(parent, catalog, splits.task).to(device) for parent in parents}
    weights = {key: model.state_dict() for key, model in models.items()}
    alike = dict.fromkeys(models, 1.0)
    anchors = {key: Anchor(given, given) for key, given in weights.items()}
    return Parents(models, weights, models, {parent.key: parent for parent in parents}, alike, anchors)


def rehearse(
    trial: Trial,
    parents: Sequence[Trial],
    splits: Splits,
    catalog: Catalog,
    open_cache: OpenTeacherCache = no_cache,
) -> nn.Module | None:
    """Examine the network, and train for one step on two samples, under untrained teachers.

    Where some samples have no label, one of them is the third. `parents` are the trials that the trial names by their
    keys. Returns what would be deployed; None where the step diverged. Raises `NotApplicable` where it cannot be.
    """
    refuse_other_networks(parents, catalog)
    if not trial.combine:
        network = build_network(trial, catalog, splits.task)
        if not isinstance(network, OnnxNetwork):  # which was examined as a file
            examine(network, trial.outputs(splits.classes), splits.shape)
    if trial.combine and any(parent.heads for parent in parents):
        raise NotApplicable("an ensemble of networks with heads of their own is not built yet")
    hidden = splits.train.labels < 0
    some = torch.cat([torch.nonzero(~hidden)[:2], torch.nonzero(hidden)[:1]]).flatten()
    few = replace(splits, train=splits.train.take(some), validation=splits.validation.take(torch.zeros_like(some[:1])))
    short = trial.model_copy(update={"train": trial.train.model_copy(update={"batch_size": len(some)})})
    given = untrained(parents, splits, catalog)
    (outcome,) = drain(train_cohort([short], few, catalog, given, open_cache, until=1))
    if isinstance(outcome, Trained):
        return outcome.model
    if outcome.cause:
        raise outcome.cause
    return None
