"""Published weights, as they lie in the folder of torch once they were downloaded; nothing here uses the network."""

from pathlib import Path

import pytest
import torch
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

from kdbench.spec import UserError
from kdbench.zoo.given import published
from kdbench.zoo.given.published import published_weights


def test_those_of_torchvision_are_read_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    state = squeezenet1_1().state_dict()
    torch.save(state, file)
    found = published_weights("torchvision:squeezenet1_1", "IMAGENET1K_V1")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"no weights 'V1' for 'squeezenet1_1'(?s:.*)allowed: IMAGENET1K_V1"):
        published_weights("torchvision:squeezenet1_1", "V1")
    pytest.importorskip("timm")
    with pytest.raises(UserError, match=r"timm has no weights 'a1' for 'resnet18'(?s:.*)a1_in1k"):
        published_weights("timm:resnet18", "a1")


def test_without_a_network_there_is_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(published, "_of_torchvision", unreachable)
    with pytest.raises(UserError, match=r"cannot download(?s:.*)no route to host(?s:.*)weights = \"FILE\""):
        published_weights("torchvision:resnet18", "IMAGENET1K_V1")
