"""Weights that torchvision and timm publish. They are downloaded once, to the folder of the package."""

from collections.abc import Mapping

from torch import Tensor

from kdbench.spec import UserError, nearest


def published_weights(use: str, name: str) -> Mapping[str, Tensor]:
    """Published weights of a model: `torchvision:resnet18` has `IMAGENET1K_V1`, one of timm tags. Raises `UserError`.

    torchvision holds what it downloads against the hash in its name.
    """
    family, _, member = use.partition(":")
    try:
        return _of_torchvision(member, name) if family == "torchvision" else _of_timm(member, name)
    except (OSError, RuntimeError) as error:  # no network, no such file there, or another file than its hash says
        text = f"cannot download the weights '{name}' of '{use}': {error}"
        raise UserError(text, help='download the file elsewhere, and give it as weights = "FILE"') from error


def _of_torchvision(member: str, name: str) -> Mapping[str, Tensor]:
    from torchvision.models import get_model_weights

    known = {each.name: each for each in get_model_weights(member)}
    if name not in known:
        raise UserError(f"torchvision has no weights '{name}' for '{member}'", help=nearest(name, known))
    found: Mapping[str, Tensor] = known[name].get_state_dict(progress=False, check_hash=True)
    return found


def _of_timm(member: str, name: str) -> Mapping[str, Tensor]:
    from timm import create_model, list_pretrained

    known = {each.partition(".")[2]: each for each in list_pretrained(f"{member}.*")}
    if name not in known:
        raise UserError(f"timm has no weights '{name}' for '{member}'", help=nearest(name, known))
    found: Mapping[str, Tensor] = create_model(known[name], pretrained=True).state_dict()
    return found
