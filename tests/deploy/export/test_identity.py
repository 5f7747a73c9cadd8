import torch
from torch import nn

from kdbench.deploy.export.identity import identity_of, tensor_bytes
from tests.deploy.networks import SHAPE, Resnet, cnn


def test_equal_architectures_have_one_identity_whatever_their_weights():
    assert identity_of(Resnet(), SHAPE) == identity_of(Resnet(), SHAPE) is not None
    assert len({identity_of(cnn(), SHAPE), identity_of(cnn(), SHAPE)}) == 1


def test_shape_width_and_attributes_tell_architectures_apart():
    strided = cnn()
    strided[0].stride = (2, 2)
    assert len({identity_of(m, SHAPE) for m in (cnn(), cnn(5), strided)} | {identity_of(cnn(), (3, 16, 16))}) == 4


def test_a_constant_buffer_counts_with_its_values():
    def make(value: float) -> nn.Module:
        model = nn.Linear(2, 2)
        model.register_buffer("mean", torch.tensor([value]), persistent=False)
        return model

    assert identity_of(make(1), SHAPE) == identity_of(make(1), SHAPE) != identity_of(make(2), SHAPE)


def test_what_cannot_be_seen_has_no_identity():
    hooked, tied, opaque = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2)
    hooked.register_forward_hook(lambda module, inputs, output: output * 2)
    tied[1].weight = tied[0].weight
    opaque.constant = torch.ones(1)
    assert [identity_of(model, SHAPE) for model in (hooked, tied, opaque)] == [None, None, None]


def test_bytes_are_in_row_major_order():
    matrix = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)
    assert tensor_bytes(matrix) == b"\1\2\3\4"
    assert tensor_bytes(matrix.T) == b"\1\3\2\4"
    assert tensor_bytes(torch.tensor(1, dtype=torch.int16)) == b"\1\0"
