import inspect

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.vision_transformer import VisionTransformer

from kdbench.zoo import Catalog, NotApplicable
from kdbench.zoo.interface import Draw, Moment
from kdbench.zoo.layers.taps import Tap, outputs, tapped, trace
from kdbench.zoo.models.cnn import cnn
from kdbench.zoo.models.from_torchvision import from_torchvision
from kdbench.zoo.models.mlp import mlp
from kdbench.zoo.models.resnet_cifar import resnet_cifar

SHAPE = (3, 32, 32)


class Shared(nn.Module):
    """As tutorials write it: one pooling layer used twice, flattening and ReLU as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(6 * 8 * 8, 5)

    def forward(self, images: Tensor) -> Tensor:
        images = self.pool(functional.relu(self.conv1(images)))
        images = self.pool(functional.relu(self.conv2(images)))
        return self.fc(images.flatten(1))


def model_of(use: str) -> nn.Module:
    torch.manual_seed(0)
    return Catalog().load("models", use)(10, SHAPE)


# Models as their packages make them: their stages at 32x32, (channels, height = width) of each, and the embedding.
PACKAGED = {
    "torchvision:resnet18": ({"relu": (64, 16), "layer1": (64, 8), "layer2": (128, 4), "layer3": (256, 2)}, 512),
    "torchvision:resnet152": ({"relu": (64, 16), "layer1": (256, 8), "layer2": (512, 4), "layer3": (1024, 2)}, 2048),
    "torchvision:mobilenet_v2": (
        {"features.1": (16, 16), "features.3": (24, 8), "features.6": (32, 4), "features.13": (96, 2)},
        1280,
    ),
    "torchvision:vgg11_bn": (
        {"features.2": (64, 32), "features.6": (128, 16), "features.13": (256, 8), "features.20": (512, 4)}
        | {"features.27": (512, 2)},
        4096,
    ),
    "torchvision:googlenet": (
        {"conv1": (64, 16), "conv3": (192, 8), "inception3b": (480, 4), "inception4e": (832, 2)},
        1024,
    ),
    "torchvision:shufflenet_v2_x0_5": (
        {"conv1": (24, 16), "maxpool": (24, 8), "stage2": (48, 4), "stage3": (96, 2)},
        1024,
    ),
    "torchvision:regnet_y_400mf": (
        {"stem": (32, 16), "trunk_output.block1": (48, 8), "trunk_output.block2": (104, 4)}
        | {"trunk_output.block3": (208, 2)},
        440,
    ),
    "torchvision:densenet121": (
        {"features.relu0": (64, 16), "features.denseblock1": (256, 8), "features.denseblock2": (512, 4)}
        | {"features.denseblock3": (1024, 2)},
        1024,
    ),
    "torchvision:efficientnet_b0": (
        {"features.1": (16, 16), "features.2": (24, 8), "features.3": (40, 4), "features.5": (112, 2)},
        1280,
    ),
    "torchvision:convnext_tiny": ({"features.1": (96, 8), "features.3": (192, 4), "features.5": (384, 2)}, 768),
    "timm:resnet18": ({"act1": (64, 16), "layer1": (64, 8), "layer2": (128, 4), "layer3": (256, 2)}, 512),
    "timm:mobilenetv3_small_050": (
        {"bn1": (16, 16), "blocks.0": (8, 8), "blocks.1": (16, 4), "blocks.3": (24, 2)},
        1024,
    ),
    "timm:efficientnet_b0": (
        {"bn1": (32, 16), "blocks.1": (24, 8), "blocks.2": (40, 4), "blocks.4": (112, 2)},
        1280,
    ),
    "timm:convnext_atto": ({"stem": (40, 8), "stages.1": (80, 4), "stages.2": (160, 2)}, 320),
}
VIT = "timm:vit_tiny_patch16_224"  # at 32x32: a class token and 2x2 patches


@pytest.mark.parametrize("use", PACKAGED)
def test_stages_of_models_as_they_come(use: str) -> None:
    stages, embedding = PACKAGED[use]
    traced = trace(model_of(use), SHAPE)
    assert traced.stages == tuple(stages)
    assert [traced.shape(stage) for stage in stages] == [(width, size, size) for width, size in stages.values()]
    assert traced.shape("embedding") == (embedding,)
    middle = list(stages)[len(stages) // 2]
    assert [traced.resolve(s).module for s in ("first", "middle", "last")] == [
        traced.stages[0],
        middle,
        traced.stages[-1],
    ]


@pytest.mark.parametrize("use", [*PACKAGED, VIT])
def test_every_layer_that_is_tapped_gives_what_a_plain_pass_computes(use: str) -> None:
    """All of them, also those which in-place operations overwrite; the embedding is what the classifier takes."""
    model = model_of(use).eval()
    traced = trace(model, SHAPE)
    images = torch.randn(2, *SHAPE)
    plain: dict[str, Tensor] = {}

    def keep(name: str):
        return lambda module, entered, gave: plain.update({name: gave.clone()} if isinstance(gave, Tensor) else {})

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules() if name]
    with torch.no_grad():
        logits = model(images)
    for handle in handles:
        handle.remove()
    assert traced.shapes.keys() == plain.keys()
    with torch.no_grad(), tapped(model, traced, (*traced.shapes, "embedding")) as features:
        torch.testing.assert_close(model(images), logits)
    for name, tensor in plain.items():
        assert traced.shapes[name] == tensor.shape[1:], name
        torch.testing.assert_close(features[name], tensor, msg=lambda found, name=name: f"{name}: {found}")
    classifier = model.get_submodule(traced.resolve("embedding").module)
    torch.testing.assert_close(classifier(features["embedding"]), logits)


@pytest.mark.parametrize("use", [use for use in (*PACKAGED, VIT) if use != "torchvision:resnet152"])
def test_gradients_reach_the_first_layer_from_every_stage(use: str) -> None:
    model = model_of(use).train()
    traced = trace(model, SHAPE)
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d)).weight
    with tapped(model, traced, (*traced.stages, "embedding")) as features:
        model(torch.randn(4, *SHAPE))
    for layer, feature in features.items():
        # Weighed at random: the plain sum of what a layer norm gives is a constant.
        (gradient,) = torch.autograd.grad((feature * torch.randn_like(feature)).sum(), first, retain_graph=True)
        assert gradient.isfinite().all(), layer
        assert gradient.abs().max() > 0, layer


def test_stages_of_our_own_models() -> None:
    assert trace(cnn(10, SHAPE), SHAPE).stages == ("relu1", "relu2", "pool2")
    traced = trace(resnet_cifar(10, SHAPE, depth=8, width_factor=4), SHAPE)
    assert traced.stages == ("stage1", "stage2", "stage3")
    assert [traced.shape(s) for s in traced.stages] == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]


def test_stages_of_an_mlp_are_its_hidden_layers_after_activation_before_dropout() -> None:
    model = mlp(10, (1, 8, 8), hidden=(16, 16, 12), dropout=0.5)  # equal widths are two layers all the same
    traced = trace(model, (1, 8, 8))
    assert [type(model.get_submodule(stage)).__name__ for stage in traced.stages] == ["ReLU"] * 3
    assert [traced.shape(layer) for layer in ("first", "middle", "last", "embedding")] == [(16,), (16,), (12,), (12,)]


def test_a_linear_classifier_has_no_stages() -> None:
    traced = trace(mlp(10, (1, 8, 8), hidden=()), (1, 8, 8))
    assert traced.shape("embedding") == (64,)
    with pytest.raises(
        NotApplicable, match=r"no layer 'middle' in this model: no stages were found .*; allowed: 0, 1, embedding"
    ):
        traced.resolve("middle")


def small_vit(width: int) -> nn.Module:
    """torchvision's, of three blocks over a class token and 2x2 patches."""
    torch.manual_seed(width)
    vit = VisionTransformer(
        image_size=32, patch_size=16, num_layers=3, num_heads=2, hidden_dim=width, mlp_dim=2 * width, num_classes=10
    )
    nn.init.normal_(vit.heads.head.weight, std=0.1)  # torchvision starts it at 0
    return vit


def numbered(path: str, count: int) -> list[str]:
    return [f"{path}{index}" for index in range(count)]


@pytest.mark.parametrize(
    ("use", "stages", "shape"),
    [
        (VIT, numbered("blocks.", 12), (5, 192)),
        ("timm:mixer_s32_224", numbered("blocks.", 8), (1, 512)),
        ("timm:xcit_nano_12_p16_224", numbered("blocks.", 12) + numbered("cls_attn_blocks.", 2), (4, 128)),
        # Attention over tokens inside, but each stage gives a map.
        ("timm:pvt_v2_b0", numbered("stages.", 3), (32, 8, 8)),
    ],
)
def test_stages_of_transformers_are_their_blocks(use: str, stages: list[str], shape: tuple[int, ...]) -> None:
    traced = trace(model_of(use), SHAPE)
    assert list(traced.stages) == stages
    assert traced.resolve("first") == Tap(stages[0], shape)
    assert traced.resolve("middle").module == stages[len(stages) // 2]
    assert traced.resolve("last").module == stages[-1]


def test_stages_of_torchvisions_transformer_are_its_blocks() -> None:
    traced = trace(small_vit(8), SHAPE)
    assert list(traced.stages) == numbered("encoder.layers.encoder_layer_", 3)
    assert {traced.shape(stage) for stage in traced.stages} == {(5, 8)}
    assert traced.shape("embedding") == (8,)


def test_attention_matrices_and_maps_with_the_channels_last_are_no_stages() -> None:
    import timm

    swin = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=32, embed_dim=24, depths=(1, 1), num_heads=(1, 2), num_classes=10
    )
    traced = trace(swin, SHAPE)
    assert traced.shapes["layers.1.blocks.0"] == (4, 4, 48)
    assert traced.stages == ()
    with pytest.raises(NotApplicable, match=r"no layer 'last' in this model: no stages were found .*allowed: .*layers"):
        traced.resolve("last")


class Attention(nn.Module):
    """Tokens out of images, mixed by channels as in XCiT: its weights [B, 1, C, C] have the shape of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Softmax(-1)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).mT
        return tokens @ self.weights((tokens.mT @ tokens)[:, None])[:, 0]


class ChannelsLast(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1)


def test_maps_ahead_of_tokens_are_stages_and_attention_is_not() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 8, stride=8), Attention())
    traced = trace(nn.Sequential(body, nn.Flatten(), nn.Linear(48, 2)), SHAPE)
    assert traced.shapes["0.2.weights"] == (1, 3, 3)
    assert traced.shapes["0"] == (16, 3)  # tokens in the end
    assert traced.stages == ("0.0", "0.1")


def test_maps_with_the_channels_last_are_no_stages_where_the_others_are() -> None:
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 2, stride=2), ChannelsLast())
    traced = trace(nn.Sequential(*layers, nn.Flatten(), nn.Linear(1536, 2)), SHAPE)
    assert traced.shapes["2"] == (16, 16, 6)
    assert traced.stages == ("0", "1")


def test_blocks_inside_blocks_are_no_stages() -> None:
    def block() -> nn.Module:
        return nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), nn.GELU()) for _ in range(2)))

    model = nn.Sequential(nn.Conv2d(3, 3, 8, stride=8), Attention(), block(), block(), nn.Flatten(), nn.Linear(48, 2))
    traced = trace(model, SHAPE)
    assert traced.shapes["2.0"] == traced.shapes["2"] == (16, 3)
    assert traced.stages == ("2", "3")


# What each loss answers to a pair of transformers, by itself and of their embeddings.
LAYERS_OF_IMAGES = "needs features .*height and wid.*choose (others|another) .*with student_layer"
ON_TOKENS = {
    "similarity_preserving": None,
    "rkd": None,
    "fitnet": "as high and wide .*choose other layers with student_layer",
    **dict.fromkeys(("attention_transfer", "vid", "review_kd", "simkd"), LAYERS_OF_IMAGES),
    **dict.fromkeys(("nst", "activation_boundary", "overhaul"), LAYERS_OF_IMAGES),
    "factor_transfer": "needs features with height and width.*choose another with student_layer",
}


def value_between_transformers(name: str, **options: object) -> Tensor:
    student, teacher = small_vit(8), small_vit(12).eval()
    traces = trace(student, SHAPE), trace(teacher, SHAPE)
    loss = Catalog().load("losses", name)(*traces, **options)
    images, labels = torch.randn(4, *SHAPE), torch.arange(4)
    with tapped(student, traces[0], loss.student_layers) as one, tapped(teacher, traces[1], loss.teacher_layers) as two:
        given = {"student": outputs(student, images, one), "teacher": outputs(teacher, images, two), "labels": labels}
    given["moment"] = Moment(3.0, 10, Draw(0, 0, labels), labels)
    return loss(*(given[wanted] for wanted in inspect.signature(loss.forward).parameters))


@pytest.mark.parametrize(("name", "refusal"), ON_TOKENS.items())
def test_losses_take_tokens_or_say_which_layers_would_do(name: str, refusal: str | None) -> None:
    if refusal:
        with pytest.raises(NotApplicable, match=refusal):
            value_between_transformers(name)
    else:
        assert value_between_transformers(name) > 0


@pytest.mark.parametrize(("name", "several"), [("fitnet", False), ("similarity_preserving", False), ("vid", True)])
def test_losses_take_the_embeddings_of_transformers(name: str, several: bool) -> None:
    options = (
        {"student_layers": ("embedding",), "teacher_layers": ("embedding",)}
        if several
        else {"student_layer": "embedding", "teacher_layer": "embedding"}
    )
    assert value_between_transformers(name, **options).isfinite()


def test_a_classifier_that_is_a_convolution_has_no_embedding() -> None:
    traced = trace(model_of("torchvision:squeezenet1_1"), SHAPE)
    with pytest.raises(
        NotApplicable,
        match=r"no layer 'embedding' in this model: .*last linear layer, .*may be a convolution.*allowed: ",
    ):
        traced.resolve("embedding")


def test_pooling_up_makes_no_stage() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 32), nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(196, 2))
    assert trace(nn.Sequential(nn.Conv2d(3, 3, 3, stride=2), *model[1:2]), SHAPE).stages == ("0", "1")  # 15 down to 7
    up = nn.Sequential(nn.AvgPool2d(8), nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(7))  # 4, 1, up to 7
    assert trace(up, SHAPE).stages == ("0",)


def test_a_layer_that_runs_twice_counts_as_it_ran_last() -> None:
    torch.manual_seed(0)
    model = Shared()
    traced = trace(model, SHAPE)
    assert list(traced.shapes) == ["conv1", "conv2", "pool", "fc"]
    assert traced.stages == ("conv1", "conv2", "pool")
    images = torch.randn(2, *SHAPE)
    with tapped(model, traced, ("pool", "embedding")) as features:
        model(images)
    assert features["pool"].shape == (2, 6, 8, 8)
    torch.testing.assert_close(features["embedding"], features["pool"].flatten(1))  # though no module flattens


def test_features_are_keyed_by_the_names_as_given() -> None:
    model = cnn(10, SHAPE, width=2)
    traced = trace(model, SHAPE)
    images = torch.randn(4, *SHAPE)
    with tapped(model, traced, ("middle", "relu2", "embedding", "middle")) as features:
        given = outputs(model, images, features)
    assert set(given.features) == {"middle", "relu2", "embedding"}
    assert torch.equal(given.features["middle"], given.features["relu2"])
    torch.testing.assert_close(model.fc2(given.features["embedding"]), given.logits)
    model(images)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_unknown_layers_leave_no_hooks_behind() -> None:
    model = cnn(10, SHAPE, width=2)
    with (
        pytest.raises(NotApplicable, match="did you mean 'relu1'"),
        tapped(model, trace(model, SHAPE), ("first", "rel1")),
    ):
        pass
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_outputs_overwritten_in_place_are_what_the_layer_gave(training: bool) -> None:
    torch.manual_seed(0)
    model = from_torchvision(10, SHAPE, "resnet18").train(training)
    traced = trace(model, SHAPE)
    # bn1 is followed by an in-place ReLU; layer1.0.bn2 by `out += identity` and then an in-place ReLU.
    assert {"bn1", "layer1.0.bn2"} <= traced.overwritten
    assert not {"relu", "layer1", "layer2", "layer1.0"} & traced.overwritten  # no copy where none is needed
    with tapped(model, traced, ("conv1", "bn1", "relu", "layer1.0.conv2", "layer1.0.bn2")) as features:
        model(torch.randn(4, *SHAPE))
    assert features["bn1"].min() < 0  # not cut off by the ReLU
    torch.testing.assert_close(features["relu"], features["bn1"].relu())
    for conv, bn in (("conv1", "bn1"), ("layer1.0.conv2", "layer1.0.bn2")):
        torch.testing.assert_close(model.get_submodule(bn)(features[conv]), features[bn], rtol=1e-3, atol=1e-4)


def test_gradients_flow_through_every_tap() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3600, 2)
    )
    traced = trace(model, SHAPE)
    with tapped(model, traced, ("0", "1", "2", "embedding")) as features:
        model(torch.randn(4, *SHAPE))
    for layer, feature in features.items():
        (gradient,) = torch.autograd.grad(feature.square().sum(), model[0].weight, retain_graph=True)
        assert gradient.abs().max() > 0, layer


@pytest.mark.parametrize(
    ("use", "frozen"),
    [("torchvision:mobilenet_v2", "features.3"), ("timm:efficientnet_b0", "blocks.3"), (VIT, "blocks.3")],
)
def test_tracing_leaves_the_model_as_it_was(use: str, frozen: str) -> None:
    model = model_of(use).train()
    model.get_submodule(frozen).eval()  # a frozen part stays frozen
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    with tapped(model, trace(model, SHAPE), ("first", "embedding")):
        pass
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_layer_that_a_pass_skips_does_not_answer_with_an_older_batch() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer, self.skip = nn.Linear(3072, 4), nn.Linear(4, 2), False

        def forward(self, images: Tensor) -> Tensor:
            return self.outer(images.flatten(1)[:, :4] if self.skip else self.inner(images.flatten(1)))

    model = Sometimes()
    with tapped(model, trace(model, SHAPE), ("inner",)) as features:
        assert "inner" in outputs(model, torch.zeros(1, *SHAPE), features).features
        model.skip = True
        assert "inner" not in outputs(model, torch.zeros(1, *SHAPE), features).features


def taps_of(model: nn.Module, *layers: str, shape: tuple[int, int, int] = SHAPE) -> dict[str, Tensor]:
    traced = trace(model.eval(), shape)
    with torch.no_grad(), tapped(model, traced, layers) as features:
        model(torch.randn(2, *shape, generator=torch.Generator().manual_seed(1)))
    return features


def test_before_is_what_enters_the_relu_that_a_layer_ends_in() -> None:
    model = resnet_cifar(10, SHAPE, depth=8)
    assert trace(model, SHAPE).resolve("before:middle") == Tap("stage2.0.relu2", (32, 16, 16), entering=True)
    features = taps_of(model, "before:middle", "middle")
    assert features["before:middle"].min() < 0
    assert torch.equal(features["before:middle"].relu(), features["middle"])


def test_before_is_what_enters_the_next_relu_of_the_same_shape() -> None:
    """In a network with its activations ahead of the convolutions: a stage's sum, normalized by the next block."""
    model = model_of("cifar:wrn-16-1")
    traced = trace(model, SHAPE)
    assert traced.resolve("before:stage1") == Tap("stage2.0.relu1", (16, 32, 32), entering=True)
    assert traced.resolve("before:last") == Tap("head.relu", (64, 8, 8), entering=True)
    features = taps_of(model, "before:stage1", "stage1")
    torch.testing.assert_close(features["before:stage1"], model.get_submodule("stage2.0.bn1")(features["stage1"]))


def test_before_is_the_layer_itself_where_no_relu_follows_in_its_shape() -> None:
    model = model_of("cifar:mobilenet_v2")  # a linear bottleneck: the next ReLU has six times the channels
    assert trace(model, SHAPE).resolve("before:stage2") == Tap("stage2", (16, 8, 8))
    features = taps_of(model, "before:stage2", "stage2")
    assert torch.equal(features["before:stage2"], features["stage2"])
    assert features["stage2"].min() < 0


def test_before_a_relu_in_place_is_what_entered_it() -> None:
    model = cnn(10, SHAPE, width=2)
    features = taps_of(model, "before:relu1", "before:conv1", "relu1")
    assert features["before:relu1"].min() < 0
    assert torch.equal(features["before:relu1"], features["before:conv1"])
    assert torch.equal(features["before:relu1"].relu(), features["relu1"])


class OneRelu(nn.Module):
    """Two hidden layers that share their ReLU, as the layers of torchvision's residual blocks do."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(16, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.relu(self.fc1(images.flatten(1)))
        found = self.fc3(self.relu(self.fc2(hidden)))
        assert isinstance(found, Tensor)
        return found


@pytest.mark.parametrize("inplace", [False, True])
def test_before_a_relu_that_layers_share_each_has_its_own(inplace: bool) -> None:
    torch.manual_seed(0)
    model, images = OneRelu(inplace), torch.randn(2, 1, 4, 4)
    traced = trace(model, (1, 4, 4))
    assert traced.resolve("before:fc1") == Tap("relu", (6,), entering=True, call=0)
    assert traced.resolve("before:fc2") == Tap("relu", (6,), entering=True)
    first = model.fc1(images.flatten(1)).detach()
    second = model.fc2(first.relu()).detach()
    with torch.no_grad(), tapped(model, traced, ("before:fc1", "before:fc2", "before:relu")) as features:
        for _ in range(2):  # the calls of each pass are counted anew
            model(images)
    torch.testing.assert_close(features["before:fc1"], first)
    torch.testing.assert_close(features["before:fc2"], second)
    torch.testing.assert_close(features["before:relu"], second)


def test_before_the_embedding_is_before_its_own_relu_and_never_the_logits() -> None:
    model = mlp(10, (1, 4, 4), hidden=(8, 6))
    features = taps_of(model, "before:embedding", "embedding", shape=(1, 4, 4))
    assert features["before:embedding"].shape == (2, 6)
    assert torch.equal(features["before:embedding"].relu(), features["embedding"])
    normalized = small_vit(8)  # by a layer norm: below 0 as it is
    features = taps_of(normalized, "before:embedding", "embedding")
    assert torch.equal(features["before:embedding"], features["embedding"])
    averaged = trace(resnet_cifar(10, SHAPE, depth=8), SHAPE)
    with pytest.raises(NotApplicable, match="no features before a ReLU at layer 'embedding'"):
        averaged.resolve("before:embedding")


def test_without_features_before_a_relu_the_nearest_that_have_them_are_named() -> None:
    traced = trace(cnn(10, SHAPE, width=2), SHAPE)
    with pytest.raises(
        NotApplicable,
        match=r"no features before a ReLU at layer 'pool2': its output is cut at 0 already; "
        r"allowed: conv1, conv2, .*relu2",
    ):
        traced.resolve("before:last")


def test_the_batch_norm_of_a_layer_is_the_last_over_its_channels_before_it() -> None:
    model = model_of("cifar:wrn-16-1")
    traced = trace(model, SHAPE)

    def norm(layer: str) -> str:
        found = traced.batch_norm(layer)
        return next(name for name, module in model.named_modules() if module is found)

    assert norm("stage1") == "stage1.1.bn2"
    assert norm("before:stage1") == "stage2.0.bn1"  # it runs after the stage, and before the ReLU
    assert norm("stage1.1.bn1") == "stage1.1.bn1"
    with pytest.raises(NotApplicable, match="no batch norm over 16 channels before the layer 'conv1'"):
        traced.batch_norm("conv1")


class Pooled(nn.Module):
    """A ReLU as a function, pooling, and a ReLU on features of the same shape two layers on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4 * 16 * 16, 5)

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.pool(functional.relu(self.conv1(images)))
        return self.fc(self.relu(self.conv2(pooled)).flatten(1))


def test_a_layer_cut_already_is_not_taken_for_a_later_one_before_its_relu() -> None:
    traced = trace(Pooled(), SHAPE)
    with pytest.raises(NotApplicable, match="no features before a ReLU at layer 'pool'"):
        traced.resolve("before:pool")
    assert traced.resolve("before:conv2").module == "relu"
