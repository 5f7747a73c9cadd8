from kdbench.analyze import recommend, summarize
from kdbench.results import Outcome
from tests.records import Shape, make_results

WOBBLE = (0.0, 0.0011, -0.0008, 0.0005, -0.0004)


def run(seeds=5, **levels):
    """One pair whose losses lie at these levels, each seed a little off, by loss in its own order."""

    def accuracy(pair, loss, seed):
        shift = sum(map(ord, loss)) % 5
        return levels.get(loss, 0.95) + WOBBLE[(seed + shift) % 5]

    losses = [loss for loss in levels if loss != "teacher"]
    return Shape(seeds=seeds, losses=losses, accuracy=accuracy)


def test_a_loss_shown_better_is_shipped():
    found = recommend(summarize(make_results(run(cross_entropy=0.90, kd=0.93))))
    assert found.student.loss == "kd"
    assert found.sentence.startswith("Ship small trained with 'kd' by teacher big: it gets 93.01 %")
    assert "gains +3.00 points over the student alone (95 % interval" in found.sentence
    assert not any("smoke test" in caveat for caveat in found.caveats)
    assert any("One teacher stands behind all seeds" in caveat for caveat in found.caveats)


def test_a_lead_within_noise_is_not_shipped():
    found = recommend(summarize(make_results(run(cross_entropy=0.90, kd=0.9003))))
    assert found.student.alone
    assert "no loss is shown to beat the student trained alone ('kd' leads on validation" in found.sentence


def test_few_seeds_are_called_a_smoke_test():
    found = recommend(summarize(make_results(run(seeds=3, cross_entropy=0.90, kd=0.90))))
    assert any(c.startswith("With 3 seeds this is a smoke test: it claims nothing") for c in found.caveats)


def test_selection_looks_at_validation_not_test():
    def test_top1(pair, loss, seed):
        return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.92, "dkd": 0.94}[loss] + WOBBLE[(seed + len(loss)) % 5]

    def validation(pair, loss, seed):
        return {"teacher": 0.95, "cross_entropy": 0.90, "kd": 0.94, "dkd": 0.92}[loss]

    shape = Shape(seeds=5, losses=("cross_entropy", "kd", "dkd"), accuracy=test_top1, validation=validation)
    assert recommend(summarize(make_results(shape))).student.loss == "kd"


def test_without_the_student_alone_no_gain_is_claimed():
    found = recommend(summarize(make_results(run(kd=0.93, dkd=0.92))))
    assert found.student.loss == "kd"
    assert "the student alone was not run" in found.sentence


def test_nothing_to_ship():
    outcomes = {
        ("big -> small", loss, s): Outcome(status="failed", reason="x")
        for loss in ("cross_entropy", "kd")
        for s in range(3)
    }
    found = recommend(summarize(make_results(Shape(outcomes=outcomes))))
    assert found.student is None
    assert "nothing to ship" in found.sentence
    assert "6 of 7 rows have no result" in found.caveats[0]


def test_several_pairs_trade_accuracy_against_latency():
    shape = Shape(pairs=(("big", "small"), ("wide", "thin")), seeds=5, losses=("cross_entropy",))
    shape.accuracy = lambda pair, loss, seed: 0.90 + 0.03 * pair + WOBBLE[(seed + pair) % 5]
    found = recommend(summarize(make_results(shape)))
    assert found.student.model == "thin"
    assert "small trained alone, stands at −3.00 points" in found.caveats[0]
    assert "times its latency (unpaired" in found.caveats[0]


def test_a_cheaper_student_shown_equivalent_wins():
    shape = Shape(pairs=(("big", "small"), ("wide", "thin")), seeds=5, losses=("cross_entropy",))
    shape.accuracy = lambda pair, loss, seed: 0.90 + 0.0005 * pair + WOBBLE[(seed + pair) % 5]
    assert recommend(summarize(make_results(shape))).student.model == "small"


def test_a_loss_with_failed_seeds_is_no_rival():
    shape = run(cross_entropy=0.90, kd=0.93, dkd=0.94)
    shape.outcomes = {("big -> small", "dkd", 0): Outcome(status="failed", reason="NaN")}
    assert recommend(summarize(make_results(shape))).student.loss == "kd"
