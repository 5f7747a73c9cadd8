"""Which networks and rows of a later run are held against those of a baseline."""

import pytest

from kdbench.results import ResultSet
from kdbench.results.baselines.freezing import baseline_of
from kdbench.results.baselines.matching import Moves, counterparts, deployed_models, follow, moves_of
from kdbench.results.records import ArtifactRecord
from kdbench.spec import Suite
from kdbench.spec.suite import LossChoice, SweptChoice
from tests.records import Shape, edited, make_results


def projected(results: ResultSet, *losses: str) -> ResultSet:
    """The students of these losses are deployed as a network of their own each, as SimKD's are."""
    loss = {entry.key: entry.loss for entry in results.run.entries if entry.role == "student"}

    def change(record: ArtifactRecord) -> ArtifactRecord:
        name = loss.get(record.trial)
        facts = {"architecture": f"of {name}"} if name in losses else {}
        return record.model_copy(update={"model": record.model.model_copy(update=facts)})

    return edited(results, artifacts=change)


PLAIN = make_results(Shape(losses=("cross_entropy", "kd", "simkd")))
WITH_SIMKD = projected(PLAIN, "simkd")


def test_one_model_for_each_architecture_of_a_pair_and_role() -> None:
    places = [(each.role, each.rows) for each in deployed_models(WITH_SIMKD)]
    assert places == [
        ("teacher", ("cross_entropy",)),
        ("student", ("cross_entropy", "kd")),
        ("student", ("simkd",)),
    ]
    assert [(model.role, model.rows) for model in baseline_of(WITH_SIMKD).models] == places


def test_a_row_is_held_against_the_architecture_that_it_had() -> None:
    _, plain, simkd = baseline_of(WITH_SIMKD).models
    assert [each.rows for each in counterparts(plain, WITH_SIMKD)] == [("cross_entropy", "kd")]
    assert [each.rows for each in counterparts(simkd, WITH_SIMKD)] == [("simkd",)]
    changed = projected(PLAIN, "simkd", "kd")
    assert [each.rows for each in counterparts(plain, changed)] == [("cross_entropy",), ("kd",)]
    assert [each.rows for each in counterparts(simkd, PLAIN)] == [("simkd",)]
    assert counterparts(simkd, make_results()) == []


def named(*pairs: tuple[str, str]) -> ResultSet:
    return make_results(Shape(pairs=pairs))


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ([("big", "small")], {}),  # fewer pairs: which of them is gone is not known
        ([("big", "small"), ("big", "tiny")], {}),
        ([("big", "wide"), ("big", "tiny")], {"big -> small": "big -> wide"}),
        ([("big", "tiny"), ("huge", "wide")], {"big -> small": "huge -> wide"}),
    ],
)
def test_a_pair_is_the_same_where_its_networks_change(now: list[tuple[str, str]], moved: dict[str, str]) -> None:
    before = named(("big", "small"), ("big", "tiny"))
    assert moves_of(before.suite, named(*now).suite) == Moves(pair=moved)


def losing(*losses: tuple[str, float]) -> Suite:
    choices = tuple(LossChoice(use=use, options={"temperature": value}) for use, value in losses)
    return make_results().suite.model_copy(update={"losses": choices})


def test_a_loss_is_the_same_where_its_options_change_and_another_loss_is_not() -> None:
    before = losing(("kd", 2.0), ("dkd", 2.0))
    assert moves_of(before, losing(("kd", 4.0), ("dkd", 2.0))).loss == {"kd(temperature=2.0)": "kd(temperature=4.0)"}
    assert moves_of(before, losing(("kd", 4.0), ("kd", 8.0), ("dkd", 2.0))).loss == {}
    assert moves_of(before, losing(("nkd", 2.0), ("dkd", 2.0))).loss == {}
    told = "the loss 'kd(temperature=2.0)' of the baseline is 'kd(temperature=4.0)' now"
    assert moves_of(before, losing(("kd", 4.0), ("dkd", 2.0))).told == [told]


def test_a_baseline_is_held_against_a_pair_whose_student_has_changed() -> None:
    now = named(("big", "wide"))
    frozen = baseline_of(named(("big", "small")))
    assert not any(counterparts(model, now) for model in frozen.models)
    followed = follow(frozen, now.suite)
    assert all(counterparts(model, now) for model in followed.models)
    assert {row.pair for row in followed.rows} == {"big -> wide"}
    assert follow(followed, now.suite) == followed
    assert follow(frozen, named(("big", "small")).suite) == frozen


def test_the_rows_of_a_model_follow_their_way_of_teaching() -> None:
    before = make_results(Shape(teaching=("single", "ensemble")))
    now = before.suite.model_copy(
        update={"teaching": (SweptChoice(use="single"), SweptChoice(use="ensemble", options={"count": 5}))}
    )
    followed = follow(baseline_of(before), now)
    assert "kd, ensemble(count=5)" in {row.row for row in followed.rows}
    (students,) = [model for model in followed.models if model.role == "student"]
    assert students.rows == ("cross_entropy", "kd", "kd, ensemble(count=5)")
