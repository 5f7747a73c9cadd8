"""The usual way of teaching."""

from kdbench.spec import Site


def single(site: Site) -> str:
    """One teacher, which is trained first, and one student that learns from it.

    Source: Hinton et al. 2015, Distilling the Knowledge in a Neural Network (arXiv:1503.02531).
    """
    return site.add(site.student(site.teacher()))
