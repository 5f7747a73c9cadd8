"""A verdict as JUnit XML, which GitLab, Jenkins and others show by test case."""

from xml.etree import ElementTree

from kdbench.analyze import Status, Verdict
from kdbench.analyze.gate.verdict import FIGURES, WORST_FIRST

ELEMENTS: dict[Status, str] = {
    "regressed": "failure",
    "invalid": "error",
    "inconclusive": "skipped",
    "unjudged": "skipped",
}


def verdict_junit(verdict: Verdict) -> str:
    """Regressed is a failure, inconclusive and unjudged are skipped, invalid is an error."""
    by_status = {status: sum(entry.status == status for entry in verdict.entries) for status in WORST_FIRST}
    counts = {
        "tests": str(len(verdict.entries)),
        "failures": str(by_status["regressed"]),
        "errors": str(by_status["invalid"]),
        "skipped": str(by_status["inconclusive"] + by_status["unjudged"]),
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"kdbench check {_xml(verdict.suite)}", **counts})
    for entry in verdict.worst_first:
        names = {"classname": f"kdbench.{FIGURES[entry.kind]}", "name": f"{FIGURES[entry.kind]}: {_xml(entry.what)}"}
        case = ElementTree.SubElement(suite, "testcase", names)
        message = _xml(f"inconclusive: {entry.message}" if entry.status == "inconclusive" else entry.message)
        if element := ELEMENTS.get(entry.status):
            ElementTree.SubElement(case, element, {"message": message}).text = message
        else:
            ElementTree.SubElement(case, "system-out").text = message
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Without the control characters that XML 1.0 cannot hold, such as the colours of a traceback."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
