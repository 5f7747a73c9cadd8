"""Any model of timm by name; and what is said where timm is not installed."""

import subprocess
import sys

import pytest
import timm
import torch
from torch import nn

from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.export.parity import check_parity
from kdbench.spec import UserError
from kdbench.zoo import Catalog, NotApplicable
from kdbench.zoo.catalog import timm_models
from kdbench.zoo.models.from_timm import from_timm


def test_members_are_what_timm_registers() -> None:
    assert set(timm_models()) == set(timm.list_models())


def test_names_are_read_without_torch() -> None:
    program = (
        "import sys; from kdbench.zoo import Catalog\n"
        "print(Catalog().signature('models', 'timm:resnet18').inputs, {'torch', 'timm'} & sys.modules.keys())"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "('classes', 'shape', 'name') set()"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet18", (1, 28, 28)),
        ("mobilenetv3_small_050", (3, 32, 32)),
        ("convnext_atto", (3, 32, 32)),
        ("efficientnet_b0", (4, 32, 32)),
        ("vit_tiny_patch16_224", (3, 32, 48)),  # made for one size: for this one
    ],
)
def test_models_as_they_come(name: str, shape: tuple[int, int, int]) -> None:
    model = Catalog().load("models", f"timm:{name}")(7, shape)
    assert model.training
    assert next(m for m in model.modules() if isinstance(m, nn.Conv2d)).in_channels == shape[0]
    with torch.no_grad():
        assert model.eval()(torch.zeros(2, *shape)).shape == (2, 7)


def test_it_is_the_model_that_timm_makes_untrained() -> None:
    states = []
    for build in (
        lambda: from_timm(10, (3, 32, 32), "mobilenetv3_small_050"),
        lambda: timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=10),
    ):
        torch.manual_seed(0)
        states.append(build().state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("efficientformer_l1", (3, 32, 32), "timm's 'efficientformer_l1' cannot take images of 3x32x32: "),
        ("vit_tiny_patch16_224", (3, 8, 8), "timm.* 'vit_tiny_patch16_224' .*images of 3x8x8: "),
        ("resnet19", (3, 32, 32), "the installed timm has no model 'resnet19'"),
    ],
)
def test_timm_says_why_not(name: str, shape: tuple[int, int, int], reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        from_timm(10, shape, name)


def test_without_timm_its_models_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)  # as Python sees a package that is not there
    for look_up in (Catalog().signature, Catalog().load):
        with pytest.raises(UserError, match=r"need the package timm, which is not installed\n.*'kdbench\[timm\]'"):
            look_up("models", "timm:resnet18")
    assert Catalog().signature("models", "cifar:resnet20")


@pytest.mark.parametrize("installed", [True, False])
def test_models_are_listed_with_timm_and_without(installed: bool) -> None:
    absent = "" if installed else "sys.modules['timm'] = None; "
    program = f"import sys; {absent}from kdbench.cli import main; sys.argv = ['kdbench', 'list', 'models']; main()"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"cifar:NAME", "torchvision:NAME", "timm:NAME"} <= {line.split()[0] for line in seen.stdout.splitlines()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_the_exported_graph_computes_the_same(name: str, tmp_path) -> None:
    torch.manual_seed(0)
    model = from_timm(10, (3, 32, 32), name)
    export_onnx(model, (3, 32, 32), tmp_path / "model.onnx")
    check_parity(model, tmp_path / "model.onnx", torch.randn(16, 3, 32, 32))
