"""What a network must be for its training and its file to be trusted, asked of one that is not trained yet."""

import copy

import torch
from torch import Tensor, nn

from kdbench.train.untouched import untouched
from kdbench.zoo.interface import NotApplicable

SAMPLES = 4
TOLERANCE = 0.01  # of the standard deviation of the logits; rounding moves them by 1e-5
SAME = 1e-4  # likewise, where the same operations are carried out again


def examine(model: nn.Module, outputs: int, shape: tuple[int, int, int]) -> None:
    """Run a copy of a network on random images, in both modes. The network itself is unchanged.

    Raises `NotApplicable` where it gives no logits [B, outputs], writes into its images, has no weight to train, or
    where its prediction for a sample depends on chance or on the rest of the batch: then the accuracy, which is of
    batches, and the latency, which is of one sample, would not be of one and the same function. Likewise where training
    changes what its state dict does not hold: that would be lost before its file is made.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise NotApplicable("none of its weights is trained: let some of them have requires_grad = True")
    twin, rebuilt = copy.deepcopy(model), copy.deepcopy(model)
    device = next(twin.parameters()).device
    images = torch.randn(SAMPLES, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        twin.train()
        logits_of(twin, images, outputs)
        twin.eval()
        whole = logits_of(twin, images, outputs)
        again = logits_of(twin, images, outputs)
        alone = torch.cat([_alone(twin, image, outputs) for image in images])
        rebuilt.load_state_dict(twin.state_dict())
        kept = rebuilt.eval()(images)
    allowed = TOLERANCE * float(whole.std())
    if not _within(again, whole, allowed):
        raise NotApplicable(
            "its predictions depend on chance: in evaluation mode the same images give other logits the second time "
            "(is dropout always on, as functional.dropout is without training=self.training?)"
        )
    if not _within(alone, whole, allowed):
        raise NotApplicable(
            "its prediction for an image depends on the other images of the batch: alone it gives other logits (has a "
            "batch norm track_running_stats=False, or is a mean taken over the batch?)"
        )
    if not _within(kept, whole, SAME * float(whole.std())):
        raise NotApplicable(
            "training changes what its state dict does not hold, and its file would lose: keep it in a buffer "
            "(register_buffer, persistent)"
        )
    if outputs > 1 and bool((whole >= 0).all()) and torch.allclose(whole.sum(dim=1), torch.ones_like(whole[:, 0])):
        raise NotApplicable("it gives probabilities, and losses take logits: leave out its last softmax")


def _alone(model: nn.Module, image: Tensor, outputs: int) -> Tensor:
    """Its logits [1, outputs] for one image. Raises `NotApplicable` where it takes none alone."""
    try:
        return logits_of(model, image[None], outputs)
    except (ValueError, RuntimeError, IndexError) as error:
        raise NotApplicable(
            f"it predicts no image alone: {str(error).splitlines()[0]} (has a batch norm track_running_stats=False, or "
            "does squeeze() take the batch away?)"
        ) from error


def logits_of(model: nn.Module, images: Tensor, outputs: int) -> Tensor:
    """What a network gives for images [B, C, H, W]: logits [B, outputs]. Raises `NotApplicable` for anything else."""
    with untouched([images], "its images"):
        given: object = model(images)
    wanted = f"logits [{len(images)}, {outputs}]"
    if not isinstance(given, Tensor):
        raise NotApplicable(f"it gives a {type(given).__name__} in place of {wanted}: let it return the logits alone")
    if given.shape != (len(images), outputs):
        raise NotApplicable(f"it gives {list(given.shape)} for {len(images)} images in place of {wanted}")
    return given


def _within(found: Tensor, expected: Tensor, allowed: float) -> bool:
    """Whether no logit differs by more; NaN is under no limit, and is left to the training, which tells it."""
    difference = (found - expected).abs()
    return bool((difference[~difference.isnan()] <= allowed).all())
