"""Labels that give a part of their probability to the other classes, in equal shares."""

from torch import Tensor
from torch.nn import functional

from kdbench.spec.types import Smoothing
from kdbench.zoo.interface import NotApplicable, Outputs


def label_smoothing(student: Outputs, labels: Tensor, *, smoothing: Smoothing = 0.1) -> Tensor:
    """Cross-entropy to labels that give `smoothing` away, in equal parts, to the other classes.

    Formula: mean over the batch of -sum_k q_k log softmax(z_s)[k]; q_y = 1 - a, others a / (C - 1). For labels that are
    shares y_k themselves, as mixup makes them, q_k = (1 - a) y_k + a (1 - y_k) / (C - 1).
    Shapes: logits [B, C]; labels [B], int64, or [B, C], float32. Gives a scalar, float32.
    Units: nats per sample.
    Raises: NotApplicable for fewer than 2 classes.
    Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7; Yuan et al. 2020 (arXiv:1909.11723), equation 2.
    Differs: torch's `label_smoothing` (and Szegedy) spread a / C over all classes, the label's own included.
    """
    classes = student.logits.shape[1]
    if classes < 2:
        raise NotApplicable(f"label_smoothing needs at least 2 classes, got {classes}")
    log_p = functional.log_softmax(student.logits.float(), dim=1)
    own = log_p.gather(1, labels[:, None]).squeeze(1) if labels.ndim == 1 else (labels * log_p).sum(dim=1)
    others = log_p.sum(dim=1) - own
    return -((1 - smoothing) * own + smoothing / (classes - 1) * others).mean()
