import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kdbench.statistics.intervals import Interval
from kdbench.statistics.pareto import Cost, front_probability, hypervolume

POINTS = st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(1, 6).map(float)), max_size=12)


def on_front(points):
    """Which (accuracy, cost) points are on the front: with one seed and exact costs nothing is drawn."""
    shares = front_probability([{0: accuracy} for accuracy, _ in points], costs(*(cost for _, cost in points)), draws=3)
    assert set(shares) <= {0.0, 1.0}
    return [share == 1 for share in shares]


def test_by_hand():
    points = [(0.9, 1.0), (0.8, 1.0), (0.95, 2.0), (0.9, 3.0), (0.9, 1.0)]
    assert on_front(points) == [True, False, True, False, True]


@given(POINTS)
def test_every_point_left_out_is_beaten_by_one_that_is_in(points):
    flags = on_front(points)
    front = [p for p, flag in zip(points, flags, strict=True) if flag]
    assert bool(front) == bool(points)
    for point, flag in zip(points, flags, strict=True):
        beaten = [q for q in front if q[0] >= point[0] and q[1] <= point[1] and q != point]
        assert bool(beaten) != flag


def costs(*values):
    return [Cost(value, str(index)) for index, value in enumerate(values)]


def test_better_in_every_seed_is_better_in_every_draw():
    # Seeds differ by far more than the models: only draws that are paired by seed find it.
    worse = {0: 0.2, 1: 0.5, 2: 0.9}
    better = {seed: value + 0.001 for seed, value in worse.items()}
    assert front_probability([better, worse], costs(1, 1)) == [1, 0]
    assert front_probability([better, worse], costs(2, 1)) == [1, 1]


def test_equal_models_are_both_on_the_front():
    same = {0: 0.2, 1: 0.5, 2: 0.9}
    assert front_probability([same, dict(same)], costs(1, 1)) == [1, 1]


def test_two_seeds_by_hand():
    # The mean is .85 + .05 t(1), and Student's t of one degree of freedom is over 1 in a quarter of all draws.
    found = front_probability([{0: 0.8, 1: 0.9}, {0: 0.9, 1: 0.9}], costs(1, 1), draws=20_000)
    assert found == pytest.approx([0.25, 0.75], abs=0.015)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_of_two_models_the_share_is_that_of_a_paired_t_test(n):
    rng = np.random.default_rng(n)
    shared = rng.normal(0.8, 0.03, n)  # what makes seeds differ is common to both
    one, other = shared + rng.normal(0, 0.01, n), shared + rng.normal(0.003, 0.01, n)
    found = front_probability([dict(enumerate(one)), dict(enumerate(other))], costs(1, 1), draws=20_000)
    p_value = stats.ttest_rel(one, other, alternative="greater").pvalue
    assert found == pytest.approx([1 - p_value, p_value], abs=0.015)


def test_costs_are_drawn_from_their_intervals():
    # 1.1 within 1.0 to 1.21 is a log-normal of log SD log(1.21) / (2 * 1.96); the other cost is exact.
    accuracy = {0: 0.8}
    drawn = Cost(1.1, "drawn", Interval(1.0, 1.21))
    found = front_probability([accuracy, accuracy], [drawn, Cost(1.0, "exact")], draws=20_000)
    assert found == pytest.approx([stats.norm.cdf(-1.95996), stats.norm.cdf(1.95996)], abs=0.004)


def test_models_of_one_measurement_tie():
    interval = Interval(0.5, 2.0)
    one, other = {0: 0.8, 1: 0.9}, {0: 0.7, 1: 0.8}
    assert front_probability([one, other], [Cost(1, "a", interval), Cost(1, "a", interval)]) == [1, 0]
    apart = front_probability([one, other], [Cost(1, "a", interval), Cost(1, "b", interval)])
    assert apart[1] == pytest.approx(0.5, abs=0.05)


def test_a_model_of_other_seeds_has_its_own_draws():
    # The teacher of one seed stays at .85; the student's own seeds are drawn as if it were alone.
    found = front_probability([{7: 0.85}, {0: 0.8, 1: 0.9}], costs(1, 1), draws=20_000)
    assert found == pytest.approx([0.5, 0.5], abs=0.02)


def test_draws_are_the_same_every_time():
    models = [{0: 0.8, 1: 0.9, 2: 0.7}, {0: 0.85, 1: 0.8, 2: 0.8}]
    assert front_probability(models, costs(1, 1)) == front_probability(models, costs(1, 1))
    assert front_probability(models, costs(1, 1)) != front_probability(models, costs(1, 1), seed=1)
    assert front_probability([], []) == []


@pytest.mark.parametrize(
    ("accuracies", "spent", "message"),
    [
        ([{0: 0.5}], [], "1 models against 0 costs"),
        ([{}], costs(1), "model 0 has no accuracy"),
        ([{0: 0.5}], costs(0), "not above 0"),
        ([{0: 0.5}], [Cost(1, "a", Interval(0, 2))], "cost of a is not above 0"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(accuracies, spent, message):
    with pytest.raises(ValueError, match=message):
        front_probability(accuracies, spent)


CORNER = (0.1, 100.0)  # chance, and the teacher's cost


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0),
        ([(0.9, 10)], 0.8),  # .8 over chance by one decade
        ([(0.9, 100)], 0),  # the teacher itself
        ([(0.9, 10), (0.8, 1)], 1.5),  # .7 by two decades, and .1 more by one
        ([(0.9, 10), (0.8, 1), (0.7, 5)], 1.5),  # the third is dominated
        ([(0.9, 10), (0.8, 10)], 0.8),  # as cheap, and worse
        ([(0.9, 10), (0.9, 1)], 1.6),  # as accurate, and cheaper
        ([(0.9, 10)] * 3, 0.8),
        ([(0.1, 1), (0.05, 1)], 0),  # no better than chance
        ([(0.95, 200), (0.9, 10)], 0.8),  # dearer than the teacher
    ],
)
def test_hypervolume_by_hand(points, area):
    assert hypervolume(points, CORNER) == pytest.approx(area)
    assert hypervolume(points[::-1], CORNER) == pytest.approx(area)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 4)), max_size=8))
def test_hypervolume_counts_the_cells_that_a_point_dominates(cells):
    # Accuracy in steps of .1 from a chance of .1, costs in whole decades under the teacher's.
    points = [(0.1 + up / 10, 100.0 * 10.0**-saved) for up, saved in cells]
    covered = {(i, j) for up, saved in cells for i in range(up) for j in range(saved)}
    assert hypervolume(points, CORNER) == pytest.approx(len(covered) / 10)


def test_a_logarithm_needs_a_cost():
    with pytest.raises(ValueError, match="above 0"):
        hypervolume([(0.9, 0.0)], CORNER)
