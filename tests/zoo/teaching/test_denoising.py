"""Who sees which noise."""

import pytest

from kdbench import api
from kdbench.spec import Choice, UserError
from kdbench.zoo.teaching.denoising import NOISES
from tests.small import small_suite


@pytest.mark.parametrize("noise", NOISES)
def test_students_see_the_noise_and_the_teacher_does_not(noise: str) -> None:
    plan = api.plan(small_suite(seeds=1, teaching=[{"use": "denoising", "noise": noise, "level": 0.3}]))
    found = {(e.role, e.loss): plan.trials[e.key] for e in plan.entries if e.teaching or e.role == "teacher"}
    view, option = NOISES[noise]
    for loss in ("kd", "cross_entropy"):
        assert found["student", loss].view == Choice(use=view, options={option: 0.3})
    assert found["teacher", "cross_entropy"].view == Choice(use="clean")
    assert found["student", "kd"].teachers == (found["teacher", "cross_entropy"].key,)
    assert found["student", "kd"].train == found["student", "cross_entropy"].train


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"option 'share' of 'masking' is 1\.5"):
        api.plan(small_suite(teaching=[{"use": "denoising", "noise": "masking", "level": 1.5}]))


@pytest.mark.parametrize("way", ["denoising", "noisy_student", "robust"])
def test_a_view_of_the_suite_beside_that_of_the_way_is_refused(way: str) -> None:
    """It would be dropped without a word."""
    with pytest.raises(UserError, match=r"gives students the view '\w+', and the suite 'cutout'"):
        api.plan(small_suite(teaching=[way], view="cutout"))
