"""The initial weights of the networks for small images."""

from torch import nn


def draw_convolutions(network: nn.Module) -> None:
    """Redraw every convolution's weights from N(0, 2 / (kernel height x kernel width x output channels)), in order.

    Biases become zero.
    Raises: nothing.
    Source: He et al. 2015 (arXiv:1502.01852), equation 14, whose fan is that of the output; RepDistiller's resnet,
    wrn, vgg and MobileNetV2 use it.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def draw_classifier(classifier: nn.Linear) -> nn.Linear:
    """Redraw a linear layer's weights from N(0, 0.01^2), biases zero, as in RepDistiller's vgg and MobileNetV2.

    Raises: nothing.
    """
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return classifier
