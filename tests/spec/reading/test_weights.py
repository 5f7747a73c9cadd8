"""The weights that teachers bring: found beside the suite file, known by their content, refused where they cannot be."""

from pathlib import Path

import pytest

from kdbench import api
from kdbench.spec import UserError, load_suite
from kdbench.zoo.catalog import Catalog
from tests.small import small_suite

SUITE = """
name = "x"
data = "digits"
losses = ["kd"]
[[pairs]]
teacher = {{ use = "mlp", weights = {weights} }}
student = {{ use = "mlp", hidden = [8] }}
"""


def pairs(**teacher: object) -> dict[str, object]:
    return {"pairs": [{"teacher": {"use": "mlp", **teacher}, "student": {"use": "mlp", "hidden": [8]}}]}


@pytest.mark.parametrize("weights", ['"t.pt"', '{ file = "t.pt", pixels = "unit" }'])
def test_a_path_begins_in_the_folder_of_the_suite(tmp_path: Path, weights: str) -> None:
    (tmp_path / "t.pt").write_bytes(b"abc")
    (tmp_path / "x.toml").write_text(SUITE.format(weights=weights))
    suite = load_suite(tmp_path / "x.toml", Catalog())
    plan = api.plan(suite)
    found = plan.suite.pairs[0].teacher.weights
    assert found
    assert found.file == str(tmp_path / "t.pt")
    # echo -n abc | sha256sum
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert plan.entries[0].model == "mlp(weights=t.pt)"


def test_the_key_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    def keys(content: bytes, name: str, **more: object) -> set[str]:
        (tmp_path / name).write_bytes(content)
        return set(api.plan(small_suite(**pairs(weights={"file": str(tmp_path / name), **more}))).trials)

    first = keys(b"abc", "a.pt")
    assert keys(b"abc", "b.pt") == first
    assert keys(b"abcd", "a.pt").isdisjoint(first - set(api.plan(small_suite(losses=["cross_entropy"])).trials))
    assert keys(b"abc", "a.pt", pixels="unit") != first


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (pairs(weights="none.pt"), "cannot read the weights 'none.pt': No such file or directory"),
        (pairs(weights="."), "cannot read the weights '.': Is a directory"),
        (pairs(weights="t.onnx"), "'mlp' has the weights \"t.onnx\""),
        (pairs(use="onnx"), "'onnx' has no weights"),
        (pairs(use="onnx", weights="t.pt"), "'onnx' has the weights \"t.pt\""),
        (pairs(use="onnx", weights={"file": "t.onnx", "tune": True}), "the network of an ONNX file is not trained"),
        (pairs(weights={"published": "V1"}), "'mlp' has no published weights"),
        ({**pairs(weights="t.pt"), "teacher_seeds": 2}, "a teacher brings its weights, of which there is one set"),
        (
            {"pairs": [{"teacher": "mlp", "student": "onnx"}]},
            "'onnx' is a student: the network of a file is not trained",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("t.pt", "t.onnx"):
        Path(name).write_bytes(b"abc")
    with pytest.raises(UserError) as caught:
        api.plan(small_suite(**changes))
    (problem,) = caught.value.problems
    assert said in problem.what
    assert problem.help


def test_what_is_no_file_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(SUITE.format(weights="3"))
    with pytest.raises(UserError, match=r"pairs\[0\].teacher.weights is 3(?s:.*)x.toml:6(?s:.*)teacher.safetensors"):
        load_suite(tmp_path / "x.toml", Catalog())
    (tmp_path / "x.toml").write_text(SUITE.format(weights='{ pixels = "unit" }'))
    with pytest.raises(UserError, match="weights are those of a file or published: give one"):
        load_suite(tmp_path / "x.toml", Catalog())


def test_a_misspelt_key_of_a_teacher_is_guessed() -> None:
    with pytest.raises(UserError, match=r"did you mean 'weights'\? 'mlp' takes dropout, hidden, weights"):
        api.plan(small_suite(**pairs(weigths="t.pt")))


def test_teachers_that_are_tuned_are_trained_as_others_are(tmp_path: Path) -> None:
    (tmp_path / "t.pt").write_bytes(b"abc")
    changes = pairs(weights={"file": str(tmp_path / "t.pt"), "tune": True})
    plan = api.plan(small_suite(**changes, teacher_seeds=2, teacher_train={"epochs": 7}))
    teachers = [plan.trials[entry.key] for entry in plan.entries if entry.role == "teacher"]
    assert [(trial.seed, len(trial.epochs)) for trial in teachers] == [(0, 7), (1, 7)]
    assert all(trial.weights == plan.suite.pairs[0].teacher.weights for trial in teachers)


def test_several_teachers_cannot_be_asked_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "t.pt").write_bytes(b"abc")
    changes = pairs(weights=str(tmp_path / "t.pt"))
    with pytest.raises(UserError, match="several teachers of 'mlp"):
        api.plan(small_suite(**changes, teaching=[{"use": "ensemble", "count": 2}]))
