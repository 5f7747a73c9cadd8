import pytest

from kdbench.report.writing import formats as f
from kdbench.statistics.intervals import Interval
from kdbench.statistics.ratios import RatioEstimate


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (f.percent(0.91234), "91.23 %"),
        (f.percent(None), "—"),
        (f.points(-0.0042), "−0.42"),
        (f.points(-0.00001), "0.00"),
        (f.percent_interval(Interval(0.908, 0.916)), "90.80 to 91.60"),
        (f.points_interval(Interval(-0.001, 0.0094)), "−0.10 to +0.94"),
        (f.points_interval(Interval(-0.00001, 0.0094)), "0.00 to +0.94"),
        (f.points_interval(None), ""),
        (f.times(8), "8.00×"),
        (f.times(12.34), "12.3×"),
        (f.ratio_interval(RatioEstimate(5.414, 5.316, 5.504, 5, 40)), "5.41× (5.32 to 5.50)"),
        (f.ratio_interval(RatioEstimate(1.5, 1.4321, 1.5712, 5, 40)), "1.50× (1.432 to 1.571)"),
        (f.ratio_interval(RatioEstimate(40.0, 1.9996, 2.001, 5, 40)), "40.0× (2.000 to 2.00)"),
        (f.ratio_interval(None), "—"),
        (f.count(12345), "12,345"),
        (f.count(1_234_567), "1.23 M"),
        (f.count(7.2e9), "7.20 G"),
        (f.count(57.25), "57.2"),
        (f.byte_size(512), "512 B"),
        (f.byte_size(51200), "50.0 KiB"),
        (f.byte_size(3 * 2**40), "3,072 GiB"),
        (f.microseconds(42.14), "42.1 µs"),
        (f.microseconds(1500), "1.50 ms"),
        (f.seconds(0.85), "850 ms"),
        (f.seconds(12.34), "12.3 s"),
        (f.seconds(245), "4 min 05 s"),
        (f.seconds(7380), "2 h 03 min"),
        (f.several(1, "loss"), "1 loss"),
        (f.several(2, "loss"), "2 losses"),
        (f.several(0, "seed"), "0 seeds"),
    ],
)
def test_numbers_as_readers_want_them(made, text):
    assert made == text
