"""Students that become teachers."""

from kdbench.spec import Site
from kdbench.spec.types import GenerationCount


def generations(site: Site, *, count: GenerationCount = 3, ensemble: bool = False) -> str:
    """Self-distillation: the student learns from the teacher, and each later generation of it from the one before.

    Every generation is trained anew from the same initial weights for as many epochs; the last one is reported. With
    a teacher of the student's own architecture these are born-again networks. With `ensemble` every
    generation is tested, and so is the mean of the probabilities of all of them as one network.
    Source: Furlanello et al. 2018, Born Again Neural Networks (arXiv:1805.04770), section 3; the ensemble is theirs.
    Differs: there each generation starts from other random weights; here they share the seed, as all that is compared.
    """
    keys = [site.teacher()]
    for generation in range(1, count + 1):
        keys.append(site.add(site.student(keys[-1]), position=generation, evaluated=ensemble))
    if ensemble:
        site.ensemble(site.pair.student, *keys[1:])
    return keys[-1]
