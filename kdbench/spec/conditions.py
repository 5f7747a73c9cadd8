"""The standard conditions: corruptions of the test images under which a model's stability is measured.

Plain data that `NamedChoice` validates; this module imports no record, so that the records may import it.
"""

from collections.abc import Mapping

from pydantic import JsonValue

STANDARD: tuple[Mapping[str, JsonValue], ...] = (
    {"name": "noise", "use": "gaussian_noise", "sd": 0.5},  # training SDs
    {"name": "blur", "use": "gaussian_blur", "sd": 0.75},  # pixels
    {"name": "contrast", "use": "contrast", "factor": 0.4},  # of the image's own
    {"name": "brightness", "use": "brightness", "shift": 0.5},  # training SDs
    {"name": "rotation", "use": "rotation", "degrees": 15.0},
    {"name": "translation", "use": "translation", "share": 0.1},  # of the side
    {"name": "occlusion", "use": "occlusion", "share": 0.35},  # of the side
)


def epsilon_of(options: Mapping[str, JsonValue]) -> float | None:
    """How far an attack may move a pixel, as a share of the range; None for a corruption."""
    found = options.get("epsilon")
    return float(found) if isinstance(found, int | float) else None
