"""Factor transfer: the value, its oracle, its two phases, and a training."""

from math import log

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kdbench.deploy.export.export import hash_weights
from kdbench.spec import Choice
from kdbench.zoo import NotApplicable, Outputs, trace
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.losses.factor_transfer import FactorTransfer
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar
from tests.zoo.losses.training import alike_alone_and_beside, drawn, on_noise, train

SHAPE = (3, 16, 16)
LABELS = torch.arange(6) % 2


def moment(epoch: float, epochs: int = 240) -> Moment:
    return Moment(epoch, epochs, Draw(0, int(epoch) + 1, torch.arange(6)), LABELS)


def small_loss(**options) -> FactorTransfer:
    """From [8, 4, 4] to [12, 4, 4] and a factor of 6 channels."""
    torch.manual_seed(0)
    return FactorTransfer(trace(cnn(2, SHAPE, width=4), SHAPE), trace(cnn(2, SHAPE, width=6), SHAPE), **options)


def features(loss: FactorTransfer, student: Tensor, teacher: Tensor) -> tuple[Outputs, Outputs]:
    logits = torch.zeros(len(student), 2)
    return Outputs(logits, {"last": student}), Outputs(logits, {"last": teacher})


def test_value_by_hand() -> None:
    # Factors taken as they are, [B 1, channels 2, 1, 1]. The teacher's (3, 4) becomes (.6, .8), the student's (2, 0)
    # (1, 0): |.4| + |.8| = 1.2, mean over 2 elements .6, times 200 = 120. CE of uniform logits: log 2.
    loss = small_loss()
    loss.encoder = loss.translator = nn.Identity()
    given = features(loss, torch.tensor([2.0, 0.0]).view(1, 2, 1, 1), torch.tensor([3.0, 4.0]).view(1, 2, 1, 1))
    assert loss(*given, LABELS[:1], moment(30)).item() == pytest.approx(120 + log(2), rel=1e-6)
    # A decoder that doubles: the error is the teacher's features themselves, mean of 9 and 16 = 12.5. No labels.
    loss.decoder = nn.Conv2d(2, 2, kernel_size=1, bias=False)
    loss.decoder.weight.data.copy_(2 * torch.eye(2).view(2, 2, 1, 1))
    assert loss(*given, LABELS[:1], moment(29)).item() == pytest.approx(12.5, rel=1e-6)


@pytest.fixture(params=[torch.float32, torch.float64, torch.bfloat16], ids=str)
def dtype(request) -> torch.dtype:
    return request.param


SIZES = [((4, 4), (4, 4)), ((5, 3), (5, 3)), ((8, 8), (4, 4)), ((2, 6), (4, 6))]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_term_is_torchdistills(sizes, dtype: torch.dtype) -> None:
    wrapper = pytest.importorskip("torchdistill.models.wrapper", reason="torchdistill is not installed")
    mid_level = pytest.importorskip("torchdistill.losses.mid_level")
    loss = small_loss(ce_weight=0.0)
    paraphraser = copy(loss, wrapper.Paraphraser4FactorTransfer(0.5, 12)).eval()
    paraphraser.uses_decoder = False
    translator = wrapper.Translator4FactorTransfer(8, 6).double()
    take(translator, loss.translator)
    generator = torch.Generator().manual_seed(0)
    student, teacher = (
        torch.randn(6, channels, *size, generator=generator).relu().to(dtype)
        for channels, size in zip((8, 12), sizes, strict=True)
    )
    size = tuple(map(min, *sizes))
    pooled = [functional.adaptive_avg_pool2d(x.double(), size) for x in (student, teacher)]
    theirs = mid_level.FTLoss(p=1, reduction="mean")(
        {"translator": {"output": translator(pooled[0])}}, {"paraphraser": {"output": paraphraser(pooled[1])}}
    )
    ours = loss(*features(loss, student, teacher), LABELS, moment(30)).item()
    assert ours == pytest.approx(200 * theirs.item(), rel=1e-5)


def test_the_paraphraser_is_torchdistills(dtype: torch.dtype) -> None:
    wrapper = pytest.importorskip("torchdistill.models.wrapper", reason="torchdistill is not installed")
    loss = small_loss()
    theirs = copy(loss, wrapper.Paraphraser4FactorTransfer(0.5, 12)).train()
    teacher = torch.randn(6, 12, 4, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = functional.mse_loss(theirs(teacher.double()), teacher.double()).item()
    ours = loss(*features(loss, torch.zeros(6, 8, 4, 4), teacher), LABELS, moment(0)).item()
    assert ours == pytest.approx(expected, rel=1e-5)


def copy(loss: FactorTransfer, paraphraser: nn.Module) -> nn.Module:
    take(paraphraser.encoder, loss.encoder)
    take(paraphraser.decoder, loss.decoder)
    return paraphraser.double()


def take(theirs: nn.Module, ours: nn.Module) -> None:
    """Our weights. Their convolutions have a bias, which batch norm cancels where it learns, and is 0 here."""
    missing = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert missing.missing_keys == ["0.bias", "3.bias", "6.bias"]
    for layer in (0, 3, 6):
        nn.init.zeros_(theirs[layer].bias)


def test_the_whole_factor_tells_what_repdistillers_map_cannot() -> None:
    # RepDistiller compares the mean square over channels, a map over pixels: permuted channels are the same to it.
    loss = small_loss(ce_weight=0.0)
    loss.encoder = loss.translator = nn.Identity()
    teacher = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    student = teacher.roll(1, dims=1)
    maps = [functional.normalize(x.square().mean(dim=1).flatten(1)) for x in (student, teacher)]
    assert torch.allclose(*maps)
    assert loss(*features(loss, student, teacher), LABELS, moment(30)).item() > 1
    assert loss(*features(loss, teacher, teacher), LABELS, moment(30)).item() == 0


def reached(loss: FactorTransfer, epoch: float) -> dict[str, set[bool]]:
    loss.zero_grad()
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(6, 2, generator=generator).requires_grad_() for _ in range(2)]
    images = [torch.randn(6, channels, 4, 4, generator=generator).requires_grad_() for channels in (8, 12)]
    student, teacher = (Outputs(z, {"last": f}) for z, f in zip(logits, images, strict=True))
    loss(student, teacher, LABELS, moment(epoch)).backward()
    parts = {"student": (logits[0], images[0]), "teacher": (logits[1], images[1])}
    parts |= {name: tuple(getattr(loss, name).parameters()) for name in ("encoder", "decoder", "translator")}
    return {name: {t.grad is not None and bool(t.grad.abs().max() > 0) for t in part} for name, part in parts.items()}


def test_the_paraphraser_learns_first_and_alone_and_then_no_more() -> None:
    loss = small_loss()
    first = {"student": {False}, "teacher": {False}, "encoder": {True}, "decoder": {True}, "translator": {False}}
    then = {"student": {True}, "teacher": {False}, "encoder": {False}, "decoder": {False}, "translator": {True}}
    assert reached(loss, 0.0) == reached(loss, 29.9) == first
    frozen = {name: tensor.clone() for name, tensor in loss.encoder.state_dict().items()}
    assert int(frozen["1.num_batches_tracked"]) == 2
    assert reached(loss, 30.0) == reached(loss, 239.0) == then
    for name, tensor in loss.encoder.state_dict().items():  # the running statistics of its batch norm too
        assert torch.equal(tensor, frozen[name])


def test_the_factor_has_its_share_of_the_teachers_channels() -> None:
    for rate, channels in ((0.5, 6), (1.0, 12), (2.0, 24), (0.01, 1)):
        loss = small_loss(rate=rate)
        assert loss.encoder(torch.zeros(2, 12, 4, 4)).shape == (2, channels, 4, 4)
        assert loss.translator(torch.zeros(2, 8, 4, 4)).shape == (2, channels, 4, 4)
        assert loss.decoder(torch.zeros(2, channels, 4, 4)).shape == (2, 12, 4, 4)


def test_what_it_cannot_serve() -> None:
    images, flat = trace(resnet_cifar(4, SHAPE, depth=8), SHAPE), trace(mlp(4, SHAPE, hidden=(7,)), SHAPE)
    with pytest.raises(
        NotApplicable, match=r"the student's layer 'last' gives \[7\]; choose another with student_layer"
    ):
        FactorTransfer(flat, images)
    with pytest.raises(NotApplicable, match=r"the teacher's layer 'embedding' gives \[64\]"):
        FactorTransfer(images, images, teacher_layer="embedding")
    with pytest.raises(NotApplicable, match="no layer 'stage9'"):
        FactorTransfer(images, images, teacher_layer="stage9")
    loss = small_loss(init_epochs=2.0)
    with pytest.raises(NotApplicable, match="factor_transfer spends 2 epochs on its initialization"):
        loss(*features(loss, torch.zeros(6, 8, 4, 4), torch.zeros(6, 12, 4, 4)), LABELS, moment(0.0, epochs=2))


CNNS = Choice(use="cnn", options={"width": 4}), Choice(use="cnn", options={"width": 6})


def test_a_cohort_changes_nothing() -> None:
    alike_alone_and_beside(on_noise("factor_transfer", *CNNS), on_noise("kd", *CNNS))


def test_the_student_waits_for_the_paraphraser() -> None:
    transfer = on_noise("factor_transfer", *CNNS, init_epochs=2.0)
    done = train(transfer, until=2)[0]
    assert hash_weights(done.model) == hash_weights(drawn(transfer))
    assert done.curve[2].train_loss < 0.9 * done.curve[1].train_loss  # of the reconstruction
    assert hash_weights(train(transfer)[0].model) != hash_weights(drawn(transfer))
