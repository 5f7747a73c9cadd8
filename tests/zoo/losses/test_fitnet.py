from math import log

import pytest
import torch

from kdbench.zoo import NotApplicable, Outputs, tapped, trace
from kdbench.zoo.layers.taps import outputs
from kdbench.zoo.losses.fitnet import FitNet
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 16, 16)


def test_value_by_hand_on_flat_features() -> None:
    # Student's features 1 and 3 through a weight of 1: batch norm makes them -1 and +1 (mean 2, SD 1).
    # The teacher's are 0 and 1: squares 1 and 0, mean 1/2; times weight 10 = 5. CE of uniform logits: log 2.
    student, teacher = (trace(mlp(2, (1, 1, 1), hidden=(1,)), (1, 1, 1)) for _ in range(2))
    loss = FitNet(student, teacher, weight=10.0)
    torch.nn.init.ones_(loss.regressor[0].weight)
    logits, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    given = Outputs(logits, {"middle": torch.tensor([[1.0], [3.0]])})
    taught = Outputs(logits, {"middle": torch.tensor([[0.0], [1.0]])})
    assert loss(given, taught, labels).item() == pytest.approx(5 + log(2), rel=1e-4)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        # Features 1, 1, 3, 3 of one channel against 0, 2, 0, 2: squares 1, 1, 9, 1, mean 3.
        ("raw", 3.0),
        # Means 2 and 1.
        ("pooled", 1.0),
        # Root mean squares sqrt(5) and sqrt(2): 2 - 2 * mean(0, 2, 0, 6) / sqrt(10).
        ("normalized", 2 - 2 * 2 / 10**0.5),
    ],
)
def test_without_a_regressor_by_hand(transform: str, expected: float) -> None:
    student, teacher = (trace(cnn(2, (1, 4, 4), width=1), (1, 4, 4)) for _ in range(2))
    layers = {"student_layer": "conv1", "teacher_layer": "conv1"}
    loss = FitNet(student, teacher, **layers, transform=transform, weight=1.0, ce_weight=0.0)
    assert list(loss.parameters()) == []
    own, other = torch.tensor([1.0, 1.0, 3.0, 3.0]), torch.tensor([0.0, 2.0, 0.0, 2.0])
    given, taught = (Outputs(torch.zeros(1, 2), {"conv1": each.reshape(1, 1, 2, 2)}) for each in (own, other))
    assert loss(given, taught, torch.tensor([0])).item() == pytest.approx(expected)


def test_without_a_regressor_the_shapes_are_equal() -> None:
    narrow, wide = (trace(cnn(2, SHAPE, width=width), SHAPE) for width in (2, 4))
    reason = r"'raw' needs features of one shape: the student's are \[4, 8, 8\], the teacher's \[8, 8, 8\]"
    with pytest.raises(NotApplicable, match=reason):
        FitNet(narrow, wide, transform="raw")
    with pytest.raises(NotApplicable, match="'pooled' needs features of as many channels"):
        FitNet(narrow, wide, transform="pooled")
    FitNet(wide, wide, transform="pooled", student_layer="conv2", teacher_layer="pool2")


def test_spatial_regressor_is_convolution_norm_relu() -> None:
    student, teacher = cnn(4, SHAPE, width=4), cnn(4, SHAPE, width=6)
    loss = FitNet(trace(student, SHAPE), trace(teacher, SHAPE))
    assert [type(m).__name__ for m in loss.regressor] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert sum(p.numel() for p in loss.parameters()) == 8 * 12 + 2 * 12  # 1x1 weights, scale and shift


@pytest.mark.parametrize(
    ("student_layer", "teacher_layer"), [("middle", "middle"), ("conv2", "relu2"), ("embedding",) * 2]
)
def test_learns_through_real_taps(student_layer: str, teacher_layer: str) -> None:
    torch.manual_seed(0)
    student, teacher = cnn(4, SHAPE, width=4), cnn(4, SHAPE, width=6).eval()
    traces = trace(student, SHAPE), trace(teacher, SHAPE)
    loss = FitNet(*traces, student_layer=student_layer, teacher_layer=teacher_layer, ce_weight=0.0)
    images, labels = torch.randn(8, *SHAPE), torch.arange(8) % 4
    optimizer = torch.optim.Adam([*student.parameters(), *loss.parameters()], lr=1e-2)
    with tapped(student, traces[0], loss.student_layers) as one, tapped(teacher, traces[1], loss.teacher_layers) as two:
        values = []
        for _ in range(15):
            with torch.no_grad():
                taught = outputs(teacher, images, two)
            value = loss(outputs(student, images, one), taught, labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            values.append(value.item())
    assert values[-1] < 0.7 * values[0]


@pytest.mark.parametrize(
    ("student_layer", "teacher_layer", "kernel"),
    [
        ("first", "first", (1, 1)),  # 16 to 16
        ("first", "middle", (3, 3)),  # 16 to 8
        ("middle", "first", (4, 4)),  # 8 to 16
        ("first", "last", (13, 13)),  # 16 to 4
    ],
)
def test_other_sizes_are_convolved_to_the_teachers(student_layer: str, teacher_layer: str, kernel) -> None:
    student, teacher = trace(cnn(4, SHAPE, width=4), SHAPE), trace(resnet_cifar(4, SHAPE, depth=8), SHAPE)
    loss = FitNet(student, teacher, student_layer=student_layer, teacher_layer=teacher_layer)
    assert loss.regressor[0].kernel_size == kernel
    guessed = loss.regressor(torch.randn(2, *student.shape(student_layer)))
    assert guessed.shape[1:] == teacher.shape(teacher_layer)


def test_what_no_regressor_can_do_is_not_applicable_with_both_shapes() -> None:
    student, teacher = trace(cnn(4, SHAPE, width=4), SHAPE), trace(resnet_cifar(4, SHAPE, depth=8), SHAPE)
    with pytest.raises(NotApplicable, match=r"student's are \[8, 4, 4\], the teacher's \[16, 16, 16\]"):
        FitNet(student, teacher, student_layer="last", teacher_layer="first")
    with pytest.raises(NotApplicable, match=r"student's are \[16\], the teacher's \[32, 8, 8\]"):
        FitNet(student, teacher, student_layer="fc1")
    with pytest.raises(NotApplicable, match="no layer 'midle' in this model; did you mean 'middle'"):
        FitNet(student, teacher, student_layer="midle")
