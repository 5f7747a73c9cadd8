from kdbench.analyze.models.trained import trained_models
from tests.records import Shape, make_results


def test_every_trial_of_a_row_has_its_curve_costs_and_files() -> None:
    results = make_results(Shape(seeds=2, variants=("fp32", "int8_dynamic")))
    found = trained_models(results)
    assert set(found) == {entry.key for entry, _ in results.done}
    for key, model in found.items():
        record = results.records[key]
        assert (model.curve, model.selected_epoch, model.training) == (
            record.curve, record.selected_epoch, record.training,
        )  # fmt: skip
        assert {file.key for file in model.files} == {a.key for a in results.artifacts.values() if a.trial == key}
    student = next(entry.key for entry, _ in results.done if entry.role == "student")
    assert sorted(file.label for file in found[student].files) == ["fp32", "int8_dynamic"]
