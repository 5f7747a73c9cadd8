"""Losses of features and relations: hand-worked values, gradients, shapes that differ, and what each refuses."""

from math import exp, log, sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.zoo import NotApplicable, Outputs, tapped, trace
from kdbench.zoo.layers.taps import outputs
from kdbench.zoo.losses.attention_transfer import AttentionTransfer
from kdbench.zoo.losses.correlation_congruence import CorrelationCongruence
from kdbench.zoo.losses.matching import pair_layers, to_common_size, unit_vectors
from kdbench.zoo.losses.nst import NST
from kdbench.zoo.losses.pkt import PKT
from kdbench.zoo.losses.rkd import RKD
from kdbench.zoo.losses.similarity_preserving import SimilarityPreserving
from kdbench.zoo.losses.vid import VID
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 16, 16)
SMALL = (3, 8, 8)
IMAGES = (AttentionTransfer, NST)
RELATIONS = (SimilarityPreserving, RKD, PKT, CorrelationCongruence)
EVERY = (*IMAGES, VID, *RELATIONS)
LAYERED = (*IMAGES, VID)
CNN = trace(cnn(2, SHAPE, width=4), SHAPE)
MLP = trace(mlp(2, (1, 4, 4), hidden=(2,)), (1, 4, 4))


def term(loss: nn.Module, student: Tensor, teacher: Tensor) -> Tensor:
    """The loss of one pair of features; build it with ce_weight 0 to have no labels' term."""
    logits, labels = torch.zeros(len(student), 2), torch.zeros(len(student), dtype=torch.int64)
    one, other = loss.student_layers, loss.teacher_layers
    return loss(Outputs(logits, dict.fromkeys(one, student)), Outputs(logits, dict.fromkeys(other, teacher)), labels)


def on_one_layer(kind: type[nn.Module], student=CNN, teacher=CNN, **options) -> nn.Module:
    name = "pool2" if student is CNN else "middle"
    layers = {"student_layers": (name,), "teacher_layers": (name,)} if kind in LAYERED else {}
    return kind(student, teacher, **layers, **{"ce_weight": 0.0, **options})


def positions(*channels: list[float]) -> Tensor:
    """One image of height 1: a list of positions for each channel."""
    return torch.tensor(channels)[None, :, None, :]


def test_attention_transfer_by_hand() -> None:
    # The student's two channels over two positions are (1, 2) and (1, 0): squares (1, 4), (1, 0), mean (1, 2),
    # norm sqrt 5. The teacher's one channel is (0, 3): square (0, 9), of norm 1 (0, 1).
    # Differences 1/sqrt 5 and 2/sqrt 5 - 1: squares 1/5 + (4/5 - 4/sqrt 5 + 1) = 2 - 4/sqrt 5, mean 1 - 2/sqrt 5.
    loss = on_one_layer(AttentionTransfer, weight=10.0)
    value = term(loss, positions([1.0, 2.0], [1.0, 0.0]), positions([0.0, 3.0]))
    assert value.item() == pytest.approx(10 * (1 - 2 / sqrt(5)), rel=1e-5)


def test_attention_transfer_averages_the_larger_image_down() -> None:
    # Averaged to two positions, (1, 3, 2, 2) is (2, 2): attention (1, 1)/sqrt 2. Squares first would give (5, 4).
    value = term(on_one_layer(AttentionTransfer), positions([1.0, 3.0, 2.0, 2.0]), positions([5.0, 5.0]))
    assert value.item() == pytest.approx(0, abs=1e-6)


def test_similarity_preserving_by_hand() -> None:
    # Student (1, 0) and (0, 1): G = identity, rows of norm 1 already. Teacher 1 and 1: all ones, rows (1, 1)/sqrt 2.
    # Four differences: twice 1 - 1/sqrt 2, twice 1/sqrt 2; squares 2 (1 - sqrt 2 + 1/2) + 2/2 = 4 - 2 sqrt 2; over B^2 = 4.
    value = term(on_one_layer(SimilarityPreserving, weight=3.0), torch.eye(2), torch.ones(2, 1))
    assert value.item() == pytest.approx(3 * (1 - sqrt(2) / 2), rel=1e-5)


def test_rkd_distances_by_hand() -> None:
    # Student on a line at 0, 1, 2: distances 1, 1, 2, mean 4/3, over it 3/4, 3/4, 3/2. Teacher equilateral: all 1.
    # Smooth L1 below 1 is half the square: 1/32, 1/32, 1/8, each twice of 9 entries: 2/9 * 3/16 = 1/24; times 25.
    student = torch.tensor([[0.0], [1.0], [2.0]])
    value = term(on_one_layer(RKD, angle_weight=0.0), student, torch.eye(3))
    assert value.item() == pytest.approx(25 / 24, rel=1e-5)


def test_rkd_angles_by_hand() -> None:
    # Of 27 triplets those with three different samples count; (i, j, k) and (i, k, j) have one angle. Student on the
    # line: cosines 1 at both ends, -1 in the middle. Teacher equilateral: 1/2 each. Differences 1/2, 1/2, -3/2: smooth
    # L1 is 1/8, 1/8 and 3/2 - 1/2 = 1. Sum 5/4, twice, over 27 = 5/54; times 50.
    student = torch.tensor([[0.0], [1.0], [2.0]])
    value = term(on_one_layer(RKD, distance_weight=0.0), student, torch.eye(3))
    assert value.item() == pytest.approx(50 * 5 / 54, rel=1e-5)


def test_rkd_repeated_samples_change_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 5, 3, generator=generator)
    loss = on_one_layer(RKD)
    twice = term(loss, torch.cat((student, student)), torch.cat((teacher, teacher))).item()
    assert twice == pytest.approx(term(loss, student, teacher).item(), rel=1e-5)


def test_vid_by_hand() -> None:
    # Weights of 1 make mu of the student's 1 and 2 the same 1 and 2 in each layer. Teacher 3 and 2: squares 4 and 0,
    # mean 2; variance 5 (+1e-5): 1/2 (2/5 + log 5).
    flat = trace(mlp(2, (1, 1, 1), hidden=(1,)), (1, 1, 1))
    loss = on_one_layer(VID, flat, flat, weight=2.0)
    for weight in loss.means.parameters():
        nn.init.ones_(weight)
    value = term(loss, torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [2.0]]))
    assert value.item() == pytest.approx(2 / 5 + log(5), rel=1e-5)


def test_vid_learns_a_variance_for_each_channel_of_the_teacher() -> None:
    # At its best v is the mean square that is left: 1 and 4 (mu is 0 where the student's features are 0).
    student, teacher = torch.zeros(2, 8, 4, 4), torch.stack((torch.full((4, 4), 1.0), torch.full((4, 4), 2.0)))
    two = trace(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(2 * 256, 2)), SHAPE)
    loss = VID(CNN, two, student_layers=("pool2",), teacher_layers=("0",), ce_weight=0.0)
    with torch.no_grad():
        loss.spreads[0].copy_(torch.tensor([1.0, 4.0]).expm1().log())  # softplus of log(e^v - 1) is v
    value = term(loss, student, teacher.expand(2, 2, 4, 4))
    assert value.item() == pytest.approx(0.5 * (1 + (0 + log(4)) / 2), rel=1e-4)
    (gradient,) = torch.autograd.grad(value, [loss.spreads[0]])
    assert gradient.abs().max() < 1e-5


@pytest.mark.parametrize("variance", [1e-3, 5.0, 1e3])
def test_vid_starts_at_the_variance_asked_for(variance: float) -> None:
    spread = on_one_layer(VID, initial_variance=variance).spreads[0]
    torch.testing.assert_close(functional.softplus(spread), torch.full_like(spread, variance), rtol=1e-3, atol=0)


def test_pkt_by_hand() -> None:
    # Student (1, 0), (0, 1): cosines 1 and 0, so 1 and 1/2, over 3/2: (2/3, 1/3). Teacher equal: (1/2, 1/2).
    # A row's divergence is 1/2 log 3/4 + 1/2 log 3/2 = 1/2 log 9/8; mean over the 2x2: a quarter of two rows.
    value = term(on_one_layer(PKT, weight=8.0), torch.eye(2), torch.ones(2, 1))
    assert value.item() == pytest.approx(2 * log(9 / 8), rel=1e-5)


def test_pkt_of_opposite_samples_is_finite() -> None:
    # Student at 1 and -1: cosine -1, probability 0. Teacher (1/2, 1/2): 1/2 log (1/2 / 1) + 1/2 log (1/2 / 1e-7).
    value = term(on_one_layer(PKT, weight=2.0), torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1))
    assert value.item() == pytest.approx(0.5 * log(0.5) + 0.5 * log(0.5 / 1e-7), rel=1e-5)


@pytest.mark.parametrize("kind", [SimilarityPreserving, PKT])
def test_a_reference_batch_makes_relations_weigh_alike_in_every_batch(kind: type[nn.Module]) -> None:
    """The same samples twice have the same relations; as published they count half as much."""
    features = [torch.randn(8, 2, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    twice = [torch.cat([each, each]) for each in features]
    assert term(on_one_layer(kind), *twice) == pytest.approx(float(term(on_one_layer(kind), *features)) / 2, rel=1e-3)
    loss = on_one_layer(kind, reference_batch=8)
    assert term(loss, *twice) == pytest.approx(float(term(loss, *features)), rel=1e-3)
    assert term(loss, *features) == pytest.approx(float(term(on_one_layer(kind), *features)))


def test_correlation_congruence_by_hand() -> None:
    # Student (2, 0), (0, 3): cosines 1, 0. Teacher: all 1. Two of four entries differ.
    # Bilinear: by 1: 2/4. Gaussian: by e^-.8 (.8 + .8^2 / 2) = 1.12 e^-.8, its square halved.
    student, teacher = torch.diag(torch.tensor([2.0, 3.0])), torch.ones(2, 1)
    bilinear = on_one_layer(CorrelationCongruence, kernel="bilinear")
    assert term(bilinear, student, teacher).item() == pytest.approx(50, rel=1e-5)
    gaussian = on_one_layer(CorrelationCongruence, weight=1.0)
    assert term(gaussian, student, teacher).item() == pytest.approx((1.12 * exp(-0.8)) ** 2 / 2, rel=1e-5)


def test_the_series_of_correlation_congruence_becomes_the_gaussian_kernel() -> None:
    # Vectors of norm 1 at right angles are sqrt 2 apart: e^(-2 gamma), equal ones 1.
    loss = on_one_layer(CorrelationCongruence, order=30)
    expected = torch.tensor([[1.0, exp(-0.8)], [exp(-0.8), 1.0]])
    torch.testing.assert_close(loss._correlations(torch.eye(2)), expected)


def test_nst_by_hand() -> None:
    # Student's one channel (3, 0): (1, 0) of norm 1. Teacher's channels (2, 0) and (0, 1): (1, 0), (0, 1).
    # Kernels: student 1; teacher mean of 1, 0, 0, 1 = 1/2; across, mean of 1, 0 = 1/2: 1 + 1/2 - 1 = 1/2; times 50.
    value = term(on_one_layer(NST), positions([3.0, 0.0]), positions([2.0, 0.0], [0.0, 1.0]))
    assert value.item() == pytest.approx(25, rel=1e-5)


def test_nst_takes_channels_as_a_set() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 2, 2, generator=generator)
    loss = on_one_layer(NST)
    assert term(loss, features[:, [2, 0, 3, 1]], features).item() == pytest.approx(0, abs=1e-4)
    assert term(loss, features.flip(2), features).item() > 0.1


@pytest.mark.parametrize("kind", LAYERED)
def test_layers_are_summed_and_the_labels_term_added(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 8, 4, 4, generator=generator)
    torch.manual_seed(0)
    one = kind(CNN, CNN, student_layers=("pool2",), teacher_layers=("pool2",), weight=3.0, ce_weight=0.0)
    torch.manual_seed(0)
    two = kind(CNN, CNN, student_layers=("pool2", "last"), teacher_layers=("pool2", "last"), weight=3.0, ce_weight=2.0)
    if kind is VID:  # both layers with the same weights
        two.means[1].load_state_dict(two.means[0].state_dict())
    # CE of uniform logits over two classes is log 2.
    expected = 2 * term(one, student, teacher).item() + 2 * log(2)
    assert term(two, student, teacher).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", RELATIONS)
def test_the_labels_term_is_added_to_relations(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 4, 6, generator=generator)
    expected = term(on_one_layer(kind, weight=7.0), student, teacher).item() + 2 * log(2)
    assert term(on_one_layer(kind, weight=7.0, ce_weight=2.0), student, teacher).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", [*IMAGES, *RELATIONS])
def test_the_least_is_at_the_teacher(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(6, 8, 4, 4, generator=generator)
    loss = on_one_layer(kind, weight=1.0)
    assert term(loss, teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    for _ in range(5):
        assert term(loss, teacher + 0.3 * torch.randn(teacher.shape, generator=generator), teacher).item() > 1e-5


@pytest.mark.parametrize("kind", EVERY)
def test_gradient_reaches_student_and_own_weights_not_the_teacher_and_keeps_its_layout(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 8, 4, 4, generator=generator).relu()
    student, teacher = (image.to(memory_format=torch.channels_last).requires_grad_() for image in (student, teacher))
    torch.manual_seed(0)
    loss = on_one_layer(kind, weight=1.0)
    own = list(loss.parameters())
    before = term(loss, student, teacher)
    assert torch.autograd.grad(before, [teacher], retain_graph=True, allow_unused=True) == (None,)
    gradient, *others = torch.autograd.grad(before, [student, *own])  # a leaf's `.grad` would be laid out as the leaf
    assert gradient.abs().max() > 0
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    assert all(other.abs().max() > 0 for other in others)
    assert len(own) == (4 if kind is VID else 0)
    after = term(loss, student.detach() - 1e-3 * gradient / gradient.norm(), teacher)
    assert after.item() < before.item()


@pytest.mark.parametrize("kind", EVERY)
def test_gradient_is_finite_and_bounded_where_features_coincide_or_vanish(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(6, 8, 4, 4, generator=generator).relu()
    near = torch.randn(6, 8, 4, 4, generator=generator).relu()
    near[1], near[2] = near[0], 0  # a repeated sample, a silent one
    near[:, 3] = 0  # and a silent channel
    for student in (near, torch.zeros_like(near), torch.ones_like(near), teacher.clone()):
        student.requires_grad_()
        value = term(on_one_layer(kind, weight=1.0), student, teacher)
        value.backward()
        assert value.isfinite()
        assert student.grad.abs().max() < 1e3
    silent = term(on_one_layer(kind, weight=1.0), near, torch.zeros_like(teacher))
    assert silent.isfinite()


@pytest.mark.parametrize("kind", EVERY)
def test_half_precision_features_are_computed_with_in_float32(kind: type[nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 8, 4, 4, generator=generator).bfloat16()
    loss = on_one_layer(kind)
    rough, exact = term(loss, student, teacher), term(loss, student.float(), teacher.float())
    assert rough.dtype == torch.float32
    assert rough.item() == exact.item()


def eager(kind: type[nn.Module]) -> dict[str, float]:
    """At the variance of 5 that it starts with, most of vid's value is that variance's logarithm."""
    return {"initial_variance": 0.01} if kind is VID else {}


def learn(loss: nn.Module, student: nn.Module, teacher: nn.Module, shape: tuple[int, int, int]) -> list[float]:
    """Values over some steps of training through real taps."""
    traces = trace(student, shape), trace(teacher.eval(), shape)
    images, labels = torch.randn(8, *shape, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    learning = [*student.parameters(), *loss.parameters()]
    values = []
    with tapped(student, traces[0], loss.student_layers) as one, tapped(teacher, traces[1], loss.teacher_layers) as two:
        for _ in range(10):
            with torch.no_grad():
                taught = outputs(teacher, images, two)
            value = loss(outputs(student, images, one), taught, labels)
            values.append(value.item())
            for weight, gradient in zip(learning, torch.autograd.grad(value, learning, allow_unused=True), strict=True):
                if gradient is not None:  # the head's own weights, when features alone teach
                    weight.data -= 5e-3 * gradient.sign()  # as Adam's first step; to import it takes seconds
    return values


@pytest.mark.parametrize("kind", EVERY)
def test_learns_from_a_teacher_of_other_widths_and_sizes(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    student, teacher = cnn(2, SMALL, width=4), resnet_cifar(2, SMALL, depth=8)
    loss = kind(trace(student, SMALL), trace(teacher, SMALL), ce_weight=0.0, **eager(kind))
    values = learn(loss, student, teacher, SMALL)
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize("kind", [VID, *RELATIONS])
def test_learns_from_flat_features_of_another_width(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    student, teacher = mlp(2, (1, 4, 4), hidden=(6,)), mlp(2, (1, 4, 4), hidden=(12, 12))
    loss = kind(trace(student, (1, 4, 4)), trace(teacher, (1, 4, 4)), ce_weight=0.0, **eager(kind))
    values = learn(loss, student, teacher, (1, 4, 4))
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize("kind", IMAGES)
def test_flat_features_are_not_applicable_to_maps(kind: type[nn.Module]) -> None:
    with pytest.raises(NotApplicable, match=r"height and width: the student's layer 'first' gives \[2\]"):
        kind(MLP, CNN)
    with pytest.raises(NotApplicable, match=r"height and width: the teacher's layer 'fc1' gives \[16\]"):
        kind(CNN, CNN, student_layers=("relu1",), teacher_layers=("fc1",))


def test_vid_declines_flat_features_against_images() -> None:
    with pytest.raises(NotApplicable, match=r"vid needs .* the student's are \[8, 4, 4\], the teacher's \[2\]"):
        VID(CNN, MLP, student_layers=("pool2",), teacher_layers=("middle",))


@pytest.mark.parametrize("kind", EVERY)
def test_an_unknown_layer_is_not_applicable(kind: type[nn.Module]) -> None:
    names = ("student_layers", "teacher_layers") if kind in LAYERED else ("student_layer", "teacher_layer")
    for wrong in names:
        given = {name: "midle" if name == wrong else "middle" for name in names}
        options = {name: (layer,) for name, layer in given.items()} if kind in LAYERED else given
        with pytest.raises(NotApplicable, match="no layer 'midle' in this model; did you mean 'middle'"):
            kind(CNN, CNN, **options)


@pytest.mark.parametrize("kind", RELATIONS)
def test_one_sample_has_no_relation(kind: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="at least 2 in the batch, got 1"):
        term(on_one_layer(kind), torch.ones(1, 3), torch.ones(1, 3))


def test_layers_by_default() -> None:
    traced = {depth: trace(resnet_cifar(2, SHAPE, depth=depth), SHAPE) for depth in (8, 14)}
    two = trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(196, 2)), SHAPE)
    assert two.stages == ("0", "1")
    stages = ("stage1", "stage2", "stage3")
    assert pair_layers("x", traced[8], traced[14], (), ()) == (stages, stages)
    assert pair_layers("x", two, traced[8], (), ()) == (("first", "middle", "last"),) * 2
    assert pair_layers("x", two, traced[8], ("1",), ("stage2",)) == (("1",), ("stage2",))
    with pytest.raises(NotApplicable, match="student_layers names 1, teacher_layers 0; name equally many"):
        pair_layers("x", two, two, ("1",), ())
    with pytest.raises(NotApplicable, match="no layer 'first'"):
        VID(trace(mlp(2, SHAPE, hidden=()), SHAPE), two)
    for kind in RELATIONS:
        expected = ("last",) if kind is SimilarityPreserving else ("embedding",)
        assert kind(CNN, MLP).student_layers == kind(CNN, MLP).teacher_layers == expected


def test_common_size_is_the_smaller_of_each_side() -> None:
    one, other = to_common_size(torch.zeros(2, 3, 8, 4), torch.zeros(2, 5, 4, 6))
    assert (one.shape, other.shape) == ((2, 3, 4, 4), (2, 5, 4, 4))


def test_unit_vectors_keep_zeros_without_gradient() -> None:
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e-10, 4e-10]], requires_grad=True)
    units = unit_vectors(vectors)
    torch.testing.assert_close(units, torch.tensor([[0.6, 0.8], [0.0, 0.0], [0.6, 0.8]]))
    units.sum().backward()
    assert vectors.grad[1].tolist() == [0, 0]
