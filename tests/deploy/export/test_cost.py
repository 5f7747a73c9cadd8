import pytest
import torch
from torch import nn

from kdbench.deploy.export.cost import count_flops, count_parameters
from tests.deploy.networks import SHAPE, Resnet, cnn, mlp


def test_an_mlp_by_hand():
    # 192 -> 16 -> 10: weights and biases; two operations for each weight.
    assert count_parameters(mlp()) == 192 * 16 + 16 + 16 * 10 + 10
    assert count_flops(mlp(), SHAPE) == 2 * (192 * 16 + 16 * 10)


def test_a_cnn_by_hand():
    # 4 filters of 3 x 3 x 3 at 8 x 8 places, then 4 x 4 x 4 -> 10.
    assert count_parameters(cnn()) == 4 * 27 + 4 + 64 * 10 + 10
    assert count_flops(cnn(), SHAPE) == 2 * (64 * 4 * 27 + 64 * 10)


def test_grouped_and_strided_convolutions_by_hand():
    model = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4)
    assert count_flops(model, (4, 8, 8)) == 2 * (4 * 4) * 4 * 9


def test_batch_norm_has_parameters_and_no_flops():
    assert count_parameters(Resnet()) == 8 * 27 + 8 * 72 + 2 * (8 + 8) + 8 * 10 + 10
    assert count_flops(Resnet(), SHAPE) == 2 * (64 * 8 * 27 + 64 * 8 * 72 + 8 * 10)


def test_tied_parameters_count_once():
    layer = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(layer, layer)) == 12


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, nhead=2, dim_feedforward=32, batch_first=True)

    def forward(self, images):
        return self.layer(images.reshape(-1, 12, 16))


def test_attention_counts_though_torch_fuses_it():
    # 12 tokens of 16: q, k, v and output projections, the MLP of 32, and 12 x 12 scores used twice.
    expected = 2 * 12 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 2 * (12 * 12 * 16)
    assert count_flops(Attention().eval(), SHAPE) == expected
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_model_alone(training: bool):
    model = Resnet().train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    count_flops(model, SHAPE)
    assert model.training is training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
