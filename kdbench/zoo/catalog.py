"""Every plug-in by its name: those of kdbench, of installed entry points, and of modules named by `-p`."""

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kdbench.spec import Kind, Signature, UserError
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.models.cifar_names import CIFAR
from kdbench.zoo.source import load_target, read_signature, source_hash


def cifar_models() -> tuple[str, ...]:
    """The networks of the CIFAR-100 distillation literature."""
    return tuple(CIFAR)


def torchvision_models() -> tuple[str, ...]:
    """Every classifier of the installed torchvision."""
    return _registered("torchvision")


def timm_models() -> tuple[str, ...]:
    """Every model of the installed timm. Raises `UserError` where there is none."""
    if find_spec("timm") is None:
        raise UserError(
            "the models of timm need the package timm, which is not installed", help="pip install 'kdbench[timm]'"
        )
    return _registered("timm")


@cache
def _registered(package: str) -> tuple[str, ...]:
    """The functions that a package registers as models, read from its source: importing it would import torch."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ()
    files = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    registered = re.compile(r"^@register_model\b(?:\([^)]*\))?[^\n]*\n(?:@[^\n]*\n)*def (\w+)\(", re.MULTILINE)
    return tuple(sorted(name for file in files for name in registered.findall(file.read_text("utf-8"))))


@cache
def _entry_points(_path: tuple[str, ...]) -> dict[Kind, dict[str, str]]:
    """Those of the packages on Python's path. It reads files of every package, which takes a tenth of a second."""
    found = entry_points()
    return {kind: {each.name: each.value for each in found.select(group=f"kdbench.{kind}")} for kind in BUILTIN}


# A name that ends in a colon is a family: what follows the colon goes to the callable as `name`.
MEMBERS: dict[str, Callable[[], tuple[str, ...]]] = {
    "cifar:": cifar_models,
    "torchvision:": torchvision_models,
    "timm:": timm_models,
}


class Catalog:
    """The names that one command knows; `plugins` are the modules that the user named with `-p`."""

    def __init__(self, plugins: Sequence[str] = ()) -> None:
        self.plugins = tuple(plugins)
        for module in self.plugins:
            if "" not in sys.path:
                sys.path.insert(0, "")  # a module beside the suite, as `python -m` finds it
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                raise UserError(
                    f"no module '{error.name}' for -p {module}", help="install it, or run kdbench in its folder"
                ) from error

    @cached_property
    def _installed(self) -> dict[Kind, dict[str, str]]:
        return _entry_points(tuple(sys.path))

    def targets(self, kind: Kind) -> dict[str, str]:
        """Every name of a kind with the `module:attribute` it stands for."""
        clashes = sorted(BUILTIN[kind].keys() & self._installed[kind].keys())
        if clashes:
            raise UserError(
                f"an installed package registers {kind} that kdbench has already: {', '.join(clashes)}",
                help="rename the entry point in that package",
            )
        return BUILTIN[kind] | self._installed[kind]

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(self.targets(kind))

    def choices(self, kind: Kind, use: str) -> tuple[str, ...]:
        """The names to suggest for `use`: the members of the family that it begins with, else all names of the kind.

        Where it is the name of a member without its family, that member is among them.
        """
        family, colon, _ = use.partition(":")
        families = [name for name in MEMBERS if name in self.targets(kind)]
        if family + colon in families:
            return tuple(f"{family}:{member}" for member in MEMBERS[family + colon]())
        of = [name for name in families if name != "timm:" and use.lower() in MEMBERS[name]()]
        return (*self.names(kind), *(f"{name}{use.lower()}" for name in of))

    def signature(self, kind: Kind, use: str) -> Signature:
        target = self._target(kind, use)
        signature = read_signature(kind, use, target)
        return signature if target in BUILTIN[kind].values() else replace(signature, origin=source_hash(target))

    def load(self, kind: Kind, use: str) -> Callable[..., Any]:
        """The callable itself; a member of a family comes with its `name` bound. Imports its module."""
        thing: Callable[..., Any] = load_target(self._target(kind, use))
        family, colon, member = use.partition(":")
        if family + colon in MEMBERS:
            return partial(thing, name=member)
        return thing

    def _target(self, kind: Kind, use: str) -> str:
        targets = self.targets(kind)
        family, colon, member = use.partition(":")
        if family + colon in MEMBERS:
            if member not in MEMBERS[family + colon]():
                raise KeyError(use)
            return targets[family + colon]
        if use in targets and not use.endswith(":"):
            return targets[use]
        if colon and any(family == p or family.startswith(f"{p}.") for p in self.plugins):
            return use
        raise KeyError(use)
