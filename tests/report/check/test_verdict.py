import json
from dataclasses import replace

from kdbench.analyze import GateEntry, Verdict
from kdbench.analyze.comparisons.changes import Change
from kdbench.report import render_verdict, verdict_json, verdict_markdown
from kdbench.report.check.verdict import refusal_markdown, remove_verdict, undecided, verdict_text
from kdbench.spec import UserError

EVIL = "a<b>&c|d \x1b[31mred\x1b[0m"
ENTRIES = (
    GateEntry("flops", "p / student", "pass", "900,000 FLOPs as before", baseline=9e5, current=9e5, limit=9e5),
    GateEntry("latency", "p / student / cuda", "inconclusive", "not measured: no provider", measured=False),
    GateEntry("top1", EVIL, "regressed", "-2.00 points", 0.9, 0.88, -0.02, -0.021, -0.019, -0.005, 5),
    GateEntry("top1", "p / student / kd", "invalid", EVIL, limit=-0.005),
)
AGAIN = "kdbench baseline quick --to base --replace"
VERDICT = Verdict("quick", ENTRIES, ("operators differ: Conv 3 -> 4",), rebaseline=AGAIN)


def test_markdown_puts_what_fails_first_and_says_how_to_accept():
    text = verdict_markdown(VERDICT)
    assert text.startswith("## Regression: quick\n\n1 regressed, 1 invalid, 1 inconclusive, 1 pass.")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].split()[1] for row in rows] == ["regressed", "invalid", "inconclusive", "pass"]
    assert "90.00 % | 88.00 %" in rows[0]
    assert "as the new baseline (trials that are done are not trained again):\n\n```sh\n" + AGAIN in text
    assert "operators differ" in text
    assert "<b>" not in text


def test_a_new_baseline_is_advised_after_a_regression_only_where_that_is_meant():
    meant, plain = "If the regression is meant, freeze the present", "To freeze the present"
    better = replace(UNDECIDED, entries=(replace(ENTRIES[1], status="pass", measured=True, improved=True),))
    verdicts = (VERDICT, better, UNDECIDED, replace(VERDICT, entries=()), replace(VERDICT, rebaseline=""))
    for told in (verdict_markdown, verdict_text):
        found = [(meant in text, plain in text) for text in map(told, verdicts)]
        assert found == [(True, False), (False, True), (False, False), (False, False), (False, False)]
    assert [bool(json.loads(verdict_json(each))["rebaseline"]) for each in verdicts] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_json_has_every_figure_and_the_exit_codes():
    found = json.loads(verdict_json(VERDICT))
    assert (found["status"], found["exit_code"], found["exit_code_strict"]) == ("regressed", 3, 3)
    assert found["entries"][0]["upper"] == -0.019
    assert found["entries"][0]["n"] == 5


def test_nothing_measured_is_said():
    assert verdict_markdown(Verdict("quick", ())).startswith("## Nothing was measured: quick\n\nno entries.")
    assert json.loads(verdict_json(Verdict("quick", ())))["exit_code"] == 6


def test_three_files_are_written(tmp_path):
    written = render_verdict(VERDICT, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["verdict.json", "verdict.md", "verdict.xml"]
    assert written["markdown"].read_text("utf-8") == verdict_markdown(VERDICT)


def test_what_an_earlier_check_wrote_is_removed(tmp_path):
    render_verdict(VERDICT, tmp_path)
    (tmp_path / "report.md").touch()
    remove_verdict(tmp_path)
    remove_verdict(tmp_path / "not there")
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_a_check_without_a_verdict_says_why():
    text = refusal_markdown(UserError("no ``` <b> here"), "my_suite.toml")
    assert text.startswith("## No verdict: my\\_suite.toml\n\nThe check ended with exit code 2 before")
    assert text.endswith("\n\n````\nerror: no ``` <b> here\n````\n")


def test_what_one_seed_shows_is_labelled_and_skipped():
    one = GateEntry("top1", "p / student / kd", "unjudged", "not judged: one seed", 0.9, 0.7, -0.2, n=1)
    verdict = Verdict("quick", (*ENTRIES[:1], one))
    text = verdict_markdown(verdict)
    assert text.startswith("## No regression in what was judged: quick\n\n1 not judged, 1 pass.")
    assert "| ℹ️ not judged |" in text
    assert json.loads(verdict_json(verdict))["exit_code_strict"] == 0


UNDECIDED = Verdict("quick", ENTRIES[:2], sees="With 3 seeds the gate sees <little>.", rebaseline=AGAIN)


def test_an_inconclusive_check_is_loud_and_no_pass():
    text = verdict_markdown(UNDECIDED)
    assert text.startswith(
        "## Inconclusive, not a pass: quick\n\n1 inconclusive, 1 pass.\n\n**1 of 2 figures could not"
    )
    assert "exit code is 0, and 4 with --strict, which CI should use" in text
    assert "in them. The exit code is 4.**" in verdict_markdown(UNDECIDED, strict=True)


def test_only_an_inconclusive_check_warns():
    assert undecided(UNDECIDED)
    assert undecided(VERDICT) == undecided(Verdict("quick", ENTRIES[:1])) == undecided(Verdict("quick", ())) == ""


def test_what_the_gate_sees_is_said():
    assert "\n\nWith 3 seeds the gate sees &lt;little&gt;.\n\n" in verdict_markdown(UNDECIDED)
    assert json.loads(verdict_json(UNDECIDED))["sees"] == UNDECIDED.sees


CHANGED = replace(
    VERDICT,
    covers="The baseline holds 1 pair.",
    beyond=("1 row: p / student / <dkd>",),
    changed={"suite": (Change("losses.kd.temperature", 4.0, 2.0),), "packages": (Change("torch", "2.14", None),)},
)


def test_what_changed_and_what_is_not_covered_are_said():
    text = verdict_markdown(CHANGED)
    assert "\n\nThe baseline holds 1 pair.\n\n" in text
    changes = '- suite: losses.kd.temperature was 4.0, is 2.0\n- packages: torch was "2.14", is not there\n'
    assert f"What changed since the baseline:\n\n{changes}" in text
    assert "not judged:\n\n- 1 row: p / student / &lt;dkd&gt;\n" in text
    found = json.loads(verdict_json(CHANGED))
    assert found["changed"]["suite"] == [{"what": "losses.kd.temperature", "before": 4.0, "after": 2.0}]
    assert (found["covers"], found["beyond"]) == ("The baseline holds 1 pair.", ["1 row: p / student / <dkd>"])


def test_an_improvement_is_told_with_the_way_to_hold_it():
    better = GateEntry("top1", "p / student / kd", "pass", "+2.00 points", 0.9, 0.92, improved=True)
    text = verdict_markdown(Verdict("quick", (better,), rebaseline=AGAIN))
    assert "| ⬆️ improved | top-1 | p / student / kd |" in text
    assert "frozen anew:\n\n- p / student / kd: top-1 improved: +2.00 points\n" in text
    assert AGAIN in text
