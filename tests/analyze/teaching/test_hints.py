"""Rows of losses that read one layer, by layer and transform."""

from dataclasses import replace

from kdbench.analyze import Summary, summarize
from kdbench.analyze.teaching.hints import hint_maps
from tests.records import Shape, make_results

# What was trained under the losses at the left stands for hints: the loss, and its options.
HINTS = {
    "nkd": ("fitnet", {"student_layer": "first", "teacher_layer": "first"}),
    "dkd": ("fitnet", {"student_layer": "last", "teacher_layer": "last", "transform": "raw"}),
    "dist": ("attention_transfer", {"student_layers": ["last"], "teacher_layers": ["last"]}),
    "ttm": ("fitnet", {"student_layer": "first", "teacher_layer": "last", "transform": "raw"}),
    "wttm": ("attention_transfer", {"student_layers": ["first", "last"], "teacher_layers": ["first", "last"]}),
}


def hinted(*losses: str) -> Summary:
    """Named as they were trained."""
    results = make_results(Shape(seeds=5, losses=("cross_entropy", "kd", *losses)))
    given = {loss: {"use": HINTS[loss][0], "name": loss, "options": HINTS[loss][1]} for loss in losses}
    listed = [given.get(loss["name"], loss) for loss in results.run.suite["losses"]]
    return summarize(
        replace(results, run=results.run.model_copy(update={"suite": results.run.suite | {"losses": listed}}))
    )


def test_losses_of_one_layer_have_their_place_and_others_none() -> None:
    summary = hinted(*HINTS)
    (found,) = hint_maps(summary.pairs, summary.suite)
    assert found.layers == ("first", "last", "first from last")
    assert found.transforms == ("projected", "raw", "attention transfer")
    assert {place: row.loss for place, row in found.rows.items()} == {
        ("first", "projected"): "nkd",
        ("last", "raw"): "dkd",
        ("last", "attention transfer"): "dist",
        ("first from last", "raw"): "ttm",
    }


def test_one_layer_is_no_map() -> None:
    summary = hinted("dkd", "dist")
    assert hint_maps(summary.pairs, summary.suite) == ()
