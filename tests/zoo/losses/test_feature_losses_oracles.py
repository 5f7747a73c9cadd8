"""Losses of features and relations against torchdistill, and against numpy in float64 written from the papers."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdbench.zoo import Outputs, trace
from kdbench.zoo.losses.attention_transfer import AttentionTransfer
from kdbench.zoo.losses.correlation_congruence import CorrelationCongruence
from kdbench.zoo.losses.nst import NST
from kdbench.zoo.losses.pkt import PKT
from kdbench.zoo.losses.rkd import RKD
from kdbench.zoo.losses.similarity_preserving import SimilarityPreserving
from kdbench.zoo.losses.vid import VID
from kdbench.zoo.models.cnn import cnn

SHAPE = (3, 16, 16)
STUDENT, TEACHER = (trace(cnn(2, SHAPE, width=width), SHAPE) for width in (4, 6))
LAYERS = {"student_layers": ("pool2",), "teacher_layers": ("pool2",)}  # [8, 4, 4] and [12, 4, 4]


@pytest.fixture(params=range(3))
def images(request) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(request.param)
    return tuple(torch.randn(16, channels, 4, 4, generator=generator).relu() for channels in (8, 12))


@pytest.fixture(params=range(3))
def rows(request) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(request.param)
    return tuple(3 * torch.randn(16, width, generator=generator) for width in (5, 9))


def term(loss: nn.Module, student: Tensor, teacher: Tensor) -> float:
    """The value of one pair of features without the labels' term."""
    logits, labels = torch.zeros(len(student), 2), torch.zeros(len(student), dtype=torch.int64)
    given = Outputs(logits, {loss.student_layers[0]: student})
    return loss(given, Outputs(logits, {loss.teacher_layers[0]: teacher}), labels).item()


def torchdistill(name: str, student: object, teacher: Tensor, *args, **options) -> float:
    """The value of torchdistill's loss in float64, both features at the path "x"."""
    losses = pytest.importorskip("torchdistill.losses.mid_level", reason="torchdistill is not installed")
    return float(getattr(losses, name)(*args, **options)({"x": {"output": student}}, {"x": {"output": teacher}}))


PAIR = {"pair": {side: {"path": "x", "io": "output"} for side in ("student", "teacher")}}


def test_attention_transfer_is_torchdistills(images) -> None:
    ours = term(AttentionTransfer(STUDENT, TEACHER, **LAYERS, ce_weight=0.0), *images)
    theirs = torchdistill("ATLoss", *(image.double() for image in images), PAIR, mode="code")
    assert ours == pytest.approx(1000 * theirs, rel=1e-5)


def test_attention_transfer_and_the_papers_equation(images) -> None:
    # torchdistill's mode "paper" is equation 2's mean over samples of |A_s - A_t|: another loss than the authors' code
    # and ours. For one sample its square over the 16 positions is ours.
    one, other = (image[:1] for image in images)
    ours = term(AttentionTransfer(STUDENT, TEACHER, **LAYERS, weight=1.0, ce_weight=0.0), one, other)
    theirs = torchdistill("ATLoss", one.double(), other.double(), PAIR, mode="paper")
    assert ours == pytest.approx(theirs**2 / 16, rel=1e-5)


def test_similarity_preserving_from_the_paper(images, rows) -> None:
    loss = SimilarityPreserving(STUDENT, TEACHER, ce_weight=0.0)
    for one, other in (images, rows):
        expected = 3000 * similarity(one.double().numpy(), other.double().numpy())
        assert term(loss, one, other) == pytest.approx(expected, rel=1e-5)


def test_similarity_preserving_is_not_torchdistills_which_has_rows_of_l1_norm_1(images) -> None:
    # It calls normalize(matrix, 1), whose second parameter is not the dimension but the norm's order.
    theirs = torchdistill("SPKDLoss", *(image.double() for image in images), "x", "x", reduction="batchmean")
    one, other = (image.double().numpy() for image in images)
    assert theirs == pytest.approx(similarity(one, other, order=1), rel=1e-9)
    assert theirs != pytest.approx(similarity(one, other), rel=0.1)


def similarity(one: np.ndarray, other: np.ndarray, order: int = 2) -> float:
    """Tung & Mori: the Gram matrix of flattened features, each row over its norm (L2 in the paper)."""
    grams = [f.reshape(len(f), -1) @ f.reshape(len(f), -1).T for f in (one, other)]
    a, b = (gram / np.linalg.norm(gram, ord=order, axis=1, keepdims=True) for gram in grams)
    return float(np.linalg.norm(a - b, "fro") ** 2 / len(one) ** 2)


@pytest.mark.parametrize("weights", [(25.0, 50.0), (1.0, 0.0), (0.0, 1.0)])
def test_rkd_is_torchdistills(rows, weights: tuple[float, float]) -> None:
    distance, angle = weights
    ours = term(RKD(STUDENT, TEACHER, distance_weight=distance, angle_weight=angle, ce_weight=0.0), *rows)
    theirs = torchdistill("RKDLoss", *(row.double() for row in rows), "x", "x", distance, angle, "mean")
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_rkd_differs_from_torchdistill_where_samples_repeat(rows) -> None:
    # From products of rows it gives equal samples a distance of 1e-6, above 0, which counts in the mean of distances.
    twice = [torch.cat((row, row)) for row in rows]
    options = {"dist_factor": 1.0, "angle_factor": 0.0, "reduction": "mean"}
    once = torchdistill("RKDLoss", *(row.double() for row in rows), "x", "x", **options)
    theirs = torchdistill("RKDLoss", *(row.double() for row in twice), "x", "x", **options)
    ours = term(RKD(STUDENT, TEACHER, distance_weight=1.0, angle_weight=0.0, ce_weight=0.0), *twice)
    assert theirs != pytest.approx(once, rel=0.01)
    assert ours == pytest.approx(once, rel=1e-5)


def test_vid_is_torchdistills(images) -> None:
    wrapper = pytest.importorskip("torchdistill.models.wrapper", reason="torchdistill is not installed")
    torch.manual_seed(0)
    loss = VID(STUDENT, TEACHER, **LAYERS, ce_weight=0.0)
    nn.init.normal_(loss.spreads[0], mean=1.0)
    theirs = wrapper.Regressor4VID(8, 12, 12, eps=1e-5, init_pred_var=5.0).double()
    assert theirs.soft_plus_param[0].item() == pytest.approx(VID(STUDENT, TEACHER).spreads[0][0].item(), rel=1e-5)
    theirs.regressor.load_state_dict(loss.means[0].state_dict())
    theirs.soft_plus_param.data.copy_(loss.spreads[0])
    with torch.no_grad():
        value = torchdistill("VIDLoss", theirs(images[0].double()), images[1].double(), PAIR)
    assert term(loss, *images) == pytest.approx(value, rel=1e-5)


def test_pkt_is_torchdistills(rows) -> None:
    ours = term(PKT(STUDENT, TEACHER, ce_weight=0.0), *rows)
    theirs = torchdistill("PKTLoss", *(row.double() for row in rows), "x", "output", "x", "output")
    assert ours == pytest.approx(30000 * theirs, rel=1e-5)


@pytest.mark.parametrize(("kernel", "order"), [("bilinear", 2), ("gaussian", 2), ("gaussian", 4)])
def test_correlation_congruence_is_the_square_of_torchdistills(rows, kernel: str, order: int) -> None:
    # torchdistill takes the Frobenius norm (over B^2), where the paper has its square over B^2, and leaves it to the
    # user to give the kernel features of norm 1, for which alone the series is that of the Gaussian.
    ours = term(CorrelationCongruence(STUDENT, TEACHER, kernel=kernel, order=order, ce_weight=0.0), *rows)
    units = [nn.functional.normalize(row.double()) for row in rows]
    config = {"type": kernel, "gamma": 0.4, "max_p": order}
    norm = torchdistill("CCKDLoss", *units, "x", "x", config, reduction="sum")
    assert ours == pytest.approx(100 * norm**2 / 16**2, rel=1e-5)


def test_correlation_congruence_from_the_paper(rows) -> None:
    # The Gaussian kernel itself, exp(-gamma |x - y|^2), which a series of order 20 reaches.
    ours = term(CorrelationCongruence(STUDENT, TEACHER, order=20, ce_weight=0.0), *rows)
    kernels = []
    for row in rows:
        unit = row.double().numpy() / np.linalg.norm(row.double().numpy(), axis=1, keepdims=True)
        kernels.append(np.exp(-0.4 * ((unit[:, None] - unit[None]) ** 2).sum(axis=2)))
    assert ours == pytest.approx(100 * ((kernels[0] - kernels[1]) ** 2).mean(), rel=1e-5)


def test_nst_from_the_paper(images) -> None:
    # No torchdistill loss: the paper's three double sums over channels, sample by sample.
    ours = term(NST(STUDENT, TEACHER, **LAYERS, ce_weight=0.0), *images)
    discrepancies = []
    for sample in zip(*(image.double().numpy() for image in images), strict=True):
        s, t = ([channel.ravel() / np.linalg.norm(channel) for channel in image] for image in sample)
        mean = {
            name: np.mean([np.dot(a, b) ** 2 for a in one for b in two])
            for name, one, two in (("tt", t, t), ("ss", s, s), ("st", s, t))
        }
        discrepancies.append(mean["tt"] + mean["ss"] - 2 * mean["st"])
    assert ours == pytest.approx(50 * np.mean(discrepancies), rel=1e-5)


def test_rkd_from_the_paper(rows) -> None:
    # Sums over pairs and triplets as in section 3.2, over the number of all pairs and triplets.
    ours = term(RKD(STUDENT, TEACHER, ce_weight=0.0), *rows)
    distances, angles = [], []
    for x in (row.double().numpy() for row in rows):
        count = range(len(x))
        psi = np.array([[np.linalg.norm(x[i] - x[j]) for j in count] for i in count])
        distances.append(psi / psi[psi > 0].mean())
        cosines = np.zeros((len(x),) * 3)
        for i in count:
            for j in count:
                for k in count:
                    if i not in (j, k):
                        cosines[i, j, k] = np.dot(x[j] - x[i], x[k] - x[i]) / psi[i, j] / psi[i, k]
        angles.append(cosines)
    huber = [
        np.where(np.abs(a - b) <= 1, 0.5 * (a - b) ** 2, np.abs(a - b) - 0.5).mean() for a, b in (distances, angles)
    ]
    assert ours == pytest.approx(25 * huber[0] + 50 * huber[1], rel=1e-5)
