"""A summary or a verdict as HTML, Markdown, JSON or JUnit XML. No torch."""

from kdbench.report.check.junit import verdict_junit
from kdbench.report.check.verdict import render_verdict, verdict_json, verdict_markdown
from kdbench.report.page import render_report

__all__ = ["render_report", "render_verdict", "verdict_json", "verdict_junit", "verdict_markdown"]
