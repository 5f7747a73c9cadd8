from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from kdbench.deploy.export.cost import count_flops
from kdbench.deploy.export.export import export_onnx
from kdbench.deploy.graph.flops import UnknownFlops, count_graph_flops
from kdbench.deploy.variants.make import make_variant
from kdbench.spec.variants import Int8Dynamic, Int8Static
from tests.deploy.networks import SHAPE, Resnet, mlp, trained


class Odd(nn.Module):
    """Groups, strides, a transposed convolution, attention and an einsum."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(3, 6, 3, stride=2, groups=3)  # to 3x3
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2)  # to 6x6
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.weight = nn.Parameter(torch.randn(10, 4, 36))

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.up(self.grouped(images)).flatten(2).transpose(1, 2)
        tokens = self.attend(tokens, tokens, tokens, need_weights=False)[0]
        return torch.einsum("bnc,kcn->bk", tokens, self.weight)


@pytest.mark.parametrize("build", [mlp, Resnet, Odd])
def test_a_graph_costs_what_its_module_costs(build: type[nn.Module], tmp_path: Path) -> None:
    model = build()
    export_onnx(model, SHAPE, tmp_path / "model.onnx")
    assert count_graph_flops(onnx.load(tmp_path / "model.onnx")) == count_flops(model, SHAPE) > 0


def test_eight_bits_are_as_many_operations(resnet_onnx: Path, images: np.ndarray, tmp_path: Path) -> None:
    expected = count_flops(trained(Resnet(), seed=1), SHAPE)
    for variant in (Int8Dynamic(reduce_range=True), Int8Static(samples=4, reduce_range=True)):
        make_variant(variant, resnet_onnx, tmp_path / "variant.onnx", images)
        assert count_graph_flops(onnx.load(tmp_path / "variant.onnx")) == expected


def single(node: onnx.NodeProto, shape: list[int | str], *weights: tuple[str, tuple[int, ...]]) -> onnx.ModelProto:
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    logits = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(np.zeros(size, dtype=np.float32), name) for name, size in weights]
    graph = helper.make_graph([node], "main", [images], [logits], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)])


def test_by_hand() -> None:
    # 5 outputs x 4 x 4 places x (3 channels x 3 x 3) x 2 = 4,320
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    assert count_graph_flops(single(conv, ["n", 3, 6, 6], ("w", (5, 3, 3, 3)))) == 4320
    # of four images: a fourth each
    assert count_graph_flops(single(conv, [4, 3, 6, 6], ("w", (5, 3, 3, 3)))) == 4320
    # 3 groups: each of 6 outputs sees one channel: 6 x 16 x 9 x 2
    grouped = helper.make_node("Conv", ["x", "w"], ["y"], group=3)
    assert count_graph_flops(single(grouped, ["n", 3, 6, 6], ("w", (6, 1, 3, 3)))) == 1728
    # [7, 1] transposed: 1 x 7 times 7 x 2
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)
    assert count_graph_flops(single(gemm, [1, 7], ("w", (1, 2)))) == 2 * 7 * 2 * 1
    assert count_graph_flops(single(helper.make_node("Relu", ["x"], ["y"]), ["n", 3, 6, 6])) == 0


def test_images_of_any_size_take_that_of_a_sample() -> None:
    conv = single(helper.make_node("Conv", ["x", "w"], ["y"]), ["n", 3, "h", "w"], ("w", (5, 3, 3, 3)))
    assert count_graph_flops(conv, (3, 6, 6)) == 4320
    with pytest.raises(UnknownFlops, match="the shape of 'y' is not known"):
        count_graph_flops(conv)
    assert conv.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n", "the model is left as it was"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (helper.make_node("Mine", ["x"], ["y"], domain="mine"), "not counted: Mine"),
        (helper.make_node("LSTM", ["x", "w", "w"], ["y"], hidden_size=2), "not counted: LSTM"),
        (helper.make_node("Einsum", ["x", "x"], ["y"], equation="...i,...i->...i"), "not counted: Einsum"),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), "shapes cannot be inferred|shape of 'y' is not known"),
    ],
)
def test_what_cannot_be_counted_is_not_zero(node: onnx.NodeProto, message: str) -> None:
    with pytest.raises(UnknownFlops, match=message):
        count_graph_flops(single(node, [1, 3, 6, 6], ("w", (5, 3))))
