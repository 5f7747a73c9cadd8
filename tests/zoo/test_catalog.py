"""Names are found without importing what they stand for; what is found is what the callable says of itself."""

import inspect
import pickle
import subprocess
import sys
import typing
from dataclasses import replace
from pathlib import Path

import pytest

from kdbench.spec import REQUIRED, Option, Signature, UserError
from kdbench.spec.signature import fill_options
from kdbench.zoo import Catalog
from kdbench.zoo.catalog import BUILTIN, torchvision_models

EVERY = [(kind, use) for kind, names in BUILTIN.items() for use in names if not use.endswith(":")]
EVERY.append(("models", "torchvision:resnet18"))


def described(thing: object) -> tuple[tuple[str, ...], list[tuple[str, object, object]]]:
    """Inputs and options by inspection of the imported callable."""
    made = thing.__init__ if inspect.isclass(thing) else thing
    called = thing.forward if inspect.isclass(thing) else thing
    inputs = [p.name for p in inspect.signature(called).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    hints = typing.get_type_hints(made, include_extras=True)
    options = [p for p in inspect.signature(made).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return tuple(n for n in inputs if n != "self"), [(p.name, hints[p.name], p.default) for p in options]


@pytest.mark.parametrize(("kind", "use"), EVERY)
def test_the_signature_read_from_source_is_the_true_one(kind, use) -> None:
    catalog = Catalog()
    signature = catalog.signature(kind, use)
    thing = catalog.load(kind, use)
    thing = getattr(thing, "func", thing)  # the member of a family has its name bound
    inputs, options = described(thing)
    assert signature.inputs == inputs
    required = [
        (name, kind, REQUIRED if default is inspect.Parameter.empty else default) for name, kind, default in options
    ]
    assert [(o.name, o.type, o.default) for o in signature.options] == required
    assert signature.doc == inspect.getdoc(thing)
    assert signature.summary.endswith(".")


@pytest.mark.parametrize(("kind", "use"), [(kind, use) for kind, use in EVERY if kind == "losses"])
def test_the_docstring_of_a_loss_says_all_that_show_prints(kind, use) -> None:
    doc = Catalog().signature(kind, use).doc
    for part in ("Formula: ", "Shapes: ", "Units: ", "Raises: ", "Source: "):
        assert f"\n{part}" in doc, part


def test_listing_signatures_imports_no_torch() -> None:
    program = (
        "import sys; from kdbench.zoo import Catalog; from kdbench.zoo.catalog import BUILTIN\n"
        "catalog = Catalog()\n"
        "found = [catalog.signature(k, u) for k, names in BUILTIN.items() for u in names if not u.endswith(':')]\n"
        "found.append(catalog.signature('models', 'torchvision:resnet18'))\n"
        "print(len(found), [m for m in ('torch', 'torchvision', 'numpy') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == f"{len(EVERY)} []"


def test_torchvision_members_are_its_classifiers() -> None:
    from torchvision import models

    assert set(torchvision_models()) == set(models.list_models(module=models))


def test_a_member_of_a_family_is_bound_and_can_be_sent_to_another_process() -> None:
    build = pickle.loads(pickle.dumps(Catalog().load("models", "torchvision:squeezenet1_1")))
    assert sum(p.numel() for p in build(10, (3, 32, 32)).parameters()) == 727_626


@pytest.mark.parametrize("use", ["nonsense", "torchvision:", "torchvision:nonsense", "os:system", "kd:kd"])
def test_unknown_names_are_key_errors(use) -> None:
    for look_up in (Catalog().signature, Catalog().load):
        with pytest.raises(KeyError, match=use):
            look_up("models", use)


@pytest.mark.parametrize(
    ("use", "choice"), [("cifar:resnet57", "cifar:resnet56"), ("torchvision:resnet19", "torchvision:resnet18")]
)
def test_who_begins_with_a_family_chooses_from_its_members(use, choice) -> None:
    choices = Catalog().choices("models", use)
    assert choice in choices
    assert {name.partition(":")[0] for name in choices} == {use.partition(":")[0]}
    for name in choices:
        assert Catalog().signature("models", name).use == name


@pytest.mark.parametrize(("kind", "use"), [("models", "mpl"), ("models", "cifr:vgg8"), ("losses", "cifar:vgg8")])
def test_all_others_choose_from_the_names(kind, use) -> None:
    assert Catalog().choices(kind, use) == Catalog().names(kind)


PLUGIN = '''
"""A package of someone else's."""
from typing import Annotated

import torch
from pydantic import Field

from kdbench.spec.types import Positive

DEFAULT = 3.0


def warm(student, labels, *, power: Positive = 2.0):
    """A loss."""
    return student.logits.float().pow(power).mean()


def computed(student, labels, *, power: Positive = DEFAULT, share: Annotated[float, Field(gt=0)] = 0.5, free=None):
    """Its default stands in a constant: only the module knows it."""
    return power


class Module(torch.nn.Module):
    """A loss with weights."""

    def __init__(self, student, teacher, *, needed: int):
        super().__init__()

    def forward(self, student, teacher, labels):
        return labels
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "their_losses.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("their_losses", None)


def install(folder: Path, entries: str) -> None:
    """A distribution as pip leaves it: metadata and entry points."""
    info = folder / "their_losses-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-losses\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


def test_entry_points_are_found_and_read_without_import(plugin: Path) -> None:
    install(plugin, "[kdbench.losses]\nwarm = their_losses:warm\n")
    catalog = Catalog()
    assert catalog.names("losses") == (*BUILTIN["losses"], "warm")
    signature = catalog.signature("losses", "warm")
    assert signature.inputs == ("student", "labels")
    assert [(o.name, o.default) for o in signature.options] == [("power", 2.0)]
    assert "their_losses" not in sys.modules
    assert catalog.load("losses", "warm").__module__ == "their_losses"


def test_the_files_of_installed_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Catalog().names("losses")
    monkeypatch.setattr("kdbench.zoo.catalog.entry_points", None)
    assert Catalog().names("losses") == expected


def test_an_entry_point_may_not_take_a_name_of_ours(plugin: Path) -> None:
    install(plugin, "[kdbench.losses]\nkd = their_losses:warm\n")
    with pytest.raises(UserError, match="registers losses that kdbench has already: kd"):
        Catalog().names("losses")


def test_an_entry_point_to_nothing_says_so(plugin: Path) -> None:
    install(plugin, "[kdbench.losses]\ngone = their_losses:gone\nlost = no_such_module:lost\n")
    with pytest.raises(UserError, match="module 'their_losses' has no 'gone'"):
        Catalog().signature("losses", "gone")
    with pytest.raises(UserError, match="needs the module 'no_such_module', which is not installed"):
        Catalog().load("losses", "lost")


def test_a_module_runs_only_where_the_command_names_it(plugin: Path) -> None:
    with pytest.raises(KeyError):
        Catalog().signature("losses", "their_losses:warm")
    catalog = Catalog(["their_losses"])
    assert catalog.signature("losses", "their_losses:warm").inputs == ("student", "labels")
    assert catalog.load("losses", "their_losses:warm").__name__ == "warm"
    with pytest.raises(UserError, match="no module 'no_such_module' for -p no_such_module"):
        Catalog(["no_such_module"])


def test_signatures_that_source_cannot_tell_come_from_the_object(plugin: Path) -> None:
    catalog = Catalog(["their_losses"])
    computed = catalog.signature("losses", "their_losses:computed")
    assert [(o.name, o.default) for o in computed.options] == [("power", 3.0), ("share", 0.5), ("free", None)]
    module = catalog.signature("losses", "their_losses:Module")
    assert module.origin
    assert replace(module, origin=None) == Signature(
        "their_losses:Module",
        "losses",
        "their_losses:Module",
        ("student", "teacher", "labels"),
        (Option("needed", int, REQUIRED),),
        "A loss with weights.",
    )


@pytest.mark.parametrize(
    ("kind", "use", "given", "problem"),
    [
        ("models", "mlp", {"hidden": [64, 0]}, "at least 1"),
        ("models", "mlp", {"dropout": 1.0}, "below 1"),
        ("models", "resnet_cifar", {"width_factor": 2}, "1 or 4"),
        ("losses", "kd", {"temperature": 0.0}, "above 0"),
        ("losses", "fitnet", {"weight": -1.0}, "at least 0"),
        ("views", "crop", {"padding": 0}, "at least 1"),
        ("views", "cutout", {"size": 0}, "at least 1"),
        ("views", "cutout", {"probability": 0.0}, "above 0"),
        ("views", "color_jitter", {"contrast": -0.1}, "at least 0"),
        ("views", "color_jitter", {"hue": 0.6}, "at most 0.5"),
        ("views", "random_resized_crop", {"scale": [0.0, 1.0]}, "above 0"),
        ("views", "random_resized_crop", {"scale": [0.5, 1.5]}, "at most 1"),
        ("views", "random_resized_crop", {"ratio": [1.0, -1.0]}, "above 0"),
        ("views", "random_resized_crop", {"ratio": [1.0]}, "required"),
    ],
)
def test_options_out_of_range_are_refused_before_any_run(kind, use, given, problem) -> None:
    signature = Catalog().signature(kind, use)
    assert fill_options(signature, {})[1] == []
    _, wrong = fill_options(signature, given)
    assert [name for name, _ in wrong] == list(given)
    assert problem in wrong[0][1].help
