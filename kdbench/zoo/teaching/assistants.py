"""Networks of sizes in between, through which a large teacher reaches a small student."""

from kdbench.spec import Site, UserError
from kdbench.spec.types import Network


def assistants(site: Site, *, models: tuple[Network, ...], dense: bool = False) -> str:
    """The teacher teaches the first of `models`, each of them the next one, and the last the student; largest first.

    All are trained under the row's loss, recipe and seed. With `dense`, assistants and student learn from everyone
    before them, teacher included: from the mean of the losses under each.
    Raises: UserError without assistants.
    Source: Mirzadeh et al. 2020, Improved Knowledge Distillation via Teacher Assistant (arXiv:1902.03393), section 3;
    with `dense` Son et al. 2021, Densely Guided Knowledge Distillation (arXiv:2009.08825), section 3.
    Differs: of DGKD's losses the mean is taken, not the sum, so that the learning rate suits one teacher and several;
    its random dropping of teachers is left out.
    """
    if not models:
        raise UserError("'assistants' has no models", help="name one at least, such as models = ['cnn']")
    before = [site.teacher()]
    for number, model in enumerate(models, start=1):
        taught = site.student(*_sources(before, dense), combine="losses")
        before.append(site.add(taught.model_copy(update={"model": site.model(model)}), position=number))
    return site.add(site.student(*_sources(before, dense), combine="losses"), position=len(before))


def _sources(before: list[str], dense: bool) -> list[str]:
    return before if dense else before[-1:]
