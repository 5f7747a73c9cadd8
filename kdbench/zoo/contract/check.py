"""The contract of losses: a check for every fault that was found in public implementations."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch

from kdbench.spec import UserError, nearest
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.contract.clauses import CLAUSES
from kdbench.zoo.contract.examination import CLASSES, DRAW, Broken, Subject
from kdbench.zoo.interface import NotApplicable
from kdbench.zoo.layers.taps import trace
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 8, 8)


class BrokenContract(AssertionError):
    """A loss breaks a clause of the contract: `clause` is its name."""

    def __init__(self, loss: str, clause: str, reason: str) -> None:
        super().__init__(f"loss '{loss}' breaks the clause '{clause}': {reason}")
        self.clause = clause


def check_loss(use_or_callable: str | Callable[..., Any], without: Collection[str] = (), /, **options: Any) -> None:
    """Check a loss, by name or as a callable, against every clause that applies to it.

    `without` names clauses that this loss breaks on purpose; `options` go to the loss. Clauses about teachers do not
    apply to losses that take none. Raises `BrokenContract`, an `AssertionError` that names the clause and the reason,
    and `UserError` for a loss or a clause that does not exist.
    """
    if unknown := sorted(set(without) - CLAUSES.keys()):
        raise UserError(f"no clause '{unknown[0]}'", help=nearest(unknown[0], CLAUSES))
    name, thing = _find(use_or_callable)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(DRAW.seed_of("networks"))
        subject = _subject(thing, options)
        for clause, hold in CLAUSES.items():
            if clause not in without:
                try:
                    hold(subject)
                except Broken as broken:
                    raise BrokenContract(name, clause, str(broken)) from None


def _find(use_or_callable: str | Callable[..., Any]) -> tuple[str, Callable[..., Any]]:
    if not isinstance(use_or_callable, str):
        return getattr(use_or_callable, "__name__", repr(use_or_callable)), use_or_callable
    catalog = Catalog()
    try:
        return use_or_callable, catalog.load("losses", use_or_callable)
    except KeyError:
        help = nearest(use_or_callable, catalog.names("losses"))
        raise UserError(f"unknown loss '{use_or_callable}'", help=help) from None


def _subject(thing: Callable[..., Any], options: Mapping[str, Any]) -> Subject:
    """The loss between two networks that it can serve: without batch norm, else with it. Raises NotApplicable."""
    for student, teacher in (
        (partial(cnn, width=4), partial(cnn, width=6)),
        (partial(resnet_cifar, depth=8), partial(resnet_cifar, depth=8, width_factor=4)),
    ):
        subject = Subject(thing, options, *(trace(make(CLASSES, SHAPE), SHAPE) for make in (student, teacher)))
        try:
            subject.build()
        except NotApplicable as reason:
            refused = reason
        else:
            return subject
    raise refused
