"""Small networks of the kinds that students have; their FLOPs and parameters can be worked out by hand."""

import torch
from torch import Tensor, nn

SHAPE = (3, 8, 8)


def mlp(width: int = 16) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, width), nn.ReLU(), nn.Linear(width, 10))


def cnn(width: int = 4) -> nn.Module:
    features = (nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(*features, nn.Linear(width * 4 * 4, 10))


class Resnet(nn.Module):
    """Convolutions without bias, BatchNorm, one residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        features = torch.relu(features + self.block(features))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits


class Mixer(nn.Module):
    """A Linear over three dimensions: the exporter writes Transpose and MatMul for it, and folds them if it may."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Linear(64, 12)
        self.head = nn.Linear(36, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.tokens(images.flatten(2))).flatten(1))
        return logits


class Deep(nn.Module):
    """An MLP of equal layers: twice the layers are twice the work."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(192, 192) for _ in range(layers))
        self.head = nn.Linear(192, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = images.flatten(1)
        for layer in self.layers:
            features = torch.relu(layer(features))
        logits: Tensor = self.head(features)
        return logits


def trained(model: nn.Module, seed: int) -> nn.Module:
    """Weights and statistics as training leaves them: nothing is zero, one, or equal to anything else."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2, generator=draw)
            elif name.endswith("running_mean"):
                buffer.normal_(generator=draw)
    return model
