"""The section on calibration and agreement."""

from kdbench.analyze import summarize
from kdbench.report.sections.calibration import calibration_section
from tests.records import Shape, make_results
from tests.report.sections.shown import cells


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_calibration_and_agreement_in_figures() -> None:
    section = calibration_section(summarize(make_results(Shape(seeds=5, accuracy=steady))))
    kd, teacher = (cells(section, "calibration", name) for name in (": kd", ": teacher"))
    assert kd["NLL nats"].text == "0.300"
    assert kd["Agreement % of test"].text == "96.58 %"  # half way from 93.16 % to all
    assert (teacher["Agreement % of test"].text, teacher["KL to the teacher nats"].text) == ("—", "—")
    assert [image.name for image in section.images] == ["reliability-0"]
