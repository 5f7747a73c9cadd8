"""Which of several models no other beats in accuracy and cost at once."""

from collections.abc import Sequence


def nondominated(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (gain, cost): whether no other point has at least the gain at no more cost, and is better in one."""

    def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
        return a[0] >= b[0] and a[1] <= b[1] and a != b

    return [not any(dominates(other, point) for other in points) for point in points]
