import numpy as np
import pytest

from kdbench.deploy.runtime.dependence import Dependence, Images, Logits, dependence

IMAGES = np.arange(1, 9, dtype=np.float32).reshape(4, 2, 1, 1)  # four images of two pixels


def alone(images: Images) -> Logits:
    return images[:, :, 0, 0]


def centred(images: Images) -> Logits:
    return alone(images) - alone(images).mean(0)


def drawn(images: Images) -> Logits:
    return alone(images) + np.random.default_rng().normal(size=(len(images), 2)).astype(np.float32)


def late(images: Images) -> Logits:
    """Another function from the ninth image on, of which none is given alone."""
    return alone(images) * (1 + (np.arange(len(images)) >= 8))[:, None].astype(np.float32)


@pytest.mark.parametrize(
    ("predict", "images", "on"),
    [
        (alone, IMAGES, None),
        (drawn, IMAGES, "chance"),
        (centred, IMAGES, "the rest of the batch"),
        (late, np.arange(20, dtype=np.float32).reshape(10, 2, 1, 1), "the order of the batch"),
    ],
)
def test_what_logits_depend_on(predict, images: Images, on: Dependence | None) -> None:
    assert dependence(predict, images, predict(images)) == on


def test_a_hundredth_of_the_standard_deviation_is_allowed() -> None:
    """The logits 1 to 8 have a standard deviation of the root of 63 / 12, 2.29."""
    for added, on in ((0.022, None), (0.024, "the rest of the batch")):
        assert dependence(lambda x, more=added: alone(x) + more * (len(x) == 1), IMAGES, alone(IMAGES)) == on


def test_a_model_of_one_batch_size_is_never_given_another() -> None:
    sizes = set()

    def predict(images: Images) -> Logits:
        sizes.add(len(images))
        return centred(images)

    assert dependence(predict, IMAGES, centred(IMAGES), 4) == "the rest of the batch"
    assert sizes == {4}
