"""Labels that would overlap."""

from kdbench.report.writing.series import spread_out


def test_labels_are_spread_by_hand():
    # Upwards at least 10 apart: 0, 10, 20, 60; nothing reaches over the top
    assert spread_out([-5, 1, 2, 60], 10, 100) == [0, 10, 20, 60]
    # 95, 105, 115 are pushed down from the top: 80, 90, 100
    assert spread_out([95, 96, 97], 10, 100) == [80, 90, 100]
