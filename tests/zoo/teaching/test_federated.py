"""Which trials a federation makes."""

import pytest

from kdbench import api
from kdbench.spec import DataSpec, Suite, Trial, UserError
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.digits import digits
from kdbench.zoo.datasets.splits import split
from tests.small import small_suite

RECIPE = {"epochs": 4, "batch_size": 64}


def suite(**options: object) -> Suite:
    way = {"use": "federated", "name": "way", "clients": 2, "rounds": 2, **options}
    return small_suite(seeds=2, teaching=[way], losses=["cross_entropy", "kd"], train=RECIPE)


def trials(loss: str, **options: object) -> dict[tuple[str, int], list[Trial]]:
    """Those of one loss at seed 1, by role and round."""
    plan = api.plan(suite(**options))
    found: dict[tuple[str, int], list[Trial]] = {}
    for entry in plan.entries:
        if (entry.loss, entry.teaching, entry.seed) == (loss, "way", 1):
            found.setdefault((entry.role, entry.position), []).append(plan.trials[entry.key])
    return found


def test_fedavg_merges_what_every_client_trained_from_the_last_mean() -> None:
    found = trials("cross_entropy")
    assert {place: len(each) for place, each in found.items()} == {
        ("step", 1): 2,
        ("stage", 1): 1,
        ("step", 2): 2,
        ("student", 2): 1,
    }
    (first,), (last,) = found["stage", 1], found["student", 2]
    assert [client.start for client in found["step", 1]] == [(), ()]
    assert [client.start for client in found["step", 2]] == [(first.key,)] * 2
    assert [client.span for place in (1, 2) for client in found["step", place]] == [(0, 2), (0, 2), (2, 4), (2, 4)]
    for server, clients in ((first, found["step", 1]), (last, found["step", 2])):
        assert server.start == tuple(client.key for client in clients)
        assert (server.merge, server.train.epochs) == ("samples", 0)


def test_feddf_teaches_the_mean_by_all_clients_without_labels() -> None:
    found = trials("kd")
    (server,) = found["student", 2]
    keys = tuple(client.key for client in found["step", 2])
    (lesson,) = server.lessons
    assert (lesson.teachers, lesson.combine, lesson.labels) == (keys, "logits", False)
    assert (server.start, server.merge, server.span) == (keys, "samples", (2, 4))
    assert all(client.lessons[0].loss.use == "cross_entropy" for client in found["step", 1])


def test_fedmd_merges_nothing_and_every_client_goes_on_from_itself() -> None:
    found = trials("kd", sends="logits")
    assert all(trial.merge == () for each in found.values() for trial in each)
    one, other, *taught = found["step", 1]
    assert [trial.start for trial in taught] == [(one.key,), (other.key,)]
    assert {trial.lessons[0].teachers for trial in taught} == {(one.key, other.key)}
    assert [trial.start for trial in found["step", 2]] == [(trial.key,) for trial in taught]
    (first,), (last,) = found["stage", 1], found["student", 2]
    assert (first.start, last.start) == ((), (first.key,))


def test_the_student_alone_is_fedavg_whatever_is_sent() -> None:
    assert trials("cross_entropy") == trials("cross_entropy", sends="logits")


def parts(data: DataSpec) -> list[int]:
    """The training samples that data has, by their images."""
    found = split(digits(None), data, Catalog()).train  # type: ignore[arg-type]
    return [hash(image.numpy().tobytes()) for image in found.images]  # type: ignore[union-attr]


def test_clients_and_server_divide_all_samples() -> None:
    found = trials("kd", clients=3, alpha=0.3)
    whole = parts(DataSpec.model_validate("digits"))
    clients = [parts(client.data) for client in found["step", 1]]
    server = parts(found["stage", 1][0].data)
    assert sorted(sum(clients, server)) == sorted(whole)
    assert len(server) == pytest.approx(0.2 * len(whole), abs=5)


def test_each_seed_divides_the_samples_anew() -> None:
    plan = api.plan(suite())
    seeds = {str(plan.trials[entry.key].data.parts) for entry in plan.entries if entry.role == "step"}
    assert len(seeds) == 2 * 2


def test_more_rounds_than_epochs_are_refused() -> None:
    with pytest.raises(UserError, match="'federated' has 5 rounds, and the recipe 4 epochs"):
        api.plan(suite(rounds=5))


def test_teaching_a_server_without_samples_is_refused() -> None:
    with pytest.raises(UserError, match=r"'federated' has no public samples \(public = 0\), on which 'kd' would teach"):
        api.plan(suite(public=0.0))
