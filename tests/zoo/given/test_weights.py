"""Files of weights as people have them, and one sentence for each that is bad."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kdbench.spec import UserError
from kdbench.zoo.given.weights import fill_in, read_weights


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


STATE = {name: value + 1 for name, value in network().state_dict().items()}


def alike(found: dict[str, torch.Tensor] | object) -> bool:
    assert isinstance(found, dict)
    return found.keys() == STATE.keys() and all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "best_acc": 0.9},
        {"student": {"state_dict": {f"module.{name}": value for name, value in STATE.items()}}},
    ],
    ids=["state dict", "beside other things", "as RepDistiller saves it", "of DataParallel"],
)
def test_a_file_of_torch_is_read(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pt")
    assert alike(read_weights(tmp_path / "weights.pt"))


def test_a_tensor_may_have_a_usual_name(tmp_path: Path) -> None:
    torch.save({"student": torch.ones(2), "head": torch.ones(3)}, tmp_path / "weights.pt")
    assert read_weights(tmp_path / "weights.pt").keys() == {"student", "head"}


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.safetensors")
    assert alike(read_weights(tmp_path / "weights.safetensors"))


class Code:
    """What torch.save keeps of a whole network: an object, not tensors."""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pt", b"", "is no file of torch, or it is damaged"),
        ("a.pt", b"not a file of torch", "which could be code, or is no file of torch: it is not read"),
        ("a.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00garbage!", "is no file of safetensors"),
        ("a.pt", Code(), "which could be code"),
        ("a.pt", {"epoch": 3}, "holds no dictionary of tensors"),
        ("a.pt", [torch.zeros(1)], "holds no dictionary of tensors"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, name: str, content: object, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
    with pytest.raises(UserError) as caught:
        read_weights(file)
    assert said in str(caught.value)
    assert str(caught.value).count("error:") == 1


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    for name, save in (("a.pt", torch.save), ("a.safetensors", save_file)):
        save(STATE, tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
        with pytest.raises(UserError, match="damaged or cut off"):
            read_weights(tmp_path / name)


def test_a_network_gets_its_weights_in_its_own_precision() -> None:
    model = network()
    half = {name: value.half() if value.is_floating_point() else value for name, value in STATE.items()}
    fill_in(model, half, "in 'x.pt'")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, STATE[name], rtol=1e-3, atol=1e-3)
        assert value.dtype == STATE[name].dtype


def test_counters_that_old_versions_of_torch_did_not_have_may_be_missing() -> None:
    model = network()
    fill_in(model, {name: value for name, value in STATE.items() if "tracked" not in name}, "in 'x.pt'")
    assert torch.equal(model.state_dict()["0.weight"], STATE["0.weight"])


def test_only_the_last_layer_of_what_is_tuned_may_have_other_classes() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    own = {name: value.clone() for name, value in model.state_dict().items()}
    state = {
        "0.weight": torch.ones(3, 4),
        "0.bias": torch.ones(3),
        "1.weight": torch.ones(9, 3),
        "1.bias": torch.ones(9),
    }
    with pytest.raises(UserError, match=r"'1.weight' is \[9, 3\], and here \[2, 3\](?s:.*)tune = true"):
        fill_in(model, state, "in 'x.pt'")
    fill_in(model, state, "in 'x.pt'", tuned=True)
    found = model.state_dict()
    assert torch.equal(found["0.weight"], torch.ones(3, 4))
    assert torch.equal(found["1.weight"], own["1.weight"]), "it begins anew"
    with pytest.raises(UserError, match=r"'0.weight' is \[5, 4\]"):
        fill_in(model, {**state, "0.weight": torch.ones(5, 4)}, "in 'x.pt'", tuned=True)
    same = {name: value + 1 for name, value in own.items()}
    fill_in(model, same, "in 'x.pt'", tuned=True)
    assert torch.equal(model.state_dict()["1.weight"], same["1.weight"]), "of the same classes it is kept"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"0.bias": None, "1.bias": None}, "they lack '0.bias' and 1 more"),
        ({"head.bias": torch.zeros(1)}, "they have 'head.bias'"),
        ({"0.weight": None, "fc.weight": torch.zeros(1)}, "they lack '0.weight' and have 'fc.weight'"),
        ({"0.weight": torch.zeros(5, 3)}, "'0.weight' is [5, 3], and here [2, 3]"),
        ({"0.bias": torch.tensor([1.0, float("nan")])}, "are not finite in '0.bias'"),
    ],
)
def test_weights_of_another_network_are_refused(changes: dict[str, torch.Tensor | None], said: str) -> None:
    state = {name: value for name, value in {**STATE, **changes}.items() if value is not None}
    model = network()
    with pytest.raises(UserError) as caught:
        fill_in(model, state, "in 'x.pt'")
    assert said in str(caught.value)
    assert "in 'x.pt'" in str(caught.value)
    assert torch.equal(model.state_dict()["0.weight"], network().state_dict()["0.weight"]), "it is left as it was"
