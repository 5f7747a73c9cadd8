from hypothesis import given
from hypothesis import strategies as st

from kdbench.analyze.pareto import nondominated

POINTS = st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)), max_size=12)


def test_by_hand():
    points = [(0.9, 1.0), (0.8, 1.0), (0.95, 2.0), (0.9, 3.0), (0.9, 1.0)]
    assert nondominated(points) == [True, False, True, False, True]


@given(POINTS)
def test_every_point_left_out_is_beaten_by_one_that_is_in(points):
    flags = nondominated(points)
    front = [p for p, flag in zip(points, flags, strict=True) if flag]
    assert bool(front) == bool(points)
    for point, flag in zip(points, flags, strict=True):
        beaten = [q for q in front if q[0] >= point[0] and q[1] <= point[1] and q != point]
        assert bool(beaten) != flag
