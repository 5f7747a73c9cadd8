"""Which trials generations make beside those of `tests/spec/planning/test_plan.py`."""

from kdbench import api
from tests.small import small_suite


def test_the_ensemble_holds_every_generation() -> None:
    plan = api.plan(
        small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": 3, "ensemble": True}])
    )
    keys = {(entry.role, entry.position): entry.key for entry in plan.entries}
    ensemble = plan.trials[keys["ensemble", 0]]
    assert ensemble.start == (keys["stage", 1], keys["stage", 2], keys["student", 3])
    assert ensemble.combine == "probabilities"


def test_one_generation_is_the_usual_student() -> None:
    one = small_suite(seeds=1, losses=["kd"], teaching=[{"use": "generations", "count": 1, "ensemble": True}])
    assert api.plan(one).trials == api.plan(small_suite(seeds=1, losses=["kd"])).trials
