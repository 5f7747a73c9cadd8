from xml.etree import ElementTree

from kdbench.analyze import GateEntry, Verdict
from kdbench.report import verdict_junit
from tests.report.check.test_verdict import ENTRIES, UNDECIDED, VERDICT


def test_junit_maps_statuses_and_is_valid_xml():
    root = ElementTree.fromstring(verdict_junit(VERDICT).encode())
    suite = root.find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    kinds = [next((child.tag for child in case), None) for case in suite]
    assert kinds == ["failure", "error", "skipped", "system-out"]
    assert suite[0].get("name") == "top-1: a<b>&c|d [31mred[0m"


def test_what_one_seed_shows_is_skipped():
    one = GateEntry("top1", "p / student / kd", "unjudged", "not judged: one seed", 0.9, 0.7, -0.2, n=1)
    suite = ElementTree.fromstring(verdict_junit(Verdict("quick", (*ENTRIES[:1], one))).encode()).find("testsuite")
    assert suite.get("skipped") == "1"
    assert [child.tag for child in suite[0]] == ["skipped"]


def test_an_inconclusive_figure_is_skipped_with_its_reason():
    case = ElementTree.fromstring(verdict_junit(UNDECIDED).encode()).find("testsuite/testcase")
    assert case[0].tag == "skipped"
    assert case[0].get("message") == "inconclusive: not measured: no provider"
