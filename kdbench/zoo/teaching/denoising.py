"""A student that sees noise, and a teacher that sees the sample as it is."""

from typing import Literal

from kdbench.spec import Choice, Site
from kdbench.spec.types import Positive

# The view of each kind of noise, and its option that says how much.
NOISES = {
    "gaussian": ("gaussian_noise", "sd"),
    "salt_pepper": ("salt_pepper", "share"),
    "masking": ("masking", "share"),
}


def denoising(
    site: Site,
    taught: bool,
    *,
    noise: Literal["gaussian", "salt_pepper", "masking"] = "gaussian",
    level: Positive = 0.5,
) -> str:
    """The student sees its samples under noise, drawn anew each time; its teacher answers for the clean sample.

    `level`: of "gaussian" the standard deviation in those of the training pixels, of the others the share of pixels
    that are changed. The student alone sees the same noise, as augmentation.
    Source: Vincent et al. 2010, Stacked Denoising Autoencoders (JMLR 11), section 3.3, for the kinds of noise; Xie et
    al. 2020, Noisy Student (arXiv:1911.04252), section 2, for a noisy student under a clean teacher.
    """
    student = site.student(*([site.teacher()] if taught else []))
    return site.add(student.model_copy(update={"view": site.view(view_of(noise, level))}))


def view_of(noise: str, level: float) -> Choice:
    """The view that adds so much of a kind of noise."""
    use, option = NOISES[noise]
    return Choice(use=use, options={option: level})
