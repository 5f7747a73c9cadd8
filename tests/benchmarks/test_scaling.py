"""The pure parts of the benchmarks of cost: generated suites, bounds, what is derived from raw figures, the tables."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.engine.bounds import kernels, layers, time_kernels, training_flops
from benchmarks.engine.document import MARKED, PAGE, TABLES, fill, markdown
from benchmarks.engine.findings import added, growth, step, sweep_shares
from benchmarks.engine.generated import LOSSES
from benchmarks.engine.scaling import AXES, BASE, Point, arithmetic, job_of, on_axis, points, suite_text, teacher_width
from benchmarks.engine.step_phases import NETWORKS, phases_of
from kdbench.spec import Plan, plan
from kdbench.spec.suite_file import parse_suite
from kdbench.zoo.catalog import Catalog

CATALOG = Catalog(("benchmarks.engine.datasets",))


class Branching(nn.Module):
    """A strided convolution without bias, an in-place ReLU after the next, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4 * 4 * 4, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.relu(self.conv2(self.conv1(images))).flatten(1))


def planned(point: Point, views: str = "fresh") -> Plan:
    return plan(parse_suite(suite_text(job_of(point, views, per_class=40, epochs=2)), "x.toml", CATALOG), CATALOG)


@pytest.mark.parametrize("point", points(AXES), ids=lambda point: point.label)
def test_suite_of_each_point(point: Point) -> None:
    students = [entry for entry in planned(point).entries if entry.role == "student"]
    assert len(students) == point.losses * point.seeds
    assert len(LOSSES) >= max(AXES["losses"])


def test_points_change_one_thing() -> None:
    assert points(AXES)[0] == BASE
    assert len(points(AXES)) == sum(map(len, AXES.values())) - len(AXES) + 1
    assert on_axis("teacher", 16) == Point(teacher=16)


def test_views_share_the_teacher_and_the_data_axis_does_not() -> None:
    def teachers(found: Plan) -> set[str]:
        return {entry.key for entry in found.entries if entry.role == "teacher"}

    assert teachers(planned(BASE, "fresh")) == teachers(planned(BASE, "shared"))
    assert teachers(planned(BASE)) != teachers(planned(on_axis("data", 2)))


@pytest.mark.parametrize("times", AXES["teacher"])
def test_teacher_arithmetic(times: int) -> None:
    assert arithmetic(teacher_width(times)) / arithmetic(32) == pytest.approx(times, rel=0.05)


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_of_the_breakdown(network: str) -> None:
    made = plan(parse_suite(suite_text(NETWORKS[network]), network, CATALOG), CATALOG)
    assert [entry.role for entry in made.entries] == ["teacher", "student"]


def test_flops_of_a_linear_layer() -> None:
    model, images = nn.Linear(6, 5), torch.zeros(2, 6)
    assert training_flops(model, images, backward=False) == 2 * 2 * 6 * 5
    assert training_flops(model, images) == 2 * 2 * 2 * 6 * 5  # and the gradient of the weights


def test_kernels_are_those_of_the_network() -> None:
    model, images, labels = Branching(), torch.randn(3, 3, 8, 8), torch.tensor([0, 1, 2])
    found = layers(model, images, labels)
    assert [(layer.name, layer.first) for layer in found] == [("conv1", True), ("conv2", False), ("fc", False)]
    assert all(parameter.grad is None for parameter in model.parameters())
    every = kernels(found)
    backward = [f"{name} backward" for name in ("fc", "conv2", "conv1")]
    assert [name for name, _ in every] == [f"{layer.name} forward" for layer in found] + backward
    assert all(seconds >= 0 for seconds in time_kernels(every).values())
    calls = dict(every)
    # Forward: each layer's own output on what entered it. Backward: the gradients that autograd finds.
    entered = images
    for layer in found[:2]:
        torch.testing.assert_close(layer.entered, entered)
        entered = calls[f"{layer.name} forward"]()
    functional.cross_entropy(model(images), labels).backward()
    _, conv1, nothing = calls["conv1 backward"]()
    torch.testing.assert_close(conv1, model.conv1.weight.grad)
    assert nothing is None
    _, conv2, bias = calls["conv2 backward"]()
    torch.testing.assert_close(conv2, model.conv2.weight.grad)
    torch.testing.assert_close(bias, model.conv2.bias.grad)
    linear, bias, into = calls["fc backward"]()
    torch.testing.assert_close(linear, model.fc.weight.grad)
    torch.testing.assert_close(bias, model.fc.bias.grad)
    assert into.shape == (3, 64)


def test_phases_add_up() -> None:
    names = ["begin", "forward begins", "forward", "loss begins", "loss", "backward begins", "backward", "optimizer"]
    marks = [(name, float(at**2)) for at, name in enumerate([*names, "end"])]
    found = phases_of(marks)
    assert sum(found.values()) == 64
    assert (found["forward"], found["loss"], found["optimizer"]) == (3, 7, 13)


def trial(**changed: object) -> dict[str, object]:
    same = {"step_seconds": 2.0, "evaluation_seconds": 1.0, "data_seconds": 4.0, "cohort": 2, "teacher_seconds": 6.0}
    return {**same, "teacher_seconds_alone": 9.0, "teacher_shared_by": 2, **changed}


def run(trials: int = 2, cpu: float = 18.0) -> dict[str, object]:
    waves = [{"processes": 2, "threads": 1, "seconds": 10.0, "cpu_seconds": cpu}]
    return {"seconds": 15.0, "cpu_seconds": 25.0, "waves": waves, "trials": [trial()] * trials}


def test_growth_and_the_added_loss() -> None:
    units = {f"{BASE.label}/shared/0": run(), f"{BASE.label}/shared/1": run()}
    units |= {"added/shared/0": {"finished": run(), "added": run(trials=1, cpu=10.0), "again": run()}}
    content = {"axes": {"losses": [1, 4]}, "units": units}
    ((value, cost),) = growth(content, "losses", "shared").items()
    assert (value, cost.waves, cost.processes) == (4, 10.0, 2)
    assert (cost.own, cost.training, cost.alone) == (6.0, 16.0, 32.0)
    found = added(content, "shared")
    assert found
    assert (found.own, found.shared, found.rest) == (3.0, 5.0, 2.0)
    assert added(content, "fresh") is None


def test_shares_of_a_sweep_add_up() -> None:
    found = sweep_shares(run())
    assert sum(found.values()) == pytest.approx(1)
    assert found["idle"] == pytest.approx(0.1)
    assert found["student's steps"] == pytest.approx(0.2)


def test_step_against_its_bounds() -> None:
    phases = {"forward": [1.0], "loss": [0.5], "backward": [2.0], "optimizer": [0.25], "preparing": [0.25]}
    training = {"phases": phases, "steps": 1, "data_seconds": 1.0, "teacher_seconds": 5.0, "evaluation_seconds": 314.0}
    one = {"live": training, "cached": training, "kernels": [{"a": 1.0, "b": 2.0}], "matmul_flops_per_second": 4.0}
    found = step({"flops": 8, "batch": 128, "rounds": [one]})
    assert (found.own, found.bounds) == (4.0, {"matmul": 2.0, "kernels": 3.0})
    assert found.live["evaluation"] == pytest.approx(1.0)
    assert found.in_sweep("live")["teacher"] == pytest.approx(1.0)
    assert found.in_sweep("cached")["teacher"] == pytest.approx(1.0 + 0.2)


def test_tables_stand_between_their_markers() -> None:
    page = "a\n<!-- table: bounds -->\nold\n<!-- end -->\nb\n"
    filled = fill(page, {})
    assert "old" not in filled
    assert "Not measured yet: `python -m benchmarks.engine.breakdown`." in filled
    assert fill(filled, {}) == filled
    assert markdown(("x", "y"), [("a", "2")]) == "| x | y |\n|---|---:|\n| a | 2 |"


def test_every_table_of_the_page_is_known() -> None:
    assert {found[2] for found in MARKED.finditer(PAGE.read_text("utf-8"))} == TABLES.keys()
