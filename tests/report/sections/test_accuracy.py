"""The plot of accuracy against cost."""

import re

from kdbench.analyze import summarize
from kdbench.report.sections.accuracy import accuracy_section
from tests.records import Shape, make_results


def steady(pair, loss, seed):
    """Seeds differ by a tenth of a point, gains by seed by two hundredths."""
    level = {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.93}[loss]
    return level + 0.001 * (seed % 4) + (0.0002 * seed if loss == "kd" else 0.0)


def test_probabilities_of_the_front_stand_in_the_plot() -> None:
    (image,) = accuracy_section(summarize(make_results(Shape(seeds=5, accuracy=steady)))).images
    assert "small, kd: mean 93.16 %; on the Pareto front in 100 % of draws" in image.inline
    assert "small, cross_entropy: mean 90.12 %; on the Pareto front in 0 % of draws" in image.inline


def test_of_many_losses_those_in_the_background_are_counted_and_have_no_seeds() -> None:
    losses = ("cross_entropy", "kd", *(f"loss_{i}" for i in range(9)))
    results = make_results(Shape(seeds=2, losses=losses, accuracy=lambda pair, row, seed: 0.8 + 0.01 * len(row)))
    (image,) = accuracy_section(summarize(results)).images
    # Ten losses have a teacher: plain distillation and the best five, of which one may be kd, are in front.
    behind = set(re.findall(r'class="series quiet" data-series="([^"]*)"', image.inline))
    assert len(behind) in (4, 5)
    assert f">{len(behind)} others<" in image.inline
    for name in behind:
        assert f"small, {name}: mean" in image.inline
        assert f"small, {name}, seed" not in image.inline
        assert f">{name}<" not in image.inline


def test_rows_whose_names_are_long_can_be_told_apart_in_the_legend() -> None:
    shape = Shape(seeds=3, losses=("cross_entropy", "teacher_annealing"), teaching=("single", "generations"))
    (image,) = accuracy_section(summarize(make_results(shape))).images
    assert ">teacher_annealing, generations(count=3)<" in image.inline
